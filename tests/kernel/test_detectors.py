"""The detectors themselves: what tells old from new, and what counts leaked and lost packets, must be seen to fire."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pytest

from tests.kernel.build import Build
from tests.kernel.lab import BACKENDS, TABLE_OF, Lab, Namespace, Site
from tests.kernel.stream import Crossing, crossing
from tests.kernel.verdict import (
    ALLOWED,
    FORBIDDEN,
    NEW_CLUSTER,
    NODE,
    OLD_CLUSTER,
    PEER,
    ROUTE,
    State,
    verdict,
)

pytestmark = pytest.mark.alone


@pytest.fixture
def site(lab: Lab, build: Callable[..., Build]) -> Site:
    """The cluster that the two builds speak of, without any rule."""
    return Site(lab, build(OLD_CLUSTER).cluster)


def rules(*open_ports: int) -> str:
    """A ruleset by hand that admits these TCP ports, and what a host needs to be reached at all."""
    accepts = "".join(f"-A INPUT -p tcp -m tcp --dport {port} -j ACCEPT\n" for port in open_ports)
    return f"*filter\n:INPUT DROP [0:0]\n-A INPUT -p icmpv6 -j ACCEPT\n{accepts}COMMIT\n"


BY_HAND = {
    State.OLD: rules(22, 1111),
    State.NEW: rules(22, 2222),
    State.OPEN: "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n",
    State.LOCKED: rules(),
    State.MIXED: rules(22, 1111, 2222),
}


@pytest.mark.parametrize("backend", BACKENDS)
def test_packets_tell_each_state_in_each_family(lab: Lab, site: Site, backend: str) -> None:
    node = lab.spaces[NODE]
    for one, text in BY_HAND.items():
        for other in (State.OPEN, State.OLD):
            lab.restore(node, f"iptables-{backend}-restore", text, "-w")
            lab.restore(node, f"ip6tables-{backend}-restore", BY_HAND[other], "-w")
            assert verdict(lab.spaces) == {4: one, 6: other}
    lab.restore(node, f"ip6tables-{backend}-restore", rules(2222, 9999), "-w")
    assert verdict(lab.spaces)[6] is State.MIXED


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_two_builds_are_the_old_and_the_new(
    lab: Lab, site: Site, build: Callable[..., Build], backend: str
) -> None:
    for cluster, state in ((OLD_CLUSTER, State.OLD), (NEW_CLUSTER, State.NEW)):
        lab.load(lab.spaces[NODE], build(cluster).nodes[NODE], backend)
        assert verdict(lab.spaces) == {4: state, 6: state}


def while_doing(lab: Lab, act: Callable[[], object]) -> Crossing:
    return crossing(lab.spaces[PEER], lab.spaces[NODE], ROUTE, act, allowed=ALLOWED, forbidden=FORBIDDEN)


@pytest.mark.parametrize("backend", BACKENDS)
def test_streams_see_nothing_where_nothing_is_done(
    lab: Lab, site: Site, build: Callable[..., Build], backend: str
) -> None:
    node = lab.spaces[NODE]
    lab.load(node, build(OLD_CLUSTER).nodes[NODE], backend)
    found = while_doing(lab, lambda: [lab.saved(node, f"iptables-{backend}-save") for _ in range(50)])
    print(found)
    assert found.clean, str(found)
    assert len(found.streams) == 4
    assert min(one.sent for one in found.streams) >= 300
    # One way, so a flow that is let pass stays new to conntrack.
    flows = node.run("conntrack", "-L", "-p", "udp").stdout
    assert "UNREPLIED" in flows
    assert all("UNREPLIED" in line for line in flows.splitlines() if f"dport={ALLOWED}" in line)
    assert f"dport={FORBIDDEN}" not in flows


@pytest.mark.parametrize("backend", BACKENDS)
def test_streams_see_nothing_of_a_restore_of_all(
    lab: Lab, site: Site, build: Callable[..., Build], backend: str
) -> None:
    """One transaction a family: the streams do not blame what is right."""
    node = lab.spaces[NODE]
    lab.load(node, build(OLD_CLUSTER).nodes[NODE], backend)

    def flip() -> None:
        for cluster in [NEW_CLUSTER, OLD_CLUSTER] * 5:
            lab.load(node, build(cluster).nodes[NODE], backend)

    found = while_doing(lab, flip)
    print(found)
    assert found.clean, str(found)


def flush_and_add(space: Namespace, lab: Lab, files: Mapping[str, str], backend: str, policy: str) -> None:
    """What scripts do: all rules go, then one call a rule."""
    for name, table in TABLE_OF.items():
        tool = f"{table}-{backend}"
        chains = re.findall(r"^:(N\S+)", files[name], re.MULTILINE)
        steps = [["-P", "INPUT", policy], ["-F"], ["-X"], *(["-N", chain] for chain in chains)]
        for line in re.findall(r"^-A .*$", files[name], re.MULTILINE):
            steps.append([word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)])
        for step in steps:
            done = space.run(tool, "-w", *step, lock=lab.lock)
            assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("policy", ["ACCEPT", "DROP"])
def test_streams_catch_a_script_that_flushes_and_adds(
    lab: Lab, site: Site, build: Callable[..., Build], policy: str, backend: str
) -> None:
    """An open policy leaks in both families while the rules are away; a closed one loses."""
    node, files = lab.spaces[NODE], build(OLD_CLUSTER).nodes[NODE]
    lab.load(node, files, backend)
    found = while_doing(lab, lambda: flush_and_add(node, lab, files, backend, policy))
    print(found)
    assert all((found.leaked if policy == "ACCEPT" else found.lost).values()), str(found)
    if policy == "DROP":
        assert not any(found.leaked.values()), str(found)
