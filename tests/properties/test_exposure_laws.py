"""What strangers reach, against a naive count, and however the same is written."""

from __future__ import annotations

from ipaddress import ip_network
from itertools import pairwise, product

from hypothesis import given, settings
from hypothesis import strategies as st

from netpolicy.packet.addresses import Family
from netpolicy.packet.packets import Packet
from netpolicy.packet.ports import VALUE_BITS, VALUE_LAST, Protocol
from netpolicy.pipeline import Pipeline
from netpolicy.verify.exposure import PUBLIC, degree_of, exposure
from tests.compiling import compiled
from tests.specification import Specification

CLUSTER = """\
policy: ./policy.netpol
nodes:
  a: {roles: [front], interfaces: {eth0: [10.0.0.1], eth1: [8.8.8.8, "2600::8"]}}
  b: {roles: [front, data], address: 10.0.0.2}
  c: {roles: [data], address: [10.0.0.3, "2600::3"]}
"""
HEAD = "role front, data\nrequire at least 1 front\nrequire at least 1 data\n"
CIDRS = [
    *("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "64.0.0.0/2", "8.0.0.0/7", "8.8.0.0/15", "8.8.0.0/16", "10.0.0.0/8"),
    *("::/0", "2000::/3", "2000::/4", "2600::/24", "2600::/32", "fc00::/7"),
]
WHO = st.one_of(
    st.sampled_from(["world", "outside", "0.0.0.0/0", "::/0"]), st.sampled_from(["front", "world except data", *CIDRS])
)
WHOM = st.sampled_from(["all", "front", "data", "front@eth1", "data@10.0.0.9"])
EDGES = [1, 22, 23, 3306, 32767, 32768, 65535]
PORTS = st.tuples(st.sampled_from(EDGES), st.sampled_from(EDGES)).map(lambda pair: (min(pair), max(pair)))
PROTOCOLS = st.sampled_from(["tcp", "udp", "tcp+udp"])
LINES = st.tuples(st.sampled_from(["allow", "allow", "deny"]), WHO, WHOM, PROTOCOLS, PORTS)
Line = tuple[str, str, str, str, tuple[int, int]]


def text(lines: list[Line]) -> str:
    return HEAD + "".join(
        f'{verb} {who} -> {whom} : {protocol} {first}-{last} because "x"\n'
        for verb, who, whom, protocol, (first, last) in lines
    )


def pipeline_of(lines: list[Line]) -> Pipeline:
    return compiled({"cluster.yaml": CLUSTER, "policy.netpol": text(lines)})


def halves(who: str) -> list[str]:
    """A CIDR as the two that it consists of."""
    _, _, prefix = who.partition("/")
    if not prefix or int(prefix) > 15:
        return [who]
    return [str(one) for one in ip_network(who).subnets(1)]


def findings(lines: list[Line]) -> set[tuple[str, str]]:
    """The findings about the world, each by its meaning."""
    codes = ("NP401", "NP402", "NP403", "NP404")
    return {(one.code, one.subject) for one in pipeline_of(lines)._lint if one.code in codes}


def counted(pipeline: Pipeline, node: str, family: Family, destination: int, key: int) -> int:
    """How many public addresses of strangers get there, asked packet by packet of the specification."""
    policy = pipeline.policy
    assert policy is not None
    specification = Specification(pipeline.files, policy.cluster)
    edges = {0, family.last + 1}
    edges.update(edge for first, last in PUBLIC.of(family) for edge in (first, last + 1))
    sides = [side.addresses for one in policy.statements for side in (one.who, one.whom)]
    edges.update(edge for held in sides for first, last in held.of(family) for edge in (first, last + 1))
    edges.update(edge for its, address in specification.owners if its is family for edge in (address, address + 1))
    listed, total = sorted(edges), 0
    for first, following in pairwise(listed):
        if (family, first) in PUBLIC and (family, first) not in specification.owners:
            packet = Packet(family, first, destination, key >> VALUE_BITS, key & VALUE_LAST, source_port=50000)
            total += (following - first) * specification.admits(node, packet)
    return total


@settings(max_examples=60, deadline=None)
@given(lines=st.lists(LINES, min_size=1, max_size=5))
def test_strangers_are_as_many_as_a_naive_count_finds(lines: list[Line]) -> None:
    """At each declared address and at the virtual one, where the range of a statement begins."""
    pipeline = pipeline_of(lines)
    assert pipeline.policy is not None
    found = exposure(pipeline.policy, pipeline.plans)
    protocols = {"tcp": Protocol.TCP, "udp": Protocol.UDP, "tcp+udp": Protocol.UDP}
    keys = {protocols[protocol] << VALUE_BITS | first for _, _, _, protocol, (first, _) in lines}
    for node, key in product(pipeline.policy.cluster.nodes, sorted(keys)):
        met = [one for one in found.reaches if node.name in one.node_class.members and one.first <= key <= one.last]
        wanted = [degree_of(counted(pipeline, node.name, *address, key), address[0]) for address in node.addresses]
        degrees = zip(node.addresses, wanted, strict=True)
        here = {(family, degree) for (family, _), degree in degrees if degree is not None}
        assert {(one.family, one.degree) for one in met if one.virtual is None} == here
        virtual = degree_of(counted(pipeline, node.name, Family.V4, 0x0A000009, key), Family.V4)
        assert {one.degree for one in met if one.virtual} == ({virtual} if virtual else set())


@settings(max_examples=100, deadline=None)
@given(lines=st.lists(LINES, min_size=1, max_size=3), at=st.integers(0, 2))
def test_a_source_in_halves_is_the_source(lines: list[Line], at: int) -> None:
    """A statement for each half says no less and no more of the world."""
    verb, who, whom, protocol, ports = lines[at % len(lines)]
    split: list[Line] = [(verb, half, whom, protocol, ports) for half in halves(who)]
    rest = [one for number, one in enumerate(lines) if number != at % len(lines)]
    assert findings([*rest, *split]) == findings(lines)


@settings(max_examples=100, deadline=None)
@given(lines=st.lists(LINES, min_size=1, max_size=3), at=st.integers(0, 2), cut=st.integers(1, 65534))
def test_a_range_in_two_is_the_range(lines: list[Line], at: int, cut: int) -> None:
    verb, who, whom, protocol, (first, last) = lines[at % len(lines)]
    split: list[Line] = [(verb, who, whom, protocol, (first, last))]
    if first <= cut < last:
        split = [(verb, who, whom, protocol, (first, cut)), (verb, who, whom, protocol, (cut + 1, last))]
    rest = [one for number, one in enumerate(lines) if number != at % len(lines)]
    assert findings([*rest, *split]) == findings(lines)
