"""Sets of ports as text: what a statement can name, it names as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netpolicy.dsl.build import build
from netpolicy.dsl.parse import parse
from netpolicy.dsl.syntax import Flow
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.ports import ANY_PORT, PortSet
from netpolicy.packet.portwords import is_sayable, service_text
from netpolicy.policy.clusterfile import read_cluster
from netpolicy.policy.names import collect
from netpolicy.policy.params import Params
from netpolicy.policy.services import Services
from netpolicy.source import Source

TCP, UDP, GRE, OSPF = 6, 17, 47, 89


def meant(text: str) -> PortSet:
    """The ports that a statement with this text is about."""
    source = Source("policy.netpol", f"allow all -> all : {text}\n")
    tree, broken, found = parse(source)
    file, more = build(tree, source, broken)
    cluster, _ = read_cluster(Source("cluster.yaml", "policy: ./policy.netpol\nnodes: {a: {address: 10.0.0.1}}\n"))
    assert cluster is not None and not found and not more, (text, found, more)
    (flow,) = file.statements
    assert isinstance(flow, Flow)
    names, _ = collect([file])
    return Services(names, Params(names, [file], cluster)).ports(flow.what)[0]


def test_any_and_nearly_any() -> None:
    assert service_text(ANY_PORT) == "any"
    assert service_text(ANY_PORT - PortSet.ports(TCP, [(22, 22)])) == "any but tcp 22"
    assert not is_sayable("any but tcp 22")


@pytest.mark.parametrize(
    ("ports", "text", "sayable"),
    [
        (PortSet.ports(TCP, [(22, 22), (80, 90)]) | PortSet.ports(UDP, [(53, 53)]), "tcp 22, 80-90, udp 53", True),
        (PortSet.protocol(TCP) | PortSet.protocol(GRE) | PortSet.protocol(OSPF), "tcp any, gre, proto 89", True),
        (PortSet(v6=PortSet.ports(TCP, [(22, 22)]).v6), "tcp 22 (IPv6)", False),
        (PortSet.icmp_any(Family.V4), "icmpv4 any", True),
        (PortSet.icmp(Family.V4, 3, 4) | PortSet.icmp(Family.V6, 2, None), "icmpv4 3/4, icmpv6 2", True),
        (PortSet.icmp_any(Family.V4) - PortSet.icmp(Family.V4, 3, 4), "icmpv4 0-2, 3/0-3, 3/5-255, 4-255", False),
        (PortSet.icmp_any(Family.V6) - PortSet.icmp(Family.V6, 255, None), "icmpv6 0-254", False),
    ],
)
def test_how_ports_are_written(ports: PortSet, text: str, sayable: bool) -> None:
    assert (service_text(ports), is_sayable(text)) == (text, sayable)


def test_of_one_family_alone_nothing_is_said_of_families() -> None:
    assert service_text(PortSet(v6=PortSet.ports(TCP, [(22, 22)]).v6), (Family.V6,)) == "tcp 22"


PIECES = st.one_of(
    st.tuples(st.sampled_from([TCP, UDP, 132]), st.integers(0, 65535), st.integers(0, 300)).map(
        lambda one: PortSet.ports(one[0], [(one[1], min(one[1] + one[2], 65535))])
    ),
    st.tuples(st.sampled_from(FAMILIES), st.integers(0, 254), st.none() | st.integers(0, 255)).map(
        lambda one: PortSet.icmp(*one)
    ),
    st.sampled_from([TCP, UDP, GRE, OSPF, 50, 51, 132]).map(PortSet.protocol),
    st.sampled_from(FAMILIES).map(PortSet.icmp_any),
)


@given(st.lists(PIECES, min_size=1, max_size=6).map(PortSet.union_all))
def test_what_can_be_said_is_read_as_it_was_meant(ports: PortSet) -> None:
    text = service_text(ports)
    if is_sayable(text):
        assert meant(text) == ports


def test_everything_of_one_family_alone_says_so() -> None:
    assert service_text(PortSet(v4=ANY_PORT.v4)) == "any (IPv4)"
    assert service_text(PortSet(v4=ANY_PORT.v4), (Family.V4,)) == "any"
    found = service_text(PortSet(ANY_PORT.v4, PortSet.ports(6, [(22, 22)]).v6))
    assert found == "any (IPv4), tcp 22 (IPv6)"
