"""The lab itself: rules written by hand, whose meaning is plain, judged by real packets.

A lab that cannot see a wrong rule proves nothing, so here the rules are made wrong on purpose.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from netpolicy.packet.ports import Protocol
from netpolicy.policy.clusterfile import read_cluster
from netpolicy.source import Source
from tests.kernel.lab import BACKENDS, OUTSIDE, PREFIX, Lab, Site, inside, stale
from tests.kernel.probe import Probe, admitted

CLUSTER = """
policy: ./none.netpol
nodes:
  server: {roles: [server], interfaces: {eth0: [10.0.0.1, "2001:db8::1"], eth1: [10.1.0.1]}}
  client: {roles: [client], interfaces: {eth0: [10.0.0.2, "2001:db8::2"]}}
  other: {roles: [other], interfaces: {eth0: [10.0.0.3, "2001:db8::3"]}}
"""
SETS = """
create np4-client-1a2b3c4d hash:ip family inet maxelem 64 -exist
add np4-client-1a2b3c4d 10.0.0.2 -exist
create np6-client-1a2b3c4d hash:ip family inet6 maxelem 64 -exist
add np6-client-1a2b3c4d 2001:db8::2 -exist
""".lstrip()
RULES = """
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:NETPOLICY-IN - [0:0]
:NP-IN-0a1b2c3d - [0:0]
-A INPUT -j NETPOLICY-IN
-A NETPOLICY-IN -j NP-IN-0a1b2c3d
-A NP-IN-0a1b2c3d -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN
-A NP-IN-0a1b2c3d -i lo -j RETURN
-A NP-IN-0a1b2c3d -m conntrack --ctstate INVALID -j DROP
-A NP-IN-0a1b2c3d -p tcp -m tcp --dport 3306:3307 -m set --match-set np4-client-1a2b3c4d src -j RETURN
-A NP-IN-0a1b2c3d -p udp -m udp --dport 53 -j RETURN
-A NP-IN-0a1b2c3d -p icmp -m icmp --icmp-type 8 -m set --match-set np4-client-1a2b3c4d src -j RETURN
-A NP-IN-0a1b2c3d -p 50 -m set --match-set np4-client-1a2b3c4d src -j RETURN
-A NP-IN-0a1b2c3d -j DROP
COMMIT
""".lstrip()
NEIGHBOURS = """
-A NP-IN-0a1b2c3d -p ipv6-icmp -m icmp6 --icmpv6-type 135 -j RETURN
-A NP-IN-0a1b2c3d -p ipv6-icmp -m icmp6 --icmpv6-type 136 -j RETURN
-A NP-IN-0a1b2c3d -j DROP
""".lstrip()
ECHO = ("-p icmp -m icmp --icmp-type 8", "-p ipv6-icmp -m icmp6 --icmpv6-type 128")
FILES = {
    "rules.v4": RULES,
    "rules.v6": RULES.replace("np4", "np6").replace(*ECHO).replace("-A NP-IN-0a1b2c3d -j DROP\n", NEIGHBOURS),
    "sets.ipset": SETS,
}
STRANGERS = ("198.51.100.9", "2001:db8:ffff::9")
SERVER = {4: ("10.0.0.1", "10.1.0.1"), 6: ("2001:db8::1",)}
SENDERS = {"client": ("10.0.0.2", "2001:db8::2"), "other": ("10.0.0.3", "2001:db8::3"), OUTSIDE: STRANGERS}
ASKED = [
    *((Protocol.TCP, port) for port in (22, 3305, 3306, 3307, 3308)),
    *((Protocol.UDP, port) for port in (52, 53, 54, 3306)),
    *((Protocol.ESP, 0), (Protocol.GRE, 0)),
]
FOR_CLIENT = {(Protocol.TCP, 3306), (Protocol.TCP, 3307), (Protocol.ESP, 0)}


def probes() -> set[Probe]:
    found = set()
    for sender, sources in SENDERS.items():
        for version, echo, source in ((4, Protocol.ICMP, sources[0]), (6, Protocol.ICMPV6, sources[1])):
            for destination in SERVER[version]:
                found |= {Probe(sender, source, destination, *what) for what in [*ASKED, (echo, 0)]}
    return found


def is_admitted(probe: Probe) -> bool:
    if (probe.protocol, probe.port) == (Protocol.UDP, 53):
        return True
    echo = probe.protocol in (Protocol.ICMP, Protocol.ICMPV6)
    return probe.sender == "client" and (echo or (probe.protocol, probe.port) in FOR_CLIENT)


EXPECTED = {probe for probe in probes() if is_admitted(probe)}


def reached(lab: Lab, files: dict[str, str], backend: str) -> set[Probe]:
    cluster, found = read_cluster(Source("lab.yaml", CLUSTER))
    assert cluster is not None, found
    site = Site(lab, cluster, STRANGERS)
    site.load({"server": files}, backend)
    return admitted(lab.spaces, probes(), EXPECTED)


@pytest.mark.parametrize("backend", BACKENDS)
def test_probes_see_exactly_what_the_rules_admit(lab: Lab, backend: str) -> None:
    assert reached(lab, FILES, backend) == EXPECTED


def test_without_rules_every_probe_is_answered(lab: Lab) -> None:
    cluster, _ = read_cluster(Source("lab.yaml", CLUSTER))
    assert cluster is not None
    Site(lab, cluster, STRANGERS)
    assert admitted(lab.spaces, probes(), probes()) == probes()


def _change(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new)


WRONG: dict[str, tuple[Callable[[str], str], set[tuple[str, int]]]] = {
    "a widened port": (_change("3306:3307", "3306:3308"), {("client", 3308)}),
    "a narrowed port": (_change("3306:3307", "3306"), {("client", 3307)}),
    "source and destination swapped": (
        _change(
            "3306:3307 -m set --match-set np4-client-1a2b3c4d src",
            "3306:3307 -m set --match-set np4-client-1a2b3c4d dst",
        ),
        {("client", 3306), ("client", 3307)},
    ),
    "a lost address match": (
        _change("3306:3307 -m set --match-set np4-client-1a2b3c4d src", "3306:3307"),
        {(sender, port) for sender in ("other", OUTSIDE) for port in (3306, 3307)},
    ),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("wrong", WRONG)
def test_probes_notice(lab: Lab, wrong: str, backend: str) -> None:
    change, noticed = WRONG[wrong]
    files = {**FILES, "rules.v4": change(FILES["rules.v4"])}
    assert files != FILES
    differing = reached(lab, files, backend) ^ EXPECTED
    assert {(probe.sender, probe.port) for probe in differing} == noticed
    assert {(probe.protocol, probe.version) for probe in differing} == {(Protocol.TCP, 4)}


def test_a_lost_final_drop_opens_everything(lab: Lab) -> None:
    files = {**FILES, "rules.v4": FILES["rules.v4"].replace("-A NP-IN-0a1b2c3d -j DROP\n", "")}
    assert reached(lab, files, "nft") == EXPECTED | {probe for probe in probes() if probe.version == 4}


def test_without_neighbour_discovery_nothing_reaches_ipv6(lab: Lab) -> None:
    lines = [line for line in FILES["rules.v6"].splitlines(keepends=True) if "--icmpv6-type 13" not in line]
    files = {**FILES, "rules.v6": "".join(lines)}
    assert {probe for probe in reached(lab, files, "legacy") if probe.version == 6} == set()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("options", [("-w",), ("-w", "--test")])
def test_a_refused_line_is_shown(lab: Lab, backend: str, options: tuple[str, ...]) -> None:
    wrong = "-A INPUT -p tcp -m tcp --dport 65536 -j DROP"
    text = f"*filter\n:INPUT ACCEPT [0:0]\n{wrong}\nCOMMIT\n"
    with pytest.raises(AssertionError) as told:
        lab.restore(lab.space("one"), f"iptables-{backend}-restore", text, *options)
    assert f"\n    3  {wrong}" in str(told.value)
    assert f"`iptables-{backend}-restore {' '.join(options)}` ended with" in str(told.value)


def test_nothing_is_left_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), Lab() as inner:
        space = inner.space("one")
        assert Path("/run/netns", space.name).exists()
        with inside(space):
            raise ZeroDivisionError
    assert not Path("/run/netns", space.name).exists()
    assert not Path(inner.lock).parent.exists()


DIE = """
import os, signal
from tests.kernel.lab import Lab
Lab().__enter__().space("lost")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_run_leaves_is_removed_by_the_next() -> None:
    killed = subprocess.run((sys.executable, "-c", DIE), check=False, cwd=Path(__file__).parents[2])
    assert killed.returncode == -9
    assert [name for name in stale() if name.endswith("-lost")]
    with Lab() as lab:
        assert not stale()
        assert lab.space("one").name.startswith(PREFIX)
