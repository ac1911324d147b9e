"""`verify`: what is compiled, a build, the saved rules of a node, and the coverage of a policy by its promises."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from netpolicy.data import folder
from netpolicy.node.bundle import class_digest
from netpolicy.pipeline import Built, Pipeline
from netpolicy.policy.seal import KEY, OPEN, sealed
from netpolicy.proof import PREMISES, Proved
from tests.cli.conftest import Run
from tests.cli.running import CLUSTER, POLICY, place

CLUSTERS = folder("rules") / "clusters"
OPENED = "error[NP311]: the rules of `db` let pass what the policy does not: tcp 10.0.0.1 -> 10.0.0.9:3307"
CLOSED = "error[NP312]: the rules of `db` refuse what the policy lets pass: tcp 10.0.0.1 -> 10.0.0.9:"
PROVED = "cluster.yaml: 3 nodes in 2 classes, 80 rules read back, 4 kinds of interfaces in clouds: all proved\n"


def test_what_a_compile_would_write_is_proved(run: Run) -> None:
    outcome = run("verify", "cluster.yaml")
    assert (outcome.status, outcome.out, outcome.err) == (0, PROVED, "")
    assert run("verify", "cluster.yaml", "-q").out == ""


def test_a_proof_without_sets_and_clouds(run: Run) -> None:
    outcome = run("verify", "cluster.yaml", "--sets", "inline", "--cloud", "none")
    assert outcome.status == 0
    assert outcome.out.startswith("cluster.yaml: 3 nodes in 3 classes, ")
    assert outcome.out.endswith(" rules read back: all proved\n")


def test_the_json_says_what_was_proved_and_from_what(run: Run, world: Path) -> None:
    outcome = run("verify", "cluster.yaml", "--format", "json")
    told = json.loads(outcome.out)
    assert (outcome.status, told["result"], told["findings"]) == (0, "proved", [])
    assert told["proved"] == {"nodes": 3, "classes": 2, "rules": 80, "interfaces": 4}
    assert [one["path"] for one in told["inputs"]] == ["cluster.yaml", "policy.netpol"]
    assert told["inputs"][0]["sha256"] == hashlib.sha256((world / "cluster.yaml").read_bytes()).hexdigest()
    assert told["premises"] == list(PREMISES)
    assert run("verify", "cluster.yaml", "--format", "json").out == outcome.out


def test_an_error_in_the_policy_is_told_instead(run: Run, world: Path) -> None:
    place(world, CLUSTER, POLICY.replace("-> db  :", "-> bd  :"))
    outcome = run("verify", "cluster.yaml", "--format", "json")
    assert outcome.status == 1
    assert "`bd`" in outcome.err
    assert json.loads(outcome.out)["result"] == "wrong"


def test_a_difference_is_told_and_nothing_is_written(run: Run, world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is lowered is broken on its way: the compile notices by itself."""
    built = Pipeline.built

    def broken(self: Pipeline, *args: Any, **more: Any) -> object:
        for one, found in built(self, *args, **more):
            text = {name: text.replace("--dport 3306", "--dport 3307") for name, text in one.files.items()}
            yield Built(one.node_class, text), found

    monkeypatch.setattr(Pipeline, "built", broken)
    for outcome in (run("verify", "cluster.yaml"), run("compile", "cluster.yaml", "-o", "build")):
        assert outcome.status == 1
        assert (
            "error[NP311]: the rules of `db` let pass what the policy does not: tcp 10.0.0.1 -> 10.0.0.9:3307"
            in outcome.err
        )
        assert "this rule lets it pass" in outcome.err
        assert (
            "error[NP312]: the rules of `db` refuse what the policy lets pass: tcp 10.0.0.1 -> 10.0.0.9:3306"
            in outcome.err
        )
        assert "this allow asks for it" in outcome.err
    assert "nothing was written" in outcome.err
    assert not (world / "build").exists()
    assert run("verify", "cluster.yaml").out.endswith("2 errors; not proved\n")


# Against a build.


def test_a_build_is_proved(run: Run) -> None:
    assert run("compile", "cluster.yaml", "-o", "build").status == 0
    outcome = run("verify", "cluster.yaml", "--against", "build")
    assert (outcome.status, outcome.out, outcome.err) == (0, PROVED, "")


def test_a_build_of_every_kind_of_node_is_proved(run: Run) -> None:
    assert run("compile", str(CLUSTERS / "twenty.yaml"), "-o", "build", "--sets", "inline").status == 0
    outcome = run("verify", str(CLUSTERS / "twenty.yaml"), "--against", "build")
    assert outcome.status == 0
    assert "20 nodes in 20 classes" in outcome.out


def test_a_build_of_another_policy_is_not_what_this_one_means(run: Run, world: Path) -> None:
    assert run("compile", "cluster.yaml", "-o", "build").status == 0
    place(world, CLUSTER, POLICY.replace("tcp 3306", "tcp 3306-3310"))
    outcome = run("verify", "cluster.yaml", "--against", "build")
    assert outcome.status == 1
    assert f"{CLOSED}3307" in outcome.err
    assert "error[NP315]: the neutron groups " in outcome.err
    assert "nodes/db/rules.v4" in outcome.err


def test_nodes_that_one_of_both_lacks_are_told(run: Run, world: Path) -> None:
    assert run("compile", "cluster.yaml", "-o", "build").status == 0
    place(world, CLUSTER.replace("web[1-2]", "web[2-3]").replace("10.0.0.[1-2]", "10.0.0.[2-3]"), POLICY)
    outcome = run("verify", "cluster.yaml", "--against", "build")
    assert outcome.status == 1
    assert "error[NP317]: the build has no rules for `web3`" in outcome.err
    assert "error[NP317]: the build has rules for `web1`, which the cluster does not have" in outcome.err


def test_a_node_that_moved_is_told(run: Run, world: Path) -> None:
    assert run("compile", "cluster.yaml", "-o", "build").status == 0
    place(world, CLUSTER.replace("10.0.0.9", "10.0.0.8"), POLICY)
    outcome = run("verify", "cluster.yaml", "--against", "build")
    assert "error[NP317]: `nodes/db/node.json` says something else of the node than the cluster" in outcome.err


def test_a_changed_file_of_a_build_is_no_build(run: Run, world: Path) -> None:
    assert run("compile", "cluster.yaml", "-o", "build").status == 0
    path = world / "build" / "nodes" / "web2" / "rules.v4"
    text = path.read_text(encoding="utf-8")
    path.unlink()
    path.write_text(text.replace("DROP", "ACCEPT"), encoding="utf-8")
    outcome = run("verify", "cluster.yaml", "--against", "build")
    assert (outcome.status, outcome.out) == (1, "")
    assert "error[NP755]" in outcome.err


def test_a_whole_build_that_was_changed_is_found_out_by_the_proof(run: Run, world: Path) -> None:
    """Somebody changed the rules and every digest of them: only the meaning tells."""
    assert run("compile", "cluster.yaml", "-o", "build", "--cloud", "none").status == 0
    build = world / "build"
    manifest = json.loads((build / "manifest.json").read_text(encoding="utf-8"))
    old = manifest["nodes"]["db"]
    text = (build / "nodes/db/rules.v4").read_text(encoding="utf-8").replace("--dport 3306", "--dport 3307")
    files = {name: (build / "nodes/db" / name).read_text(encoding="utf-8") for name in ("rules.v6", "sets.ipset")}
    new = class_digest({"rules.v4": text, **files})
    (build / "nodes/db/rules.v4").unlink()
    (build / "nodes/db/rules.v4").write_text(text, encoding="utf-8")
    identity = (build / "nodes/db/node.json").read_text(encoding="utf-8").replace(old, new)
    (build / "nodes/db/node.json").write_text(identity, encoding="utf-8")
    manifest["nodes"]["db"] = new
    manifest["identities"]["db"] = hashlib.sha256(identity.encode()).hexdigest()
    manifest["classes"][new] = manifest["classes"].pop(old)
    manifest["classes"][new]["files"]["rules.v4"] = hashlib.sha256(text.encode()).hexdigest()
    manifest[KEY] = OPEN
    (build / "manifest.json").write_text(
        sealed(json.dumps(manifest, indent=1, sort_keys=True) + "\n"), encoding="utf-8"
    )
    outcome = run("verify", "cluster.yaml", "--against", "build")
    assert outcome.status == 1
    assert (
        "error[NP311]: the rules of `db` let pass what the policy does not: tcp 10.0.0.1 -> 10.0.0.9:3307"
        in outcome.err
    )


# Against saved rules.

FOREIGN = """\
# Generated by iptables-save v1.8.9
*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 10.0.0.9:80
COMMIT
*filter
:INPUT DROP [12:3456]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:ours - [0:0]
[1:60] -A INPUT -i lo -j ACCEPT
-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
-A INPUT -m state --state INVALID -j DROP
-A INPUT -p icmp -m icmp --icmp-type 3/4 -j ACCEPT
-A INPUT -d 10.0.0.9/32 -p tcp -j ours
-A FORWARD -i eth0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i eth0 -m conntrack --ctstate DNAT -j DROP
-A ours -s 10.0.0.1/32 -p tcp -m tcp --dport 3306 -j ACCEPT
-A ours -s 10.0.0.2/32 -p tcp -m tcp --dport 3306 -j ACCEPT
COMMIT
"""


def test_rules_that_others_wrote_are_proved(run: Run, world: Path) -> None:
    (world / "saved").write_text(FOREIGN, encoding="utf-8")
    outcome = run("verify", "cluster.yaml", "--node", "db", "--against", "saved")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out == "cluster.yaml: 1 node in 1 class, 9 rules read back: all proved\n"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("--dport 3306 -j ACCEPT\nCOMMIT", "--dport 3306 -j DROP\nCOMMIT", "NP312"),
        ("--state RELATED,ESTABLISHED", "--state RELATED", "established"),
        ("-d 10.0.0.9/32 -p tcp -j ours", "-p tcp -j ours", "NP311"),
        (
            "-A INPUT -m state --state INV",
            "-A INPUT -m limit --limit 1/sec -j ACCEPT\n-A INPUT -m state --state INV",
            "limit",
        ),
        ("-A INPUT -d 10", "-A INPUT -s 203.0.113.0/24 -p udp -j ACCEPT\n-A INPUT -d 10", "udp 203.0.113.0 -> "),
    ],
)
def test_rules_that_others_changed_are_not(run: Run, world: Path, before: str, after: str, said: str) -> None:
    assert before in FOREIGN
    (world / "saved").write_text(FOREIGN.replace(before, after), encoding="utf-8")
    outcome = run("verify", "cluster.yaml", "--node", "db", "--against", "saved")
    assert outcome.status == 1
    assert said in outcome.err
    assert "saved: " in outcome.err and " exact, " in outcome.err


def test_what_a_compile_wrote_is_proved_as_saved_rules(run: Run) -> None:
    assert run("compile", "cluster.yaml", "-o", "build").status == 0
    files = [f"build/nodes/db/{name}" for name in ("rules.v6", "sets.ipset", "rules.v4")]
    outcome = run("verify", "cluster.yaml", "--node", "db", *(word for one in files for word in ("--against", one)))
    assert (outcome.status, outcome.err) == (0, "")
    assert run("verify", "cluster.yaml", "--node", "db", "--against", "build/nodes/db").out == outcome.out


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--against", "saved"), 2, "nobody says whose rules these are"),
        (("--against", "saved", "--node", "dbb"), 2, "did you mean `db`?"),
        (("--against", "nowhere", "--node", "db"), 2, "nowhere"),
        (("--against", ".", "--node", "db"), 1, "there are no saved rules"),
        (("--against", "saved", "--against", "saved", "--node", "db"), 1, "is of a family that is there already"),
        (("--against", "empty", "--node", "db"), 1, "says whether its rules are of IPv4 or IPv6"),
    ],
)
def test_saved_rules_that_nobody_can_place(
    run: Run, world: Path, arguments: tuple[str, ...], status: int, said: str
) -> None:
    (world / "saved").write_text(FOREIGN, encoding="utf-8")
    (world / "empty").write_text("*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n", encoding="utf-8")
    outcome = run("verify", "cluster.yaml", *arguments)
    assert (outcome.status, outcome.out) == (status, "") or (status == 1 and outcome.status == 1)
    assert said in outcome.err


# Coverage.


def test_coverage_tells_what_no_promise_would_miss(run: Run) -> None:
    outcome = run("verify", "cluster.yaml", "--coverage")
    assert outcome.status == 0
    assert "1 of 2 statements would be missed: 50 %" in outcome.out
    assert "expect admins -> web : tcp 22" in outcome.out
    told = json.loads(run("verify", "cluster.yaml", "--coverage", "--format", "json").out)
    assert (told["noticed"], told["counted"], told["score"]) == (1, 2, 0.5)
    assert run("verify", "cluster.yaml", "--coverage", "--format", "markdown").out.startswith("1 of 2")


# Usage.


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--coverage", "--against", "build"), "`--coverage` is about the policy alone"),
        (("--node", "db"), "`--node` says whose rules"),
        (("--format", "markdown"), "a proof has no Markdown"),
        (("--cloud", "azure"), "no cloud `azure`"),
    ],
)
def test_choices_that_do_not_go_together(arguments: tuple[str, ...], said: str, run: Run) -> None:
    outcome = run("verify", "cluster.yaml", *arguments)
    assert (outcome.status, outcome.out) == (2, "")
    assert said in outcome.err


def test_a_file_that_is_not_there(run: Run) -> None:
    assert run("verify", "nowhere.yaml").status == 2


def test_counts_add_up() -> None:
    assert Proved(1, 2, 3, 4) + Proved(10, 20, 30, 40) == Proved(11, 22, 33, 44)
