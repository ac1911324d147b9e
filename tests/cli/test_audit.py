"""`netpolicy audit`: what it says of twenty nodes is what a build of them holds, and how it ends."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from netpolicy.data import folder
from netpolicy.diagnostic import error
from tests.audits import keep_schema
from tests.cli.conftest import Run
from tests.cli.running import CLUSTER, POLICY, called, place

TWENTY = str(folder("rules") / "clusters" / "twenty.yaml")
DAY = ("--as-of", "2027-03-01")
KEPT = POLICY.replace("tcp 22\n", 'tcp 22 {\n    because "administration"\n    owner "ops"\n    review 2027-09-01\n}\n')


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("audit") / "build"
    assert called("compile", TWENTY, "-o", str(made), "--quiet").status == 0
    return made


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The audit of twenty nodes, and beside it what passes beyond the layer that works."""
    outcome = called("audit", TWENTY, "--format", "json", "--needed", "als/extended.netpol", *DAY)
    assert outcome.status == 0
    found: dict[str, Any] = json.loads(outcome.out)
    return found


def document(run: Run, *more: str, status: int = 0) -> dict[str, Any]:
    outcome = run("audit", "cluster.yaml", "--format", "json", *DAY, *more)
    assert outcome.status == status, outcome.err
    found: dict[str, Any] = json.loads(outcome.out)
    keep_schema(found)
    return found


def rules_of(build: Path, digest: str) -> dict[tuple[str, str, int], str]:
    """Every rule of a class by family, chain and number, counted as `iptables -L --line-numbers` does."""
    found: dict[tuple[str, str, int], str] = {}
    for family in ("v4", "v6"):
        counts: dict[str, int] = {}
        for line in (build / "classes" / digest / f"rules.{family}").read_text(encoding="utf-8").splitlines():
            if line.startswith("-A "):
                chain = line.split()[1]
                counts[chain] = counts.get(chain, 0) + 1
                found[family, chain, counts[chain]] = line
    return found


# Twenty nodes.


def test_the_document_keeps_its_schema(tree: dict[str, Any]) -> None:
    keep_schema(tree)


def test_digests_are_those_of_a_build(tree: dict[str, Any], build: Path) -> None:
    manifest = json.loads((build / "manifest.json").read_text(encoding="utf-8"))
    assert tree["generation"] == manifest["generation"]
    assert {one["class"]: one["files"] for one in tree["rulesets"]} == {
        digest: one["files"] for digest, one in manifest["classes"].items()
    }
    assert {one["name"]: one["class"] for one in tree["list_of_nodes"]} == manifest["nodes"]
    assert {one["name"]: (one["file"], one["sha256"]) for one in tree["cloud"]} == {
        name: (one["file"], one["sha256"]) for name, one in manifest["cloud"].items()
    }
    beyond = {one["path"] for one in tree["inputs"]} - {one["path"] for one in manifest["inputs"]}
    assert [one for one in tree["inputs"] if one["path"] not in beyond] == manifest["inputs"]
    assert beyond == {"als/extended.netpol"}
    assert sum(one["nodes"] for one in tree["rulesets"]) == tree["cluster"]["nodes"] == 20


def test_the_matrix_is_that_of_matrix(tree: dict[str, Any]) -> None:
    rows = json.loads(called("matrix", TWENTY, "--format", "json", "-q").out)
    listed = [
        {"source": cell["source"], "destination": cell["destination"]}
        | {key: one[key] for key in ("protocol", "first", "last", "statements")}
        for cell in tree["matrix"]
        for one in cell["services"]
    ]
    assert listed == rows


def test_every_witness_passes_by_a_rule_that_stands_there(tree: dict[str, Any], build: Path) -> None:
    rules = {one["class"]: rules_of(build, one["class"]) for one in tree["rulesets"]}
    witnesses = [one["witness"] for cell in tree["matrix"] for one in cell["services"]]
    assert len(witnesses) == 366
    for one in witnesses:
        assert one["passes"]
        if one["rule"] is None:
            assert one["line"] == ":OUTPUT ACCEPT"  # egress is open
        else:
            assert rules[one["class"]]["v4", one["chain"], one["rule"]] == one["line"]
            assert one["line"].endswith("-j RETURN")


def test_a_witness_names_the_statement_that_lets_it_pass(tree: dict[str, Any]) -> None:
    for cell in tree["matrix"]:
        for one in cell["services"]:
            ids = re.findall(r"np:([0-9a-f,]+) -j", one["witness"]["line"])
            assert set(ids) <= set(one["statements"])
            assert ids or one["witness"]["rule"] is None


def test_the_register_has_every_rule_of_the_build(tree: dict[str, Any], build: Path) -> None:
    written = {
        (name, digest, *place, line)
        for digest in {one["class"] for one in tree["rulesets"]}
        for place, line in rules_of(build, digest).items()
        for ids in re.findall(r"--comment np:([0-9a-f]{8}[0-9a-f,]*) ", line)
        for name in ids.split(",")
    }
    told = {
        (one["id"], at["class"], at["family"], at["chain"], at["rule"], at["text"])
        for one in tree["register"]
        for at in one["compiled"]
    }
    assert told == written
    groups = json.loads((build / "cloud" / "groups.json").read_text(encoding="utf-8"))
    assert {(one["id"], at["rule"]) for one in tree["register"] for at in one["groups"]} == {
        (name, rule["id"]) for rule in groups["rules"] for name in rule["statements"]
    }


def test_the_surplus_is_the_message_bus_of_the_other_controller(tree: dict[str, Any]) -> None:
    (flow,) = tree["surplus"]["flows"]
    assert flow["text"].startswith("all -> controller : tcp 4222")
    assert flow["nodes"] == {"from": 20, "to": 1}
    assert [one["text"] for one in tree["register"] if one["id"] in flow["statements"]] == ["all -> controller : nats"]
    assert tree["surplus"]["tuples"] == 19


def test_the_worst_exposure_comes_first(tree: dict[str, Any]) -> None:
    lines = [(one["source"], one["destination"], one["service"], one["addresses"]) for one in tree["exposed"]]
    assert lines == [
        ("world", "load_balancer", "tcp 80", "all of IPv4"),
        ("world", "load_balancer", "tcp 443", "all of IPv4"),
        ("admins", "load_balancer", "tcp 22", "256 addresses: 198.51.100.0/24"),
    ]
    assert all(one["nodes"] == 1 for one in tree["exposed"])


def test_what_was_not_asked_is_said(tree: dict[str, Any]) -> None:
    voices = {one["name"]: one["result"] for one in tree["proof"]["voices"]}
    assert {name for name, result in voices.items() if result == "not asked"} == {"kernel", "live nodes"}
    assert len(tree["proof"]["not_checked"]) == 2
    assert tree["proof"]["result"] == "proved" and tree["nodes"] is None


def test_the_report_is_the_same_at_each_run() -> None:
    arguments = ("audit", TWENTY, "--format", "json", "-q", *DAY)
    assert called(*arguments).out == called(*arguments).out


# Formats.


def test_markdown_is_the_default_and_names_every_rule(run: Run) -> None:
    outcome = run("audit", "cluster.yaml", *DAY)
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.startswith("# Audit of small\n\n- **Proved**: 3 nodes in 2 classes")
    titles = [line for line in outcome.out.splitlines() if line.startswith("## ")]
    assert titles[:3] == ["## Open to the outside", "## Who may reach what", "## Rules"]
    for one in document(run)["register"]:
        assert f"| {one['id']} |" in outcome.out
    assert "Of 2 services between two roles a packet was put to the rules: 2 passed." in outcome.out


def test_markdown_of_any_text_keeps_its_tables(run: Run, world: Path) -> None:
    place(world, CLUSTER, KEPT.replace('"administration"', '"a | b `c` <script> *d* [e](f)"'))
    line = next(one for one in run("audit", "cluster.yaml", *DAY).out.splitlines() if "a \\| b" in one)
    assert len(re.findall(r"(?<!\\)\|", line)) == 11
    assert "\\<script\\>" in line and "\\`c\\`" in line and "\\[e\\](f)" in line


def test_csv_has_a_line_a_rule(run: Run, world: Path) -> None:
    place(world, CLUSTER, KEPT)
    text = run("audit", "cluster.yaml", "--format", "csv", *DAY).out
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    register = document(run)["register"]
    assert [one["id"] for one in rows] == [one["id"] for one in register]
    assert {one["owner"] for one in rows} == {"ops", ""}
    assert all(None not in one and None not in one.values() for one in rows)
    assert [int(one["score"]) for one in rows] == [one["score"] for one in register]


@pytest.mark.parametrize("owner", ["=1+1", "+1", "-1", "@sum", "=cmd|' /C calc'!A0", '=\\"x\\"'])
def test_csv_holds_no_formula(owner: str, run: Run, world: Path) -> None:
    place(world, CLUSTER, KEPT.replace('"ops"', f'"{owner}"'))
    text = run("audit", "cluster.yaml", "--format", "csv", *DAY).out
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert "'" + owner.replace("\\", "") in cells


def test_csv_ends_its_lines_as_rfc_4180_says(run: Run, world: Path) -> None:
    run("audit", "cluster.yaml", "--format", "csv", "--output", "audit.csv")
    data = (world / "audit.csv").read_bytes()
    assert data.count(b"\r\n") == data.count(b"\n") == 3


def test_several_reports_of_one_run(run: Run, world: Path) -> None:
    outcome = run(
        *("audit", "cluster.yaml", "-o", "a.md", "--report", "json:a.json", "--report", "csv:a.csv", *DAY),
    )
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out == "cluster.yaml: 3 nodes in 2 classes, 2 rules: all proved\n"
    assert (world / "a.md").read_text(encoding="utf-8") == run("audit", "cluster.yaml", *DAY).out
    assert json.loads((world / "a.json").read_text(encoding="utf-8")) == document(run)


# Dates, owners, decisions.


def test_what_is_said_of_a_rule(run: Run, world: Path) -> None:
    place(world, CLUSTER, KEPT)
    kept, bare = sorted(document(run)["register"], key=lambda one: str(one["text"]))
    assert (kept["owner"], kept["because"], kept["review"], kept["line"]) == ("ops", "administration", "2027-09-01", 6)
    assert (kept["state"], bare["state"]) == ([], ["unjustified", "no owner"])
    assert kept["nodes"] == {"from": 0, "to": 2} and bare["nodes"] == {"from": 2, "to": 1}
    exceptions = document(run)["exceptions"]
    assert exceptions["unjustified"] == exceptions["no_owner"] == [bare["id"]]
    assert document(run, "--as-of", "2027-09-01")["exceptions"]["review_due"] == [kept["id"]]
    assert exceptions["review_due"] == []


def test_what_expires_is_listed_and_what_has_expired_is_left_out(run: Run, world: Path) -> None:
    place(world, CLUSTER, POLICY.replace("web : tcp 22", "web : tcp 22 expires 2027-06-30"))
    (name,) = document(run)["exceptions"]["expiring"]
    soon = document(run, "--as-of", "2027-06-29", "--profile", "production", status=1)["register"]
    assert [one["id"] for one in soon if "expires soon" in one["state"]] == [name]
    late = ("--as-of", "2027-07-01")
    assert run("audit", "cluster.yaml", *late).status == 1
    found = document(run, *late, "--omit-expired")
    assert name not in [one["id"] for one in found["register"]]
    (left,) = found["exceptions"]["left_out"]
    assert (left["text"], left["line"], left["expires"]) == (
        "allow admins -> web : tcp 22 expires 2027-06-30",
        6,
        "2027-06-30",
    )


def test_suppressions_are_listed_with_what_they_hide(run: Run, world: Path) -> None:
    unused = 'role spare  # netpolicy: ignore[NP505] until 2027-06-30 "kept for later"\n'
    twice = '# netpolicy: ignore[NP509] until 2027-06-30 "narrower on purpose"\nallow node web1 -> db : tcp 3306\n'
    place(world, CLUSTER, POLICY + unused + twice)
    found = document(run)
    told = {one["code"]: one for one in found["exceptions"]["suppressions"]}
    assert [one["code"] for one in told["NP505"]["hides"]] == ["NP505"]
    assert (told["NP505"]["state"], told["NP505"]["reason"]) == ("used", "kept for later")
    assert "NP505" not in [one["code"] for one in found["hygiene"]]
    (narrow,) = (one for one in found["register"] if "web1" in one["text"])
    (index,) = narrow["suppressions"]
    assert found["exceptions"]["suppressions"][index]["code"] == "NP509"
    late = document(run, "--as-of", "2027-07-01")
    assert {one["state"] for one in late["exceptions"]["suppressions"]} == {"expired"}
    assert "NP505" in [one["code"] for one in late["hygiene"]]


def test_a_redundant_rule_says_so(run: Run, world: Path) -> None:
    place(world, CLUSTER, POLICY + "allow node web1 -> db : tcp 3306\n")
    states = {one["text"]: one["state"] for one in document(run)["register"]}
    assert "redundant" in states["node web1 -> db : tcp 3306"]


# What is wrong.


def test_a_broken_promise_is_in_the_report(run: Run, world: Path) -> None:
    place(world, CLUSTER, POLICY + "never web -> db : tcp 1-4000\n")
    found = document(run, status=1)
    (broken,) = (one for one in found["promises"] if one["result"] == "broken")
    assert broken["text"] == "web -> db : tcp 1-4000" and "would pass" in broken["message"]
    assert found["proof"]["result"] == "proved"
    assert "promise of 2 **broken**" in run("audit", "cluster.yaml", *DAY).out
    assert run("audit", "cluster.yaml", "-o", "a.md", *DAY).out.endswith(": all proved; 1 broken promise\n")


def test_a_demand_that_is_not_met_is_in_the_report(run: Run, world: Path) -> None:
    place(world, CLUSTER, POLICY + "require exactly 2 db\n")
    results = {one["text"]: one["result"] for one in document(run, status=1)["demands"]}
    assert results == {"exactly 1 db": "holds", "exactly 2 db": "does not hold"}


def test_a_policy_with_errors_gives_its_errors_and_no_report(run: Run, world: Path) -> None:
    place(world, CLUSTER, POLICY.replace("allow web ", "allow wbe "))
    outcome = run("audit", "cluster.yaml", "-o", "audit.md")
    assert (outcome.status, outcome.out) == (1, "")
    assert "error[NP112]" in outcome.err and not (world / "audit.md").exists()


def test_rules_that_are_not_what_the_policy_means(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from netpolicy.targets.iptables import Iptables
    from netpolicy.targets.iptables.render import render

    def lossy(_: Iptables, ruleset: Any) -> dict[str, str]:
        texts = render(ruleset)
        lines = texts["rules.v4"].splitlines(keepends=True)
        return texts | {"rules.v4": "".join(line for line in lines if "--dport 3306" not in line)}

    monkeypatch.setattr(Iptables, "render", lossy)
    found = document(run, status=1)
    assert found["proof"]["result"] == "differs"
    voices = {one["name"]: one["result"] for one in found["proof"]["voices"]}
    assert (voices["iptables IPv4"], voices["iptables IPv6"], voices["aws groups"]) == ("differs", "agrees", "agrees")
    assert [one["code"] for one in found["proof"]["findings"]] == ["NP312"]
    passes = {
        (cell["source"], one["text"]): one["witness"]["passes"] for cell in found["matrix"] for one in cell["services"]
    }
    assert passes == {("admins", "tcp 22"): True, ("web", "tcp 3306"): False}
    assert "NOT proved" in run("audit", "cluster.yaml", *DAY).out


def test_what_a_target_cannot_say_is_not_proved(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from netpolicy.targets.iptables import Iptables
    from netpolicy.targets.iptables.lower import lower

    def limited(_: Iptables, *given: Any) -> Any:
        return lower(*given)[0], [error("NP604", "a name is too long")]

    monkeypatch.setattr(Iptables, "lower", limited)
    found = document(run, status=1)["proof"]
    assert (found["result"], {one["code"] for one in found["findings"]}) == ("differs", {"NP604"})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("none.yaml",), "NP901"),
        (("cluster.yaml", "--nodes", "none"), "error[NP901]: `none` cannot be read"),
        (("cluster.yaml", "--needed", "none.netpol"), "NP906"),
        (("cluster.yaml", "--since", "HEAD"), "NP905"),
        (("cluster.yaml", "--sign", "key"), "`--sign` signs the manifest of a pack"),
        (("cluster.yaml", "-o", "a", "--report", "json:./a"), "two reports would go to"),
        (("cluster.yaml", "-o", "none/a.md"), "NP904"),
        (("cluster.yaml", "--config", "none.toml"), "NP901"),
    ],
)
def test_what_cannot_be_read_or_written_is_two(arguments: tuple[str, ...], words: str, run: Run) -> None:
    outcome = run("audit", *arguments)
    assert (outcome.status, outcome.out) == (2, "")
    assert words in outcome.err


def test_a_format_whose_library_is_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.delitem(sys.modules, "netpolicy.report.audit.page", raising=False)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    outcome = run("audit", "cluster.yaml", "--format", "html")
    assert (outcome.status, outcome.out) == (2, "")
    assert "pip install 'netpolicy[report]'" in outcome.err
