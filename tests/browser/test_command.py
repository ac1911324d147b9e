"""The page that `netpolicy audit` writes of a shipped cluster, with all that an audit can have."""

import json
from pathlib import Path

import pytest

from netpolicy.cli import main
from tests.browser.conftest import Opened

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

TWENTY = Path(__file__).parents[2] / "rules" / "clusters" / "twenty.yaml"


def report(node: str, **more: object) -> str:
    """What `drift --format json` prints of a node whose kernel holds something else."""
    now = "0" if more.get("in_force") else "1"
    generation = {family: {"wanted": "0" * 64, "in_force": now * 64} for family in ("v4", "v6")}
    finding = {"code": "NP801", "severity": "error", "message": "`NP-IN` has another rule", "name": "NP-IN"}
    known = {"format_version": 1, "tool": {"name": "netpolicy"}, "cluster": "als-twenty", "node": node, "class": ""}
    told = {"in_force": False, "findings": [finding], "generation": generation, "backend": "nft", "hits": None}
    return json.dumps(known | told | more)


def test_page_of_a_shipped_cluster(opened: Opened, tmp_path: Path) -> None:
    nodes = tmp_path / "nodes"
    nodes.mkdir()
    (nodes / "dea1.json").write_text(report("dea1"))
    (nodes / "dea2.json").write_text(report("dea2", in_force=True, findings=[], generation={}))
    (nodes / "stranger.json").write_text(report("stranger"))
    (nodes / "broken.json").write_text("{")
    pack = tmp_path / "pack"
    more = ("--nodes", str(nodes), "--needed", "als/seed.netpol", "--quiet")
    assert main(["audit", str(TWENTY), *more, "--pack", str(pack)]) == 1
    page = opened(pack / "audit.html")
    assert page.file.stat().st_size < 1_000_000
    page.click('[id="cell=dea/mysql"]')
    told = page.one("#panel-body").text
    assert "allow controller, dea -> mysql : tcp 3306 als/seed.netpol:31" in told
    assert "tcp 10.5.31.101:40000 -> 10.5.31.31:3306 in eth0, new passes, from dea1 to sql." in told
    page.open("#node=dea1")
    assert "NP801 error NP-IN has another rule" in page.one("#panel-body").text
    page.open("#node=dea2")
    assert "another build" in page.one("#panel-body").text
    nodes_told = page.one("#nodes").text
    assert "Of no node of this cluster: stranger" in nodes_told
    assert "Unreadable: broken.json" in nodes_told
