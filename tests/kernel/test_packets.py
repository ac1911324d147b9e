"""Real packets: what the policy admits reaches every node, and nothing else does, on both backends."""

from __future__ import annotations

import re
import select
import shutil
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from netpolicy.data import folder
from netpolicy.packet.ports import Protocol
from tests.kernel.build import Build
from tests.kernel.lab import BACKENDS, OUTSIDE, TABLE_OF, Lab, Namespace, Site, inside
from tests.kernel.probe import QUIET, Probe, admitted, answers
from tests.kernel.scenes import CLIENT, CONTAINER, HOST, OTHER, PUBLISHED, with_container

HERE = Path(__file__).parent
CLUSTERS = {
    **{name: folder("rules") / "clusters" / f"{name}.yaml" for name in ("three", "five")},
    "five, both families": HERE / "five-dual.yaml",
    "everything": HERE / "everything.yaml",
}


@pytest.fixture(scope="session")
def silent(build: Callable[..., Build], tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Build]:
    """Compiles a cluster so that it drops what it refuses: a refusal must not look like a closed port."""
    changed: dict[Path, Path] = {}

    def of(cluster: Path) -> Build:
        policy = cluster.with_suffix(".netpol")
        if cluster.parent != HERE or not policy.exists():
            return build(cluster)
        if cluster not in changed:
            into = tmp_path_factory.mktemp("silent")
            text = policy.read_text(encoding="utf-8").replace("refuse = reject", "refuse = drop")
            (into / policy.name).write_text(text, encoding="utf-8")
            changed[cluster] = Path(shutil.copy(cluster, into))
        return build(changed[cluster])

    return of


def shown(probes: Iterable[Probe]) -> list[str]:
    """A few probes in words, for a failure that one can read."""
    return [str(probe) for probe in sorted(probes)[:20]]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", [name for name in CLUSTERS if name != "everything"])  # which is rehearsed
def test_exactly_what_the_policy_admits_arrives(
    lab: Lab, silent: Callable[[Path], Build], name: str, backend: str
) -> None:
    made = silent(CLUSTERS[name])
    site = Site(lab, made.cluster, made.outside)
    site.load(made.nodes, backend)
    expected = made.expected
    arrived = admitted(lab.spaces, made.probes, expected)
    assert (shown(arrived - expected), shown(expected - arrived)) == ([], [])
    assert arrived == expected
    assert expected
    assert made.probes - expected


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_probes_notice_a_widened_port(lab: Lab, silent: Callable[[Path], Build], backend: str) -> None:
    made = silent(CLUSTERS["five"])
    files = dict(made.nodes)
    wider = re.sub(r"--dport 3306\b(?!:)", "--dport 3306:3307", files["data"]["rules.v4"])
    wider = re.sub(r"(--dports [\d,:]*)\b3306\b(?!:)", r"\g<1>3306:3307", wider)
    assert wider != files["data"]["rules.v4"]
    files["data"] = {**files["data"], "rules.v4": wider}
    site = Site(lab, made.cluster, made.outside)
    site.load(files, backend)
    surplus = admitted(lab.spaces, made.probes, made.expected) - made.expected
    assert {(probe.protocol, probe.port) for probe in surplus} == {(Protocol.TCP, 3307)}
    assert {probe.destination for probe in surplus} == set(site.addresses("data"))


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_rejected_is_counted_and_answered(
    lab: Lab, build: Callable[..., Build], silent: Callable[[Path], Build], backend: str
) -> None:
    """A refusal looks like a closed port from afar, so the counters of the REJECT rules tell them apart."""
    made, expected = build(CLUSTERS["everything"]), silent(CLUSTERS["everything"]).expected
    site = Site(lab, made.cluster, made.outside)
    site.load(made.nodes, backend)
    for version, name in ((4, "rules.v4"), (6, "rules.v6")):
        asked = {one for one in made.probes if one.sender == OUTSIDE and one.version == version}
        asked = {one for one in asked if one.protocol in (Protocol.TCP, Protocol.UDP)}
        refused = asked - expected
        assert refused
        assert set(answers(lab.spaces, asked)) == asked
        rejected = sum(counted(lab, lab.spaces[node], backend, name, "REJECT") for node in made.nodes)
        assert rejected == len(refused)


def counted(lab: Lab, space: Namespace, backend: str, name: str, target: str) -> int:
    """Packets that met a rule with that target."""
    done = space.run(f"{TABLE_OF[name]}-{backend}-save", "-c", "-t", "filter", lock=lab.lock)
    return sum(int(found) for found in re.findall(rf"^\[(\d+):\d+\] .* -j {target}\b", done.stdout, re.MULTILINE))


# Containers behind DNAT, and addresses that no node declares.

DNAT = """
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -i eth0 -p tcp -m tcp --dport 41009 -j DNAT --to-destination 172.17.0.2:8080
-A PREROUTING -i eth0 -p tcp -m tcp --dport 41010 -j DNAT --to-destination 172.17.0.2:8080
-A POSTROUTING -s 172.17.0.0/16 -o eth0 -j MASQUERADE
COMMIT
""".lstrip()


@pytest.fixture
def published(lab: Lab, build: Callable[..., Build]) -> Callable[[str], Site]:
    """The small cluster, with a container behind `host` and ports published there."""

    def of(backend: str) -> Site:
        made = build(PUBLISHED)
        site = with_container(lab, made)
        lab.restore(lab.spaces["host"], f"iptables-{backend}-restore", DNAT, "-w")
        site.load(made.nodes, backend)
        return site

    return of


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_forwarded_service_opens_its_published_ports_only(
    lab: Lab, published: Callable[[str], Site], backend: str
) -> None:
    published(backend)
    opened = {Probe("client", CLIENT, HOST, Protocol.TCP, 41_009), Probe("client", CLIENT, HOST, Protocol.TCP, 41_000)}
    closed = {
        Probe("client", CLIENT, HOST, Protocol.TCP, 41_010),  # published, but of no service
        Probe("client", CLIENT, HOST, Protocol.TCP, 8080),  # the container's own port is none of the host's
        Probe("other", OTHER, HOST, Protocol.TCP, 41_009),
    }
    asked = opened | closed
    assert admitted(lab.spaces, asked, opened) == opened
    # The answer to 41009 came from the container: its port is closed there, and nobody dropped the packet on the way.
    assert counted(lab, lab.spaces["host"], backend, "rules.v4", "DROP") == 3


@pytest.mark.parametrize("backend", BACKENDS)
def test_containers_keep_their_egress(lab: Lab, published: Callable[[str], Site], backend: str) -> None:
    site = published(backend)
    stranger = next(one for one in site.outside if ":" not in one)
    opened = {
        Probe("container", CONTAINER, CLIENT, Protocol.TCP, 80),  # leaves as the host, which the client admits
        Probe("container", CONTAINER, stranger, Protocol.TCP, 443),
        Probe("container", CONTAINER, stranger, Protocol.UDP, 53),
    }
    closed = {Probe("container", CONTAINER, CLIENT, Protocol.TCP, 22)}
    assert admitted(lab.spaces, opened | closed, opened) == opened


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_virtual_address_is_open_only_where_it_is_named(
    lab: Lab, published: Callable[[str], Site], backend: str
) -> None:
    published(backend)
    lab.spaces["other"].ip("address add 10.40.0.99/32 dev eth0", "address add 10.40.0.98/32 dev eth0")
    whom = {"named": "10.40.0.99", "unnamed": "10.40.0.98", "declared": OTHER}
    asked = {
        Probe(sender, source, destination, Protocol.TCP, port)
        for sender, source in (("client", CLIENT), ("host", HOST))
        for destination in whom.values()
        for port in (80, 443)
    }
    opened = {
        Probe("client", CLIENT, whom["named"], Protocol.TCP, 80),
        Probe("client", CLIENT, whom["declared"], Protocol.TCP, 443),
    }
    assert admitted(lab.spaces, asked, opened) == opened


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_multicast_group_is_open_only_as_it_is_named(
    lab: Lab, published: Callable[[str], Site], backend: str
) -> None:
    published(backend)
    listeners = [member(lab.spaces[name], group, port) for name in ("other", "host") for group, port in GROUPS]
    try:
        for name, address in (("client", CLIENT), ("host", HOST), ("other", OTHER)):
            for group, port in GROUPS:
                tell(lab.spaces[name], address, group, port)
        heard: dict[int, set[str]] = {}
        while ready := select.select(listeners, (), (), QUIET)[0]:
            for one in ready:
                heard.setdefault(listeners.index(one), set()).add(one.recv(64).decode())
        # `other` is the gateway; its first group and port are those of the policy.
        assert heard == {0: {CLIENT}}
    finally:
        for one in listeners:
            one.close()


GROUPS = (("224.0.0.251", 5353), ("224.0.0.251", 5354), ("224.0.0.252", 5353))


def member(space: Namespace, group: str, port: int) -> socket.socket:
    """A socket that hears a multicast group at one port."""
    with inside(space):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.setblocking(False)
        one.bind((group, port))
        index = socket.if_nametoindex("eth0")
        where = socket.inet_aton(group) + socket.inet_aton("0.0.0.0") + index.to_bytes(4, "little")
        one.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, where)
        return one


def tell(space: Namespace, source: str, group: str, port: int) -> None:
    """A datagram with its sender's address has gone to the group, not back to the sender."""
    with inside(space), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((source, 0))
        one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(source))
        one.sendto(source.encode(), (group, port))
