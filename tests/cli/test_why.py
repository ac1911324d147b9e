"""What `why` answers: whole outputs, exit status, and where a wrong question is underlined."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netpolicy.data import folder
from tests.cli.conftest import Run
from tests.cli.running import CLUSTER, POLICY, Outcome, place

DAY = ("--as-of", "2026-06-01")
SHIPPED = folder("rules") / "clusters"
ENFORCED = POLICY + "option egress = enforced\n"


def asked(run: Run, question: str, *more: str) -> Outcome:
    return run("why", "cluster.yaml", question, *DAY, *more)


def shipped(run: Run, name: str, question: str) -> Outcome:
    return run("why", str(SHIPPED / f"{name}.yaml"), question, *DAY)


def line_of(run: Run, world: Path, node: str, *words: str) -> tuple[int, str]:
    """The last line of a node's IPv4 rules with these words, and its number, as `compile` writes it."""
    assert run("compile", "cluster.yaml", "-o", "build", *DAY).status == 0
    lines = (world / "build" / "nodes" / node / "rules.v4").read_text(encoding="utf-8").splitlines()
    *_, found = [(at, line) for at, line in enumerate(lines, start=1) if all(word in line for word in words)]
    return found


PASSES = """\
Yes: `web -> db : tcp 3306` passes.

From web (2 nodes: web1, web2) to db:
  tcp 3306 passes.
    Allowed by policy.netpol:7 `allow web -> db : tcp 3306` [77a6f6af].
    web1 lets it out: egress is open.
    db lets it in by nodes/db/rules.v4:{}
        {}
    Its reply passes as established traffic (nodes/web1/rules.v4:{}).
    Witness: web1 -> db, tcp 10.0.0.1:40000 -> 10.0.0.9:3306 in eth0, new.
"""
REFUSED = """\
No: `web -> db : tcp 5432` does not pass.

From web (2 nodes: web1, web2) to db:
  tcp 5432 does not pass: no statement allows it.
    web1 lets it out: egress is open.
    db refuses it by nodes/db/rules.v4:{}
        {}
    Witness: web1 -> db, tcp 10.0.0.1:40000 -> 10.0.0.9:5432 in eth0, new.
  To allow it, add: allow web -> db : tcp 5432
  The same ends may use other ports: policy.netpol:7 `allow web -> db : tcp 3306` [77a6f6af].
"""
STRANGE = """\
No: `10.0.0.77 -> node web1 : tcp 22` does not pass.

From 10.0.0.77 (an address of no node) to web1:
  tcp 22 does not pass: no statement allows it.
    web1 refuses it by nodes/web1/rules.v4:{}
        {}
    Witness: 10.0.0.77 (no node's) -> web1, tcp 10.0.0.77:40000 -> 10.0.0.1:22 in eth0, new.
  To allow it, add: allow 10.0.0.77 -> node web1 : tcp 22
  Others may send the same: policy.netpol:6 `allow admins -> web : tcp 22` [8969722d].
"""


def test_what_passes_names_statement_rule_reply_and_witness(run: Run, world: Path) -> None:
    rule = line_of(run, world, "db", "--dport 3306")
    reply, _ = line_of(run, world, "web1", "-A NP-IN-", "ESTABLISHED")
    outcome = asked(run, "web -> db : tcp 3306")
    assert (outcome.status, outcome.out, outcome.err) == (0, PASSES.format(*rule, reply), "")


def test_what_does_not_pass_names_the_refusal_and_what_is_missing(run: Run, world: Path) -> None:
    rule = line_of(run, world, "db", "-A NP-IN-", " -m comment --comment np:default -j DROP")
    outcome = asked(run, "web -> db : tcp 5432")
    assert (outcome.status, outcome.out, outcome.err) == (1, REFUSED.format(*rule), "")


def test_the_missing_allow_is_what_was_missing(run: Run, world: Path) -> None:
    (line,) = [line for line in asked(run, "web -> db : tcp 5432").out.splitlines() if "To allow it" in line]
    place(world, CLUSTER, POLICY + line.partition("add: ")[2] + "\n")
    assert asked(run, "web -> db : tcp 5432").status == 0


def test_an_address_of_nobody(run: Run, world: Path) -> None:
    rule = line_of(run, world, "web1", "-A NP-IN-", " -m comment --comment np:default -j DROP")
    outcome = asked(run, "10.0.0.77 -> web1 : tcp 22")
    assert (outcome.status, outcome.out, outcome.err) == (1, STRANGE.format(*rule), "")


def test_part_of_a_range(run: Run) -> None:
    outcome = asked(run, "web -> db : tcp 3300-3310")
    assert outcome.status == 1
    assert outcome.out.startswith("Partly: of `web -> db : tcp 3300-3310` some passes and some does not.\n")
    assert "\n  tcp 3306 passes.\n" in outcome.out
    assert "\n  tcp 3300-3305, 3307-3310 does not pass: no statement allows it.\n" in outcome.out
    assert "add: allow web -> db : tcp 3300-3305, 3307-3310\n" in outcome.out


def test_both_ends_where_egress_is_enforced(run: Run, world: Path) -> None:
    place(world, CLUSTER, ENFORCED)
    at, rule = line_of(run, world, "web1", "-A NP-OUT-", "--dport 3306")
    reply, _ = line_of(run, world, "db", "-A NP-OUT-", "ESTABLISHED")
    outcome = asked(run, "web1 -> db : tcp 3306")
    assert f"    web1 lets it out by nodes/web1/rules.v4:{at}\n        {rule}\n" in outcome.out
    assert f"(nodes/db/rules.v4:{reply}, nodes/web1/" in outcome.out
    refused = asked(run, "web1 -> 192.0.2.1 : tcp 443")
    assert (outcome.status, refused.status) == (0, 1)
    assert "    web1 does not let it out by nodes/web1/rules.v4:" in refused.out


def test_egress_that_is_open_lets_all_out(run: Run) -> None:
    outcome = asked(run, "web1 -> outside : any")
    assert outcome.status == 0
    assert "any passes: egress is open, and no node receives it." in outcome.out


def test_a_node_and_itself(run: Run, world: Path) -> None:
    at, rule = line_of(run, world, "db", "-A NP-IN-", "-i lo")
    outcome = asked(run, "db -> db : tcp 22")
    assert outcome.status == 0
    assert "tcp 22 passes: a node reaches itself over loopback, which is baseline.\n" in outcome.out
    assert f"nodes/db/rules.v4:{at}\n        {rule}\n" in outcome.out


def test_two_strangers_are_not_judged(run: Run) -> None:
    outcome = asked(run, "192.0.2.1 -> 192.0.2.2 : tcp 22")
    assert outcome.status == 1
    assert outcome.out.startswith("No answer: neither end of `192.0.2.1 -> 192.0.2.2 : tcp 22` is a node")


def test_a_deny_that_takes_it(run: Run, world: Path) -> None:
    place(world, CLUSTER, POLICY.replace("expect", "#") + 'deny web -> db : any because "audit" ticket "NET-7"\n')
    at, rule = line_of(run, world, "db", "src", "-j DROP")
    outcome = asked(run, "web -> db : tcp 3306")
    assert outcome.status == 1
    assert "tcp 3306 does not pass: a deny takes it.\n" in outcome.out
    assert "Denied by policy.netpol:10 `deny web -> db : any` [" in outcome.out
    assert '] (because "audit", ticket NET-7).\n' in outcome.out
    assert "  It would be allowed by policy.netpol:7 `allow web -> db : tcp 3306` [77a6f6af].\n" in outcome.out
    assert f"    db refuses it by nodes/db/rules.v4:{at}\n        {rule}\n" in outcome.out
    assert outcome.out.endswith("  To allow it, narrow the deny.\n")


def test_a_condition_that_is_false_and_a_date_that_is_over(run: Run, world: Path) -> None:
    more = "param debug = off\nwhen debug {\n  allow web -> db : tcp 1-100\n}\n"
    more += "allow web -> db : tcp 50 expires 2026-01-01\n"
    place(world, CLUSTER, POLICY + more)
    outcome = asked(run, "web -> db : tcp 50", "--omit-expired")
    assert (
        "  policy.netpol:12 `allow web -> db : tcp 1-100` would allow it, but `debug` does not hold here.\n"
        in outcome.out
    )
    assert (
        "  policy.netpol:14 `allow web -> db : tcp 50` would allow it, but it expired on 2026-01-01.\n" in outcome.out
    )


def test_a_statement_that_was_pasted_and_both_directions(run: Run) -> None:
    assert asked(run, "expect web -> db : tcp 3306").out == asked(run, "web -> db : tcp 3306").out
    outcome = asked(run, "web <-> db : tcp 3306")
    heads = [line for line in outcome.out.splitlines() if line.startswith(("Yes", "No"))]
    assert (outcome.status, [head.partition(":")[0] for head in heads]) == (1, ["Yes", "No"])


def test_a_name_of_a_role_and_of_another_node(run: Run, world: Path) -> None:
    place(
        world,
        CLUSTER.replace("  db:", "  web:\n    roles: [db]\n    address: 10.0.0.8\n  db:").replace(
            "require exactly 1 db", ""
        ),
        POLICY.replace("require exactly 1 db\n", ""),
    )
    outcome = asked(run, "web -> node db : tcp 3306")
    assert "  Note: `web` is read as the role; the node is `node web`.\n" in outcome.out
    assert "Note" not in asked(run, "web1 -> node db : tcp 3306").out


@pytest.mark.parametrize(
    ("question", "code", "underlined", "hint"),
    [
        ("wbe -> db : tcp 1", "NP112", "wbe", "did you mean `web`?"),
        ("web -> db9 : tcp 1", "NP112", "db9", "did you mean `db`?"),
        ("wbe1 -> db : tcp 1", "NP112", "wbe1", "did you mean `web1`?"),
        ("admin -> web : tcp 1", "NP112", "admin", "did you mean `admins`?"),
        ("web -> db tcp 1", "NP101", "tcp", "a flow is `who -> whom : what`"),
        ("web -> db", "NP102", "", "a flow is `who -> whom : what`"),
        ("web -> db : tcp 70000", "NP113", "70000", "ports are 0 to 65535"),
        ("web -> db : ssh", "NP112", "ssh", "say what it is, such as `tcp 22`"),
        ("web -> db@eth9 : tcp 1", "NP112", "eth9", "did you mean `eth0`?"),
        ('web -> db : tcp 1 owner "me"', "NP119", 'owner "me"', "remove it: nothing is asked about it"),
        ("node wbe1 -> db : tcp 1", "NP112", "node wbe1", "did you mean `web1`?"),
        (
            "10.0.0.1/8 -> db : tcp 1",
            "NP116",
            "10.0.0.1/8",
            "write `10.0.0.0/8` for the network or `10.0.0.1` for the host",
        ),
        ("", "NP102", "", "such as `dea -> mysql : tcp 3306`"),
    ],
)
def test_a_wrong_question(question: str, code: str, underlined: str, hint: str, run: Run) -> None:
    outcome = asked(run, question)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(f"error[{code}]: ") and "--> question:1:" in outcome.err
    assert f"= hint: {hint}\n" in outcome.err
    lines = outcome.err.splitlines()
    carets = next(line for line in lines if set(line.strip()) == {"|", "^", " "} or line.strip() == "| ^")
    at = carets.index("^")
    shown = lines[lines.index(carets) - 1][at : at + carets.count("^")]
    assert shown.strip() == underlined


def test_an_error_in_the_policy_comes_first(run: Run, world: Path) -> None:
    place(world, CLUSTER, POLICY.replace("allow web ", "allow wbe "))
    outcome = asked(run, "web -> db : tcp 3306")
    assert (outcome.status, outcome.out) == (1, "")
    assert "unknown role, group, label or network `wbe`" in outcome.err


def test_a_file_that_is_not_there_and_a_cloud_that_nobody_knows(run: Run) -> None:
    assert run("why", "none.yaml", "web -> db : tcp 1").status == 2
    outcome = asked(run, "web -> db : tcp 1", "--cloud", "azure")
    assert (outcome.status, outcome.err.splitlines()[0]) == (2, "error: no cloud `azure`")


def test_security_groups_where_they_are_asked_for(run: Run, world: Path) -> None:
    outcome = asked(run, "web -> db : tcp 3306", "--cloud", "aws", "--cloud", "neutron")
    assert "    aws: the group np:small:all of web1 lets it out by\n" in outcome.out
    assert "    neutron: the group np:small:db of db lets it in by\n" in outcome.out
    assert '"remote_group_id": "np:small:web", "description": "np:77a6f6af web to db : tcp 3306"}\n' in outcome.out
    assert "aws" not in asked(run, "web -> db : tcp 3306").out
    place(world, CLUSTER + "clouds: [aws]\n", POLICY)
    refused = asked(run, "web -> db : tcp 1")
    assert "    aws: no rule of the groups of db admits it.\n" in refused.out
    assert "neutron" not in refused.out


def test_json_is_the_same_for_the_same_input_and_says_all(run: Run) -> None:
    outcome = asked(run, "web -> db : tcp 3306, 5432", "--format", "json")
    assert outcome.out == asked(run, "web -> db : tcp 3306, 5432", "--format", "json").out
    document = json.loads(outcome.out)
    assert (outcome.status, document["format_version"], document["as_of"]) == (1, 1, "2026-06-01")
    assert [one["name"] for one in document["inputs"]] == ["cluster.yaml", "policy.netpol"]
    assert all(len(one["sha256"]) == 64 for one in document["inputs"])
    (question,) = document["questions"]
    assert (question["question"], question["verdict"]) == ("web -> db : tcp 3306, 5432", "part")
    (answer,) = question["answers"]
    assert (answer["passes"], answer["refused"]) == ("tcp 3306", "tcp 5432")
    assert answer["pairs"][0]["from"]["nodes"] == ["web1", "web2"]
    assert answer["lacking"]["allow"] == "allow web -> db : tcp 5432"
    passing = next(part for part in answer["parts"] if part["passes"])
    assert [one["where"] for one in passing["judged"]] == ["sender", "receiver", "reply sent", "reply received"]
    receiver = passing["judged"][1]
    assert receiver["rule"]["way"][-1]["line"] >= receiver["rule"]["line"]
    assert receiver["rule"]["text"].endswith("--comment np:77a6f6af -j RETURN")


def test_a_class_file_of_json_is_the_one_that_compile_writes(run: Run, world: Path) -> None:
    document = json.loads(asked(run, "web -> db : tcp 3306", "--format", "json").out)
    rule = document["questions"][0]["answers"][0]["parts"][0]["judged"][1]["rule"]
    assert run("compile", "cluster.yaml", "-o", "build", *DAY).status == 0
    for name in ("file", "class_file"):
        assert (world / "build" / rule[name]).read_text().splitlines()[rule["line"] - 1] == rule["text"]


# The shipped clusters.


def test_published_ports_are_told_of_both_ways(run: Run) -> None:
    outcome = shipped(run, "twenty-harbor", "router1 -> dea1 : tcp 41000")
    assert outcome.status == 0
    assert "    dea1 lets it in by nodes/dea1/rules.v4:" in outcome.out
    assert "    dea1 sends it on behind DNAT by nodes/dea1/rules.v4:" in outcome.out
    assert "--ctorigdstport 41000:61000" in outcome.out


def test_the_sixth_version(run: Run) -> None:
    outcome = shipped(run, "twenty-dual-stack", "2001:db8:ad::7 -> lb : tcp 22")
    assert outcome.status == 0
    assert "lb lets it in by nodes/lb/rules.v6:" in outcome.out
    assert "tcp [2001:db8:ad::7]:40000 -> [2001:db8:31::20]:22 in eth0, new" in outcome.out


def test_a_wide_question_is_answered_in_short(run: Run) -> None:
    outcome = shipped(run, "twenty", "controller -> all : any")
    assert outcome.status == 1
    assert len(outcome.out.splitlines()) < 50
    assert "  icmpv4 3/4 passes: it is baseline, open on every node.\n" in outcome.out
    assert outcome.out.endswith("`--verbose` shows rules, witnesses and what is missing.\n")


def test_roles_that_nobody_holds(run: Run) -> None:
    outcome = shipped(run, "twenty", "harbor -> dea : tcp 22")
    assert outcome.status == 1
    assert "since `harbor` selects nothing in this cluster" in outcome.out
