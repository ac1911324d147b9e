"""What README.md and docs/node.md show of a node is what the commands print there. `DOCS=write` writes it anew."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from tests.kernel.lab import Lab, Namespace

ROOT = Path(__file__).parents[2]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CLOCK = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00|(?<=id )[0-9a-f]{8}\b")
STATE = "/var/lib"
"""Above the state folder; another folder stands there in the mount namespace of each command."""


@pytest.fixture
def node(lab: Lab, tmp_path: Path) -> Namespace:
    """The node `sql` of the example in README.md, in a folder with its cluster and policy."""
    blocks = [text for _, text in FENCED.findall((ROOT / "README.md").read_text(encoding="utf-8"))]
    (tmp_path / "world").mkdir()
    (tmp_path / "lib").mkdir()
    (tmp_path / "world" / "example.netpol").write_text(blocks[1], encoding="utf-8")
    (tmp_path / "world" / "cluster.yaml").write_text(blocks[2], encoding="utf-8")
    space = lab.space("sql")
    space.ip("link add eth0 type veth peer name far", "link set eth0 up", "link set far up")
    space.ip("address add 10.5.31.20/24 dev eth0", "route add default via 10.5.31.1")
    return space


def said(space: Namespace, lab: Lab, folder: Path, command: str) -> str:
    """What a shell prints, as it appears on a terminal."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    script = f'mount --bind "{folder}/lib" {STATE} && cd "{folder}/world" && {{ {command}\n}} 2>&1'
    done = space.run("unshare", "--mount", "env", f"PATH={path}", "NO_COLOR=1", "sh", "-c", script, lock=lab.lock)
    assert "Traceback" not in done.stdout
    return done.stdout


def replayed(space: Namespace, lab: Lab, folder: Path, block: str) -> str:
    """The block with what its commands print now."""
    commands = [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]
    shown = [f"$ {command}\n{said(space, lab, folder, command)}" for command in commands]
    return "\n".join(shown)


@pytest.mark.parametrize("page", ["README.md", "docs/node.md"])
def test_what_the_page_shows_is_what_is_printed(lab: Lab, node: Namespace, tmp_path: Path, page: str) -> None:
    path = ROOT / page
    text = path.read_text(encoding="utf-8")
    blocks = [block for kind, block in FENCED.findall(text) if kind == "console"]
    assert blocks
    said(node, lab, tmp_path, "netpolicy compile cluster.yaml -o build/ --as-of 2026-06-01")
    for block in blocks:
        printed = replayed(node, lab, tmp_path, block)
        if os.environ.get("DOCS") == "write":
            text = text.replace(f"```console\n{block}```", f"```console\n{printed}```", 1)
        else:
            assert CLOCK.sub("…", block) == CLOCK.sub("…", printed)
    if os.environ.get("DOCS") == "write":
        path.write_text(text, encoding="utf-8")


def test_the_way_away_from_a_node_leaves_nothing_of_ours(lab: Lab, node: Namespace, tmp_path: Path) -> None:
    """The rule of somebody else, and its counter, are left as they were."""
    blocks = FENCED.findall((ROOT / "docs" / "node.md").read_text(encoding="utf-8"))
    (away,) = [block for kind, block in blocks if kind == "sh" and "ipset" in block]
    said(node, lab, tmp_path, "netpolicy compile cluster.yaml -o build/ --as-of 2026-06-01")
    said(node, lab, tmp_path, "iptables -c 5 300 -I INPUT -p tcp --dport 8080 -j DROP")
    assert "in force" in said(node, lab, tmp_path, "netpolicy apply-rules apply --build build/")
    assert "NETPOLICY-IN" in node.run("iptables-save", lock=lab.lock).stdout
    assert said(node, lab, tmp_path, away) == ""
    for tool in ("iptables-save", "ip6tables-save"):
        saved = node.run(tool, "-c", lock=lab.lock).stdout
        assert "NP-" not in saved
        assert "NETPOLICY" not in saved
        assert saved.count("-A ") == (tool == "iptables-save")
    assert "[5:300] -A INPUT -p tcp -m tcp --dport 8080 -j DROP" in node.run("iptables-save", "-c").stdout
    assert node.run("ipset", "list", "-n").stdout == ""
    assert not (tmp_path / "lib" / "netpolicy").exists()
