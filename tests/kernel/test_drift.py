"""Drift on real kernels: what real tools change is found, and what they leave alone is not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from netpolicy.node.bundle import Build as Folder
from netpolicy.node.bundle import Bundle
from netpolicy.node.drift import Drift, drift, of_kernel, of_texts
from netpolicy.node.findings import finding
from netpolicy.node.host import Host
from netpolicy.packet.ports import Protocol
from netpolicy.source import Source
from tests.kernel.build import Build
from tests.kernel.lab import BACKENDS, TABLE_OF, Lab, Namespace, Site, inside
from tests.kernel.probe import Probe, answers

HERE = Path(__file__).parent
EVERYTHING = HERE / "everything.yaml"
FIVE = HERE / "five-dual.yaml"
NODE = "web1"
# Each is a line of commands; `IN` stands for the generation's chain, `SET` for a set that its rules ask for.
ADMITTING = "iptables -N deeper; iptables -A deeper -j ACCEPT; iptables -N theirs; iptables -A theirs -p udp -j deeper"
REFUSING = "iptables -N f2b; iptables -A f2b -s 192.0.2.9 -j REJECT"
BASELINE = "-m comment --comment np:baseline"
MUTATIONS: dict[str, tuple[str, set[str]]] = {
    "a rule is deleted": ("iptables -D IN 2", {"NP801"}),
    "a rule is added first": ("iptables -I IN 1 -j RETURN", {"NP802"}),
    "a rule is added last": ("iptables -A IN -s 192.0.2.9 -j DROP", {"NP802"}),
    "a rule is replaced": ("iptables -R IN 2 -i lo0 -j RETURN", {"NP803"}),
    "a rule with a match that we do not know": ("iptables -I IN 3 -m u32 --u32 0=1 -j RETURN", {"NP816"}),
    "a chain is emptied": ("iptables -F IN", {"NP805"}),
    "the stable chain is emptied": ("iptables -F NETPOLICY-IN", {"NP805"}),
    "a chain is renamed": ("iptables -E IN mine", {"NP803", "NP805", "NP813"}),
    "the jump is deleted": ("iptables -D INPUT 1", {"NP806"}),
    "the jump is twice": (f"iptables -A INPUT {BASELINE} -j NETPOLICY-IN", {"NP807"}),
    "-g in place of -j": (f"iptables -R INPUT 1 {BASELINE} -g NETPOLICY-IN", {"NP807"}),
    "only for one interface": (f"iptables -R INPUT 1 -i eth1 {BASELINE} -j NETPOLICY-IN", {"NP807"}),
    "behind ACCEPT": ("iptables -I INPUT 1 -p tcp --dport 9 -j ACCEPT", {"NP808"}),
    "behind a chain that admits": (f"{ADMITTING}; iptables -I INPUT 1 -j theirs", {"NP808"}),
    "another generation": (
        "iptables -N NP-IN-0a1b2c3d; iptables -A NP-IN-0a1b2c3d -j DROP; iptables -R NETPOLICY-IN 1 -j NP-IN-0a1b2c3d",
        {"NP809"},
    ),
    "a member more": ("ipset add SET 192.0.2.9", {"NP811"}),
    "a member less": ("ipset flush SET", {"NP811"}),
    "a set changes places with one of another type": (
        "ipset create other hash:net family inet; ipset swap SET other; ipset destroy other",
        {"NP811", "NP812"},
    ),
    "others lead into ours": ("iptables -N theirs; iptables -A theirs -j NETPOLICY-IN", {"NP813"}),
    "a chain is left": ("iptables -N NP-IN-0a1b2c3d-t", {"NP814"}),
    "a policy": ("iptables -P INPUT DROP", {"NP817"}),
    "IPv6 alone": ("ip6tables -D INPUT 1", {"NP806"}),
    "others refuse ahead": (f"{REFUSING}; iptables -I INPUT 1 -j f2b", set()),
}  # fmt: skip


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


def run(lab: Lab, space: Namespace, backend: str, line: str, wanted: Bundle) -> None:
    """The commands of the line have happened, in the tools of the backend."""
    digits = next(chain.name for chain in wanted.ruleset.v4.chains if chain.name.startswith("NP-IN-"))[6:14]
    set_name = next(one.name for one in wanted.ruleset.sets if one.name.startswith("np4"))
    words = {"IN": f"NP-IN-{digits}", "SET": set_name}
    words |= {tool: f"{tool}-{backend}" for tool in ("iptables", "ip6tables")}
    for command in line.split(";"):
        done = space.run(*(words.get(word, word) for word in command.split()), lock=lab.lock)
        assert done.returncode == 0, f"{command}: {done.stderr}"


@pytest.mark.usefixtures("lock")
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_tools_change_is_found(lab: Lab, build: Callable[..., Build], backend: str, tmp_path: Path) -> None:
    """Each change alone, in a kernel of its own; a saved dump of that kernel says the same."""
    made = build(EVERYTHING)
    wanted = bundle(made)
    for number, (name, (line, expected)) in enumerate(MUTATIONS.items()):
        space = lab.space(f"m{number}")
        lab.load(space, made.nodes[NODE], backend)
        run(lab, space, backend, line, wanted)
        live = compared(space, wanted)
        assert codes(live) == expected, (name, live.found)
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


@pytest.mark.usefixtures("lock")
def test_the_program_in_a_namespace(lab: Lab, build: Callable[..., Build]) -> None:
    """The whole command, live: no drift, then one rule less."""
    made = build(EVERYTHING)
    space = lab.space("program")
    lab.load(space, made.nodes[NODE], "nft")
    command = (
        sys.executable,
        "-m",
        "netpolicy",
        "drift",
        "--build",
        str(made.folder),
        "--node",
        NODE,
        "--format",
        "json",
    )
    with inside(space):
        fine = subprocess.run(command, capture_output=True, text=True, check=False)
    assert fine.returncode == 0, fine.stdout + fine.stderr
    assert json.loads(fine.stdout)["backend"] == "iptables-nft"
    run(lab, space, "nft", "iptables -D IN 2", bundle(made))
    with inside(space):
        drifted = subprocess.run(command, capture_output=True, text=True, check=False)
    assert drifted.returncode == 1
    assert [one["code"] for one in json.loads(drifted.stdout)["differences"]] == ["NP801"]
