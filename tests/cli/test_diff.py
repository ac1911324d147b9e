"""`diff`: operands of every kind, what is printed, and the exit status."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from netpolicy.cli.diff import EXAMPLES
from tests.cli.conftest import Run
from tests.cli.repository import commit, git
from tests.cli.running import CLUSTER, POLICY, place
from tests.schemas import valid

OPENED = POLICY.replace("tcp 3306\nexpect", "tcp 3306\nallow world -> web : tcp 443\nexpect")
CLOSED = POLICY.replace("allow admins -> web : tcp 22\n", "")
DENIED = POLICY.replace("expect web   -> db  : tcp 3306\n", "deny web -> db : tcp 3306\n")


@pytest.fixture
def repository(world: Path) -> Path:
    """The small cluster, committed."""
    commit("small")
    return world


def other(folder: Path, policy: str = POLICY, cluster: str = CLUSTER) -> None:
    """A second cluster in a folder of its own."""
    (folder / "other").mkdir(exist_ok=True)
    place(folder / "other", cluster, policy)


def test_a_cluster_does_not_differ_from_itself(run: Run) -> None:
    outcome = run("diff", "cluster.yaml", "cluster.yaml")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out == "no flow is opened or closed; no node is touched\n"


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_work(example: str, repository: Path, run: Run) -> None:
    outcome = run(*shlex.split(example)[1:])
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out


def test_what_is_opened_comes_first_with_its_statement(world: Path, run: Run) -> None:
    other(world, OPENED.replace("allow admins -> web : tcp 22\n", ""))
    outcome = run("diff", "cluster.yaml", "other/cluster.yaml")
    lines = [" ".join(line.split()) for line in outcome.out.splitlines()]
    assert (outcome.status, outcome.err) == (1, "")
    assert lines[0].startswith("opened world -> web : tcp 443 addresses -> 2 nodes by ")
    assert lines[0].endswith("other/policy.netpol:7")
    assert lines[1].startswith("closed admins -> web : tcp 22 addresses -> 2 nodes was allowed by ")
    assert lines[1].endswith("policy.netpol:6")
    assert lines[2:] == ["nodes touched: web1, web2", "1 flow opened, 1 closed; nodes: 2 touched"]


def test_a_deny_closes_and_its_loss_opens(world: Path, run: Run) -> None:
    other(world, DENIED)
    removed, closing = run("diff", "cluster.yaml", "other/cluster.yaml").out.splitlines()[:2]
    assert removed.startswith("removed  expect web -> db : tcp 3306   policy.netpol:8   it would be broken now: web1 ")
    assert closing.startswith("closed  web -> db : tcp 3306") and "denied by" in closing
    assert closing.endswith("other/policy.netpol:8")
    opening = run("diff", "other/cluster.yaml", "cluster.yaml").out.splitlines()[0]
    assert opening.startswith("opened  web -> db : tcp 3306") and "no longer denied by" in opening


def test_a_node_that_moved_is_touched_and_nothing_is_opened(world: Path, run: Run) -> None:
    other(world, cluster=CLUSTER.replace("10.0.0.9", "10.0.0.77"))
    outcome = run("diff", "cluster.yaml", "other/cluster.yaml")
    assert outcome.status == 1
    assert outcome.out.splitlines() == [
        "nodes touched: db, web1, web2; other addresses: db",
        "no flow is opened or closed; nodes: 3 touched",
    ]


def test_a_new_node_is_told_apart(world: Path, run: Run) -> None:
    other(world, cluster=CLUSTER.replace("[1-2]", "[1-3]"))
    outcome = run("diff", "cluster.yaml", "other/cluster.yaml")
    lines = [" ".join(line.split()) for line in outcome.out.splitlines()]
    assert lines[0] == "new nodes: web3 (web)"
    assert lines[1].startswith("opened admins -> web : tcp 22 addresses -> 1 node by")
    assert lines[2].startswith("opened web -> db : tcp 3306 1 node -> 1 node by")
    assert lines[3:] == ["nodes touched: db, web1, web2", "no flow is opened or closed; nodes: 1 new, 3 touched"]
    back = run("diff", "other/cluster.yaml", "cluster.yaml")
    assert back.out.startswith("gone nodes: web3 (web)\n  closed  ")


def test_some_nodes_of_a_role_are_named(world: Path, run: Run) -> None:
    other(world, POLICY + "allow admins -> node web1 : tcp 8080\n")
    outcome = run("diff", "cluster.yaml", "other/cluster.yaml")
    line = " ".join(outcome.out.splitlines()[0].split())
    assert line.startswith("opened admins -> web : tcp 8080 addresses -> 1 of 2 nodes (web1) by")


def test_the_world_is_all_nodes_and_all_others(world: Path, run: Run) -> None:
    other(world, POLICY + "allow world -> db : tcp 22\n")
    lines = run("diff", "cluster.yaml", "other/cluster.yaml").out.splitlines()
    assert lines[0].startswith("opened  world -> db : tcp 22   addresses -> 1 node   by ")
    assert lines[1].startswith("nodes touched: db")


def test_a_network_is_named_where_all_of_it_is_meant(world: Path, run: Run) -> None:
    wider = CLUSTER.replace("{admins: [", "{office: [198.51.0.0/16], admins: [")
    policy = POLICY.replace("network admins", "network admins, office")
    place(world, wider, policy)
    other(world, policy + "allow admins -> db : tcp 22\nallow office -> db : tcp 80\n", wider)
    lines = [" ".join(one.split()) for one in run("diff", "cluster.yaml", "other/cluster.yaml").out.splitlines()]
    assert lines[0].startswith("opened admins -> db : tcp 22 addresses -> 1 node by ")
    assert lines[1].startswith("opened office -> db : tcp 80 addresses -> 1 node by ")


def test_egress_that_becomes_enforced_closes_what_goes_out(world: Path, run: Run) -> None:
    other(world, POLICY + "option egress = enforced\n")
    outcome = run("diff", "cluster.yaml", "other/cluster.yaml")
    assert outcome.out.startswith("closed  all -> outside : any but icmpv4 3/4 (going out)   3 nodes -> addresses\n")


# Revisions.


def test_a_revision_of_a_cluster_has_its_own_policy(repository: Path, run: Run) -> None:
    place(repository, CLUSTER, OPENED)
    outcome = run("diff", "git:HEAD", "cluster.yaml")
    assert outcome.status == 1
    assert outcome.out.startswith("opened  world -> web : tcp 443")
    git("commit", "-qam", "open")
    assert run("diff", "git:HEAD", "cluster.yaml").status == 0
    assert run("diff", "git:HEAD~1:cluster.yaml", "git:HEAD").out == outcome.out.replace(
        "policy.netpol:8", "git:HEAD:policy.netpol:8"
    )


def test_a_policy_of_a_revision_and_what_it_includes(repository: Path, run: Run) -> None:
    (repository / "more.netpol").write_text("policy more\nallow admins -> web : tcp 80\n", encoding="utf-8")
    place(repository, CLUSTER, POLICY + 'include "./more.netpol"\n')
    git("add", ".")
    git("commit", "-qm", "more")
    (repository / "more.netpol").write_text("policy more\nallow admins -> web : tcp 81\n", encoding="utf-8")
    outcome = run("diff", "git:HEAD", "policy.netpol", "--cluster", "cluster.yaml")
    assert (outcome.status, outcome.err) == (1, "")
    lines = outcome.out.splitlines()
    assert lines[0].startswith("opened  admins -> web : tcp 81") and lines[0].endswith("more.netpol:2")
    assert lines[1].startswith("closed  admins -> web : tcp 80") and lines[1].endswith("git:HEAD:more.netpol:2")


def test_two_policies_on_one_cluster(world: Path, run: Run) -> None:
    (world / "new.netpol").write_text(CLOSED, encoding="utf-8")
    outcome = run("diff", "policy.netpol", "new.netpol", "--cluster", "cluster.yaml")
    assert outcome.out.startswith("closed  admins -> web : tcp 22")


def test_a_folder_below_the_top_of_the_repository(repository: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    other(repository, OPENED)
    git("add", ".")
    git("commit", "-qm", "other")
    monkeypatch.chdir(repository / "other")
    assert run("diff", "git:HEAD", "cluster.yaml").status == 0
    assert run("diff", "git:HEAD:../cluster.yaml", "cluster.yaml").out.startswith("opened  world -> web : tcp 443")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("git:nowhere", "cluster.yaml", "there is no revision `nowhere`"),
        ("git:--all", "cluster.yaml", "there is no revision `--all`"),
        ("git:HEAD:none.yaml", "cluster.yaml", "revision `HEAD` has no file `none.yaml`"),
        ("git:HEAD", "git:HEAD", "`git:HEAD` does not say which file is meant"),
        ("git:HEAD", "none.yaml", "revision `HEAD` has no file `none.yaml`"),
        ("policy.netpol", "cluster.yaml", "`policy.netpol` is a policy, and says nothing of nodes"),
        ("cluster.yaml", "none.yaml", "there is no file `none.yaml`"),
    ],
)
def test_what_cannot_be_read_is_told(repository: Path, run: Run, old: str, new: str, words: str) -> None:
    outcome = run("diff", old, new)
    assert (outcome.status, outcome.out) == (2, "")
    assert words in outcome.err


def test_no_repository_and_no_git(world: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = run("diff", "git:HEAD", "cluster.yaml")
    assert outcome.status == 2 and "is in no git repository" in outcome.err
    monkeypatch.setenv("PATH", str(world))
    outcome = run("diff", "git:HEAD", "cluster.yaml")
    assert outcome.status == 2 and "there is no `git` here" in outcome.err


def test_errors_say_which_side_they_are_of(world: Path, run: Run) -> None:
    other(world, POLICY + "allow wbe -> db : tcp 1\n")
    outcome = run("diff", "cluster.yaml", "other/cluster.yaml")
    assert (outcome.status, outcome.out) == (1, "")
    assert "unknown" in outcome.err and "NEW cannot be compared" in outcome.err
    assert "OLD cannot be compared" in run("diff", "other/cluster.yaml", "cluster.yaml").err


# Builds.


def test_a_build_is_what_its_files_say(world: Path, run: Run) -> None:
    assert run("compile", "cluster.yaml", "-o", "build").status == 0
    assert run("diff", "build", "cluster.yaml").status == 0
    place(world, CLUSTER, OPENED)
    outcome = run("diff", "build", "cluster.yaml")
    assert outcome.status == 1 and outcome.out.startswith("opened  world -> web : tcp 443")
    assert run("compile", "cluster.yaml", "-o", "fresh", "--sets", "inline").status == 0
    again = run("diff", "build", "fresh")
    assert again.out.startswith("opened  world -> web : tcp 443") and "policy.netpol:8" in again.out


def test_a_damaged_build_is_not_believed(world: Path, run: Run) -> None:
    assert run("compile", "cluster.yaml", "-o", "build").status == 0
    shutil.copytree(world / "build", world / "copied")
    rules = world / "copied/nodes/web2/rules.v4"
    rules.write_text(rules.read_text().replace("--dport 22", "--dport 23"), encoding="utf-8")
    outcome = run("diff", "build", "copied")
    assert (outcome.status, outcome.out) == (1, "")
    assert "nodes/web2/rules.v4" in outcome.err and "NEW cannot be compared" in outcome.err


# Reports.


def test_json_has_inputs_and_witnesses(world: Path, run: Run) -> None:
    other(world, OPENED)
    outcome = run("diff", "cluster.yaml", "other/cluster.yaml", "--format", "json")
    told = valid("diff", outcome.out)
    assert told["format_version"] == 1 and told["tool"]["name"] == "netpolicy"
    assert [(one["side"], one["path"]) for one in told["inputs"]] == [
        ("old", "cluster.yaml"),
        ("old", "policy.netpol"),
        ("new", "other/cluster.yaml"),
        ("new", "other/policy.netpol"),
    ]
    (opened,) = told["opened"]
    assert told["closed"] == []
    assert opened["source"]["name"] == "world" and opened["destination"]["names"] == ["web1", "web2"]
    assert opened["services"] == [{"family": 4, "protocol": "tcp", "first": 443, "last": 443}]
    assert opened["witness"] == "tcp 203.0.113.1 -> 10.0.0.1:443 in eth0, new"
    assert [one["place"] for one in opened["statements"]] == ["other/policy.netpol:8:1"]
    assert run("diff", "cluster.yaml", "other/cluster.yaml", "--format", "json").out == outcome.out


def test_an_output_that_cannot_be_written(run: Run) -> None:
    outcome = run("diff", "cluster.yaml", "cluster.yaml", "-o", "/proc/none/report")
    assert outcome.status == 2 and "NP904" in outcome.err


# Dumps of one node.

DUMP = """\
# Generated by iptables-save v1.8.9
*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 22 -m limit --limit 3/min -j ACCEPT
-A INPUT -i eth0 -p tcp -m tcp --dport 80 -j ACCEPT
COMMIT
"""


def test_a_dump_does_not_differ_from_itself_though_not_all_is_understood(world: Path, run: Run) -> None:
    (world / "a.rules").write_text(DUMP, encoding="utf-8")
    outcome = run("diff", "a.rules", "a.rules")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.splitlines()[-1] == "no packet is opened or closed"
    assert "old IPv4: 3 rules: 2 exact, 1 opaque" in outcome.out


def test_dumps_are_compared_exactly(world: Path, run: Run) -> None:
    (world / "a.rules").write_text(DUMP, encoding="utf-8")
    (world / "b.rules").write_text(DUMP.replace("10.0.0.0/8", "10.0.0.0/7").replace("--dport 80", "--dport 443"))
    lines = run("diff", "a.rules", "b.rules").out.splitlines()
    ends = "state new, invalid, untracked"
    assert lines[0] == f"opened  INPUT IPv4 : tcp 22 from 11.0.0.0/8 {ends} where `limit --limit 3/min`"
    assert lines[1] == f"opened  INPUT IPv4 : tcp 443 in eth0 {ends}"
    assert lines[2].startswith("        such as tcp ")
    assert lines[3] == "        depends on `limit --limit 3/min`"
    assert lines[4] == f"closed  INPUT IPv4 : tcp 80 in eth0 {ends}"
    told = valid("diff", run("diff", "a.rules", "b.rules", "--format", "json").out)
    assert [one["hook"] for one in (*told["opened"], *told["closed"])] == ["INPUT", "INPUT"]
    assert told["opened"][0]["depends_on"] == ["limit --limit 3/min"] and told["closed"][0]["depends_on"] == []
    assert run("diff", "a.rules", "b.rules", "--format", "markdown").out.startswith("**opened in INPUT (IPv4); closed")


def test_folders_of_rules_are_dumps_of_both_families(world: Path, run: Run) -> None:
    assert run("compile", "cluster.yaml", "-o", "build").status == 0
    outcome = run("diff", "build/nodes/web1", "build/nodes/web2")
    assert outcome.status == 0 and "new IPv6: " in outcome.out
    assert "closed  INPUT IPv4 : tcp 22" in run("diff", "build/nodes/web1", "build/nodes/db").out


def test_a_dump_is_no_cluster(world: Path, run: Run) -> None:
    (world / "a.rules").write_text(DUMP, encoding="utf-8")
    (world / "six.rules").write_text(
        DUMP.replace("10.0.0.0/8", "2001:db8::/32").replace("iptables", "ip6tables"), encoding="utf-8"
    )
    (world / "broken.rules").write_text(DUMP.replace("-j ACCEPT\nCOMMIT", "-j NOWHERE\nCOMMIT"), encoding="utf-8")
    assert "the other a cluster" in run("diff", "a.rules", "cluster.yaml").err
    other = run("diff", "a.rules", "six.rules")
    assert other.status == 2 and "OLD is of IPv4, NEW of IPv6" in other.err
    broken = run("diff", "a.rules", "broken.rules")
    assert broken.status == 1 and "broken.rules:8" in broken.err and "NEW cannot be compared" in broken.err
