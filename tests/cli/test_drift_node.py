"""What `netpolicy drift` compares with: a build, a cluster, or what was applied last; and whose kernel it reads."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from netpolicy.cli import drift, node_rules
from netpolicy.cli.node_rules import SELF, applied, applied_node, compiled, from_build
from netpolicy.data import folder
from netpolicy.node import addresses, journal
from netpolicy.node.backend import Backend
from netpolicy.node.bundle import FILES, Build, Bundle
from netpolicy.node.drift import Held, of_texts
from netpolicy.node.host import Host
from netpolicy.node.journal import Attempt, Journal, Phase, Record
from netpolicy.node.stopped import Ending, StoppedError
from netpolicy.source import Source
from tests.cli.running import CLUSTER as SMALL
from tests.cli.running import POLICY, Outcome, called, netpolicy, place
from tests.dumps import saved

TWENTY = str(folder("rules") / "clusters" / "twenty.yaml")


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("node") / "build"
    assert netpolicy("compile", TWENTY, "-o", str(made), "--serial", "7", "--quiet").status == 0
    return made


@pytest.fixture
def state(build: Path, tmp_path: Path) -> Path:
    """The state folder of a machine on which the core's rules were applied."""
    put(tmp_path / "state", Build(build).bundle("core"))
    return tmp_path / "state"


@pytest.fixture
def dump(build: Path, tmp_path: Path) -> Path:
    """What the kernel of the core prints."""
    one = saved({name: text(build, name) for name in ("rules.v4", "rules.v6", "sets.ipset")})
    home = tmp_path / "dump"
    home.mkdir()
    for name, words in (("rules.v4", one.v4), ("rules.v6", one.v6), ("sets.ipset", one.sets)):
        (home / name).write_text(words, encoding="utf-8")
    return home


def text(build: Path, name: str) -> str:
    return (build / "nodes" / "core" / name).read_text(encoding="utf-8")


def put(home: Path, bundle: Bundle) -> None:
    """The journal there says that the bundle was applied."""
    one = Journal(home)
    with one.locked(1):
        one.begin(bundle, Attempt("0a1b2c3d", Phase.BEGUN, bundle.identity.digest, "iptables-nft", "then"), Record())
        one.applied()


def run(dump: Path, *more: str) -> Outcome:
    return called("drift", "--dump", str(dump), *more)


def here(monkeypatch: pytest.MonkeyPatch, address: str = "") -> None:
    """This machine holds the address of that node on its interface, or none."""
    bundle = Path(address)
    cards = Build(bundle.parent).identity(bundle.name).interfaces if address else ()
    holding: addresses.Held = {card.name: frozenset(card.addresses) for card in cards}
    monkeypatch.setattr(node_rules, "held", lambda: holding)


@contextmanager
def stopped(code: str, words: str, hint: str = "") -> Iterator[None]:
    """The block is stopped with one finding, which says this."""
    with pytest.raises(StoppedError) as caught:
        yield
    (found,) = caught.value.found
    assert (found.code, words in found.message, hint in found.hint) == (code, True, True), found


# What was applied last.


def test_what_was_applied_last_is_what_must_be_held(state: Path, dump: Path) -> None:
    outcome = run(dump, "--state", str(state))
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.startswith("core: 2 families, 12 chains, 46 rules, 4 sets: as it must be; ")
    found = json.loads(run(dump, "--state", str(state), "--format", "json").out)
    assert (found["node"], found["serial"], found["in_force"]) == ("core", 7, True)


def test_what_is_not_as_it_was_applied_is_drift(state: Path, dump: Path) -> None:
    rules = (dump / "rules.v4").read_text(encoding="utf-8").splitlines(keepends=True)
    (dump / "rules.v4").write_text("".join(one for one in rules if "--dport 22 " not in one), encoding="utf-8")
    outcome = run(dump, "--state", str(state))
    assert outcome.status == 1
    assert "which closes `all -> all : ssh`" in outcome.err


def test_where_nothing_was_applied_there_is_nothing_to_compare_with(dump: Path, tmp_path: Path) -> None:
    outcome = run(dump, "--state", str(tmp_path / "none"))
    assert (outcome.status, outcome.out) == (2, "")
    assert "error[NP818]: nothing was applied yet" in outcome.err
    assert "`--build` or `--cluster`" in outcome.err
    assert not (tmp_path / "none").exists()


def test_rules_that_are_not_those_that_were_applied_are_never_believed(state: Path, dump: Path) -> None:
    """A byte, a file, the identity, all of it: whatever of the kept rules is not as it was."""
    (home,) = (state / "kept").iterdir()
    good = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    rules, identity = home / "files" / "rules.v4", home / "node.json"
    spoiled = {
        rules: good[rules].replace(b"--dport 22 ", b"--dport 23 "),
        home / "files" / "sets.ipset": b"",
        identity: good[identity].replace(home.name.encode(), home.name[::-1].encode()),
    }
    for path, data in spoiled.items():
        path.write_bytes(data)
        outcome = run(dump, "--state", str(state))
        assert (outcome.status, outcome.out) == (2, ""), path
        assert "NP818" in outcome.err
        assert "are not whole in" in outcome.err
        path.write_bytes(good[path])
    assert run(dump, "--state", str(state)).status == 0
    shutil.rmtree(home)
    assert run(dump, "--state", str(state)).status == 2


def test_a_journal_that_is_none_is_told(state: Path, dump: Path) -> None:
    (state / "journal.json").write_text("{}", encoding="utf-8")
    outcome = run(dump, "--state", str(state))
    assert outcome.status == 2
    assert "NP759" in outcome.err
    assert applied_node(str(state)) == ""


def test_the_node_that_was_applied_may_be_named(state: Path, build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert applied_node(str(state)) == applied(str(state), "core").identity.node == "core"
    with stopped("NP818", "`core` was applied here, not `sql`", "--build"):
        applied(str(state), "sql")
    here(monkeypatch, f"{build}/core")
    assert applied(str(state), SELF).identity.node == "core"
    here(monkeypatch, f"{build}/sql")
    with stopped("NP756", "the only node; its addresses are"):
        applied(str(state), SELF)


def test_the_state_folder_is_that_of_the_journal() -> None:
    assert drift.STATE == journal.FOLDER


def test_a_live_kernel_is_that_of_the_node_or_is_not_read(
    build: Path, state: Path, dump: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An apply would refuse it, so nobody is told that an apply puts it right; a dump may be of any machine."""
    monkeypatch.setattr("netpolicy.node.drift.of_kernel", lambda *_, **__: pytest.fail("the kernel was read"))
    here(monkeypatch, f"{build}/sql")
    of_core = (("--build", str(build), "--node", "core"), ("--cluster", TWENTY, "--node", "core"), ())
    for wanted in of_core:
        outcome = called("drift", *wanted, "--state", str(state))
        assert (outcome.status, outcome.out) == (2, "")
        assert "error[NP756]: this machine is not `core`: `eth0` does not hold 10.5.31.10" in outcome.err
    assert run(dump, "--state", str(state)).status == 0


def test_without_a_dump_the_kernel_is_asked(
    build: Path, state: Path, dump: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here(monkeypatch, f"{build}/core")
    asked: list[tuple[Backend | None, bool]] = []

    def of_kernel(_: Host, backend: Backend | None, *, sets: bool, named: bool) -> Held:
        assert named
        asked.append((backend, sets))
        v4, v6, held = (Source(name, (dump / name).read_text(encoding="utf-8")) for name in FILES)
        return replace(of_texts(v4, v6, held)[0], backend="iptables-nft")

    monkeypatch.setattr("netpolicy.node.drift.of_kernel", of_kernel)
    outcome = called("drift", "--state", str(state))
    assert outcome.status == 0
    assert "backend iptables-nft" in outcome.out
    assert called("drift", "--state", str(state), "--backend", "iptables-legacy", "--quiet").out == ""
    assert asked == [(None, True), (Backend.LEGACY, True)]


# Which node.


def test_self_is_the_node_whose_addresses_this_machine_holds(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here(monkeypatch, f"{build}/sql")
    assert from_build(str(build), SELF).identity.node == compiled(TWENTY, SELF).identity.node == "sql"
    here(monkeypatch)
    with stopped("NP756", "this machine is none of the 20 nodes"):
        from_build(str(build), SELF)
    with stopped("NP756", "this machine is none of the 20 nodes"):
        compiled(TWENTY, SELF)


def test_of_several_nodes_one_is_named_or_there_is_another_way_to_know(build: Path) -> None:
    with stopped("NP818", "is of 20 nodes", "--node"):
        from_build(str(build), "")
    with stopped("NP818", "is of 20 nodes", "--node"):
        compiled(TWENTY, "")
    assert from_build(str(build), "", "core").identity.node == "core"
    assert compiled(TWENTY, "", otherwise="core").identity.node == "core"
    with stopped("NP818", "no node `cor`", "did you mean `core`?"):
        compiled(TWENTY, "cor")
    with stopped("NP818", "no node `xyzzy`", "it has others, such as `"):
        compiled(TWENTY, "xyzzy")


def test_the_only_node_is_the_one(build: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(build, alone)
    for other in (alone / "nodes").iterdir():
        if other.name != "core":
            shutil.rmtree(other)
    assert from_build(str(alone), "", "sql").identity.node == "core"
    shutil.rmtree(alone / "nodes" / "core")
    with stopped("NP818", "has the folder of no node", "copy the folder"):
        from_build(str(alone), "", SELF)


def test_a_live_kernel_is_asked_for_the_node_that_was_applied_else_for_self(
    build: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for home, node in ((state, "core"), (state / "none", "sql")):
        here(monkeypatch, f"{build}/{node}")
        for wanted in (("--build", str(build)), ("--cluster", TWENTY)):
            options = parsed(*wanted, "--state", str(home))
            assert drift._wanted(options).identity.node == node


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    drift.configure(parser)
    return parser.parse_args(arguments)


# Compiled here.


@pytest.mark.parametrize("node", ["core", "sql", "dea1"])
def test_compiled_is_what_a_build_of_it_holds(build: Path, node: str) -> None:
    of_build = from_build(str(build), node)
    assert compiled(TWENTY, node, serial=7) == of_build
    assert compiled(TWENTY, node).identity == replace(of_build.identity, serial=0)


def test_all_errors_of_a_cluster_are_told_at_once(tmp_path: Path, dump: Path) -> None:
    place(tmp_path, SMALL, POLICY.replace("allow web ", "allow wbe ").replace("allow admins", "allow admin "))
    outcome = run(dump, "--cluster", str(tmp_path / "cluster.yaml"), "--node", "db")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.count("error[") == 2
    missing = run(dump, "--cluster", str(tmp_path / "none.yaml"), "--node", "db")
    assert missing.status == 2
    assert "NP901" in missing.err


def test_a_broken_promise_is_never_compared_with(tmp_path: Path) -> None:
    place(tmp_path, SMALL, POLICY.replace("require exactly 1 db", "expect web -> db : tcp 9"))
    with pytest.raises(StoppedError) as caught:
        compiled(str(tmp_path / "cluster.yaml"), "db")
    assert caught.value.ending is Ending.REFUSED
    assert all(one.severity.value == "error" for one in caught.value.found)
