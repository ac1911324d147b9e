"""Drift on real kernels: what real tools change is found, and what they leave alone is not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from netpolicy.node.apply import Choices, apply
from netpolicy.node.backend import Backend
from netpolicy.node.bundle import Build as Folder
from netpolicy.node.bundle import Bundle
from netpolicy.node.drift import Drift, drift, of_kernel, of_texts
from netpolicy.node.findings import finding, statements
from netpolicy.node.host import Host
from netpolicy.node.journal import Journal
from netpolicy.packet.addresses import Family
from netpolicy.packet.ports import Protocol
from netpolicy.source import Source
from netpolicy.targets.iptables.drift import Kind
from netpolicy.targets.iptables.hits import statements_of
from netpolicy.targets.iptables.render import rule_text
from netpolicy.targets.iptables.rules import Chain, InSet
from tests.kernel.applying import addressed
from tests.kernel.build import Build
from tests.kernel.lab import BACKENDS, TABLE_OF, Lab, Namespace, Site, inside
from tests.kernel.probe import Probe, answers

pytestmark = pytest.mark.alone

HERE = Path(__file__).parent
EVERYTHING = HERE / "everything.yaml"
FIVE = HERE / "five-dual.yaml"
NODE = "web1"
# Each is a line of commands, the kinds of what is found, and whether it is found of the statement that was touched.
# `IN` stands for the generation's chain, `N` for the number of the statement's rule there and `RULE` for its words, and
# `SET` for the set that it asks for.
ADMITTING = "iptables -N deeper; iptables -A deeper -j ACCEPT; iptables -N theirs; iptables -A theirs -p udp -j deeper"
REFUSING = "iptables -N f2b; iptables -A f2b -s 192.0.2.9 -j REJECT"
BASELINE = "-m comment --comment np:baseline"
OTHER = "iptables -N NP-IN-0a1b2c3d; iptables -A NP-IN-0a1b2c3d -j DROP; iptables -R NETPOLICY-IN 1 -j NP-IN-0a1b2c3d"
EXPIRING = "ipset create other hash:ip family inet timeout 60; ipset swap SET other; ipset destroy other"
UNREAD = "iptables -I IN 3 -m u32 --u32 0=1 -j RETURN"
MUTATIONS: dict[str, tuple[str, set[Kind], bool]] = {
    "a rule is deleted": ("iptables -D IN N", {Kind.RULE_MISSING}, True),
    "a rule is edited": ("iptables -R IN N RULE -i eth0", {Kind.RULE_EDITED}, True),
    "a rule is moved behind the last refusal": ("iptables -D IN N; iptables -A IN RULE", {Kind.RULE_MOVED}, True),
    "a rule is moved to the front": ("iptables -D IN N; iptables -I IN RULE", {Kind.RULE_MOVED}, True),
    "a rule is twice": ("iptables -I IN 1 RULE", {Kind.RULE_EXTRA}, True),
    "a rule is added first": ("iptables -I IN 1 -j RETURN", {Kind.RULE_EXTRA}, False),
    "a rule is added last": ("iptables -A IN -s 192.0.2.9 -j DROP", {Kind.RULE_EXTRA}, False),
    "a rule with a match that we do not know": (UNREAD, {Kind.RULE_UNREADABLE}, False),
    "a chain is emptied": ("iptables -F IN", {Kind.CHAIN_EMPTY}, False),
    "the stable chain is emptied": ("iptables -F NETPOLICY-IN", {Kind.CHAIN_EMPTY}, False),
    "a chain is renamed": ("iptables -E IN mine", {Kind.RULE_EDITED, Kind.CHAIN_MISSING, Kind.ENTERED}, False),
    "the jump is deleted": ("iptables -D INPUT 1", {Kind.JUMP_MISSING}, False),
    "the jump is twice": (f"iptables -A INPUT {BASELINE} -j NETPOLICY-IN", {Kind.JUMP_EXTRA}, False),
    "-g in place of -j": (f"iptables -R INPUT 1 {BASELINE} -g NETPOLICY-IN", {Kind.JUMP_EDITED}, False),
    "only for one interface": (f"iptables -R INPUT 1 -i eth1 {BASELINE} -j NETPOLICY-IN", {Kind.JUMP_EDITED}, False),
    "behind ACCEPT": ("iptables -I INPUT 1 -p tcp --dport 9 -j ACCEPT", {Kind.ADMITTED_BEFORE}, False),
    "behind a chain that admits": (f"{ADMITTING}; iptables -I INPUT 1 -j theirs", {Kind.ADMITTED_BEFORE}, False),
    "another generation": (OTHER, {Kind.OTHER_GENERATION}, False),
    "another member": ("ipset flush SET; ipset add SET 192.0.2.9", {Kind.SET_MEMBERS}, True),
    "a member less": ("ipset flush SET", {Kind.SET_MEMBERS}, True),
    "a set whose members expire": (EXPIRING, {Kind.SET_TYPE}, True),
    "others lead into ours": ("iptables -N theirs; iptables -A theirs -j NETPOLICY-IN", {Kind.ENTERED}, False),
    "a chain is left": ("iptables -N NP-IN-0a1b2c3d-t", {Kind.CHAIN_LEFT}, False),
    "a policy": ("iptables -P INPUT DROP", {Kind.POLICY}, False),
    "others refuse all behind": (
        "iptables -N f2b; iptables -A f2b -j REJECT; iptables -A INPUT -j f2b",
        {Kind.REFUSED},
        False,
    ),
    "IPv6 alone": ("ip6tables -D INPUT 1", {Kind.JUMP_MISSING}, False),
    "others refuse ahead": (f"{REFUSING}; iptables -I INPUT 1 -j f2b", set(), False),
}


@pytest.fixture
def lock(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tools that this process runs by itself take the lab's lock."""
    monkeypatch.setenv("XTABLES_LOCKFILE", lab.lock)


def bundle(made: Build, node: str = NODE) -> Bundle:
    return Folder(made.folder).bundle(node)


def compared(space: Namespace, wanted: Bundle) -> Drift:
    """What the live kernel of the namespace differs in."""
    with inside(space):
        return drift(of_kernel(Host()), wanted)


def save(space: Namespace, backend: str, into: Path) -> None:
    """The texts of the save tools, as files."""
    for name, table in TABLE_OF.items():
        done = space.run(f"{table}-{backend}-save", "-c")
        assert done.returncode == 0, done.stderr
        (into / name).write_text(done.stdout, encoding="utf-8")
    (into / "sets.ipset").write_text(space.run("ipset", "save").stdout, encoding="utf-8")


def of_dump(folder: Path, wanted: Bundle) -> Drift:
    texts = (Source(name, (folder / name).read_text(encoding="utf-8")) for name in (*TABLE_OF, "sets.ipset"))
    held, problems = of_texts(*texts)
    assert not problems
    return drift(held, wanted)


def codes(one: Drift) -> set[str]:
    return {finding(each, one.bundle.statements).code for each in one.differences}


def kinds(one: Drift) -> set[Kind]:
    return {each.kind for each in one.differences}


def touched(wanted: Bundle) -> tuple[Chain, int, str]:
    """The chain of what comes in, the place in it of the first rule that asks for a set of hosts, and that set."""
    hosts = {one.name for one in wanted.ruleset.sets if one.kind == "hash:ip" and one.family is Family.V4}
    chain = next(one for one in wanted.ruleset.v4.chains if re.fullmatch(r"NP-IN-[0-9a-f]{8}", one.name))
    asked = ((at, match) for at, rule in enumerate(chain.rules) for match in rule.matches)
    return next((chain, at, one.name) for at, one in asked if isinstance(one, InSet) and one.name in hosts)


def run(lab: Lab, space: Namespace, backend: str, line: str, wanted: Bundle) -> None:
    """The commands of the line have happened, in the tools of the backend."""
    chain, at, name = touched(wanted)
    rule = rule_text(chain.rules[at], Family.V4).strip()
    words = {"IN": chain.name, "N": str(at + 1), "RULE": rule, "SET": name}
    words |= {tool: f"{tool}-{backend}" for tool in ("iptables", "ip6tables")}
    for command in line.split(";"):
        done = space.run(*" ".join(words.get(word, word) for word in command.split()).split(), lock=lab.lock)
        assert done.returncode == 0, f"{command}: {done.stderr}"


@pytest.mark.usefixtures("lock")
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_tools_change_is_found(lab: Lab, build: Callable[..., Build], backend: str, tmp_path: Path) -> None:
    """Each change alone, in a kernel of its own; a saved dump of that kernel says the same."""
    made = build(EVERYTHING)
    wanted = bundle(made)
    chain, at, _ = touched(wanted)
    for number, (name, (line, expected, of_statement)) in enumerate(MUTATIONS.items()):
        space = lab.space(f"m{number}")
        lab.load(space, made.nodes[NODE], backend)
        run(lab, space, backend, line, wanted)
        live = compared(space, wanted)
        assert kinds(live) == expected, (name, live.found)
        if of_statement:
            assert set(statements_of(chain.rules[at].comment)) <= set(statements(live.differences[0])), name
        save(space, backend, tmp_path)
        assert of_dump(tmp_path, wanted).differences == live.differences, name
        lab.clear()


@pytest.mark.usefixtures("lock")
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_loaded_is_no_drift(lab: Lab, build: Callable[..., Build], backend: str) -> None:
    for cluster, options in ((EVERYTHING, ()), (EVERYTHING, ("--sets=inline",)), (FIVE, ())):
        made = build(cluster, *options)
        for number, node in enumerate(made.nodes):
            space = lab.space(f"n{number}")
            lab.load(space, made.nodes[node], backend)
            one = compared(space, bundle(made, node))
            assert one.differences == (), (node, one.found)
            assert one.held.backend == f"iptables-{backend}"
        lab.clear()


@pytest.mark.usefixtures("lock")
def test_rules_in_the_other_backend_are_drift(lab: Lab, build: Callable[..., Build]) -> None:
    made = build(EVERYTHING)
    wanted = bundle(made)
    for backend, other in (BACKENDS, BACKENDS[::-1]):
        space = lab.space(f"two-{backend}")
        lab.load(space, made.nodes[NODE], backend)
        run(lab, space, other, "iptables -A INPUT -p tcp --dport 9 -j DROP", wanted)
        assert codes(compared(space, wanted)) == {"NP815"}


@pytest.mark.usefixtures("lock")
def test_looking_makes_nothing(lab: Lab, build: Callable[..., Build]) -> None:
    """A namespace without tables has none afterwards, and everything is missing in it."""
    space = lab.space("empty")
    assert codes(compared(space, bundle(build(EVERYTHING)))) >= {"NP805"}
    for name in ("ip_tables_names", "ip6_tables_names"):
        assert space.run("cat", f"/proc/thread-self/net/{name}").stdout == ""
    assert space.run("nft", "list", "ruleset").stdout == ""


@pytest.mark.usefixtures("lock")
@pytest.mark.parametrize("backend", BACKENDS)
def test_packets_are_counted_for_their_statement(lab: Lab, build: Callable[..., Build], backend: str) -> None:
    """Some connections that are admitted and some that are not: the counters of just these statements move, by that."""
    made = build(FIVE)
    site = Site(lab, made.cluster)
    lab.load(lab.spaces["core"], made.nodes["core"], backend)
    wanted = bundle(made, "core")
    before = counted(compared(lab.spaces["core"], wanted))
    source, other = (next(one for one in site.addresses("data") if (":" in one) is v6) for v6 in (False, True))
    ends = {source: ip(site, "core", v6=False), other: ip(site, "core", v6=True)}
    tcp, udp = Protocol.TCP, Protocol.UDP
    sent = [
        *(Probe("data", source, ends[source], tcp, port) for port in (22, 4222, 9)),
        *(Probe("data", other, ends[other], tcp, port) for port in (22, 9)),
        Probe("data", source, ends[source], udp, 53),
    ]
    answers(lab.spaces, sent)
    after = counted(compared(lab.spaces["core"], wanted))
    moved = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
    ssh = next(one.id for one in wanted.statements.values() if one.flow == "all -> all : ssh")
    assert moved.pop(ssh) == 2
    assert moved.pop("default") >= 3
    moved.pop("baseline", None)
    assert len(moved) == 1, moved
    assert list(moved.values()) == [1]


def ip(site: Site, node: str, *, v6: bool) -> str:
    return next(one for one in site.addresses(node) if (":" in one) is v6)


def counted(one: Drift) -> dict[str, int]:
    assert one.hits is not None
    return {",".join(hit.statements): hit.packets for hit in one.hits}


def program(space: Namespace, *options: str) -> subprocess.CompletedProcess[str]:
    """The whole command, in the namespace."""
    with inside(space):
        command = (sys.executable, "-m", "netpolicy", "drift", *options)
        return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.usefixtures("lock")
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_was_applied_is_known_and_so_is_the_node(
    lab: Lab, build: Callable[..., Build], backend: str, tmp_path: Path
) -> None:
    """After an apply nothing need be named; without its state, a machine is known by its addresses."""
    made, state = build(FIVE), tmp_path / "state"
    Site(lab, made.cluster)
    wanted, space = bundle(made, "core"), lab.spaces["core"]
    with inside(space):
        apply(Host(), wanted, Journal(state), Choices(Backend(f"iptables-{backend}")))
    for options in (("--state", str(state)), ("--build", str(made.folder), "--state", str(tmp_path / "none"))):
        fine = program(space, *options)
        assert (fine.returncode, fine.stderr) == (0, "")
        assert fine.stdout.startswith("core: ")
        assert f"backend iptables-{backend}" in fine.stdout
    run(lab, space, backend, "iptables -D INPUT 1", wanted)
    for options in (("--state", str(state)), ("--build", str(made.folder), "--node", "self")):
        drifted = program(space, *options)
        assert drifted.returncode == 1
        assert "NP806" in drifted.stderr


@pytest.mark.usefixtures("lock")
def test_the_program_in_a_namespace(lab: Lab, build: Callable[..., Build]) -> None:
    """The whole command, live: another machine, then no drift, then one rule less."""
    made = build(EVERYTHING)
    space = lab.space("program")
    lab.load(space, made.nodes[NODE], "nft")
    options = ("--build", str(made.folder), "--node", NODE, "--format", "json")
    elsewhere = program(space, *options)
    assert elsewhere.returncode == 2
    assert "NP756" in elsewhere.stderr
    addressed(space, "10.20.0.1/24", "2001:db8:20::1/64")
    space.ip("link add eth1 type veth peer name there", "link set eth1 up", "link set there up")
    space.ip("address add 203.0.113.1/24 dev eth1", "address add 2001:db8:21::1/64 dev eth1 nodad")
    fine = program(space, *options)
    assert fine.returncode == 0, fine.stdout + fine.stderr
    assert json.loads(fine.stdout)["backend"] == "iptables-nft"
    run(lab, space, "nft", "iptables -D IN 2", bundle(made))
    drifted = program(space, *options)
    assert drifted.returncode == 1
    assert [one["code"] for one in json.loads(drifted.stdout)["findings"]] == ["NP801"]
