"""The rules of a node let exactly those packets pass that the port table has: no fewer, and no more."""

import pytest

from netpolicy.packet.addresses import EVERYWHERE, FAMILIES, NOWHERE
from netpolicy.packet.flowset import FlowSet
from netpolicy.packet.ports import PortSet
from netpolicy.policy.cluster import Cluster, Node
from netpolicy.policy.model import Egress
from netpolicy.targets.iptables.rules import Ruleset
from netpolicy.verify.reachability import By
from netpolicy.verify.reachability import rows as reachable
from tests.domain.als.scenes import SCENES, Scene, loaded, pipeline
from tests.domain.als.table import Row, addresses, holders, own, received, rows, sent, sent_on
from tests.regions import Context, fates

V4, V6 = FAMILIES
# What is always open: what path MTU discovery needs, and neighbours and routers of IPv6.
BASELINE = PortSet.union_all(
    [PortSet.icmp(V4, 3, 4), *(PortSet.icmp(V6, one, None) for one in (2, *range(130, 137), 143))]
)
SPOKEN = FlowSet.box(EVERYWHERE, EVERYWHERE, ~BASELINE)


def cluster_of(scene: Scene) -> Cluster:
    cluster = pipeline(scene.name).cluster
    assert cluster is not None
    return cluster


def admitted(ruleset: Ruleset, context: Context) -> FlowSet:
    """All packets of a context that the text lets pass, the baseline aside."""
    passed = [fates(ruleset, family, context).get("allow", FlowSet()) for family in FAMILIES]
    return FlowSet.union_all(passed) & SPOKEN


def elsewhere(cluster: Cluster, node: Node) -> FlowSet:
    """Packets for or from other nodes: one class has one ruleset, and such a packet never comes by."""
    others = addresses(cluster, "all") - own(node)
    return FlowSet.box(EVERYWHERE, others, ~PortSet())


def enforced(scene: Scene) -> bool:
    policy = pipeline(scene.name).policy
    assert policy is not None
    return policy.egress is Egress.ENFORCED


def one_of_each_class(scene: Scene) -> list[Node]:
    first = [plan.node_class.members[0] for plan in pipeline(scene.name).plans]
    return [node for node in cluster_of(scene).nodes if node.name in first]


def shown(packets: FlowSet) -> list[str]:
    return [f"{family} {sources} {destinations} {keys}" for family, sources, destinations, keys in packets.boxes()[:5]]


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_a_node_takes_what_the_table_has_and_nothing_else(scene: Scene) -> None:
    """From every address there is, to its own and to those of no node, on every protocol and port."""
    cluster = cluster_of(scene)
    for node in one_of_each_class(scene):
        wanted = received(cluster, node, scene.active) & SPOKEN
        for card in node.interfaces:
            found = admitted(loaded(scene.name)[node.name], Context(in_interface=card.name))
            found -= elsewhere(cluster, node)
            assert shown(found - wanted) == [], f"{node.name} takes more"
            assert shown(wanted - found) == [], f"{node.name} takes less"


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_containers_get_applications_and_nothing_else(scene: Scene) -> None:
    """By the port and address that the sender wrote, before the node translated them."""
    cluster = cluster_of(scene)
    for node in one_of_each_class(scene):
        wanted = sent_on(cluster, node, scene.active)
        context = Context(in_interface=node.interfaces[0].name, out_interface="docker0", dnat=True)
        found = admitted(loaded(scene.name)[node.name], context) & FlowSet.box(EVERYWHERE, own(node), ~PortSet())
        assert shown(found - wanted) == [], f"{node.name} forwards more"
        assert shown(wanted - found) == [], f"{node.name} forwards less"


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_what_a_node_sends_is_held_to_the_table_where_egress_is_enforced(scene: Scene) -> None:
    cluster = cluster_of(scene)
    for node in one_of_each_class(scene):
        own_packets = FlowSet.box(own(node), EVERYWHERE, ~PortSet()) & SPOKEN
        wanted = sent(cluster, node, scene.active) & SPOKEN if enforced(scene) else own_packets
        found = admitted(loaded(scene.name)[node.name], Context(out_interface=node.interfaces[0].name)) & own_packets
        assert shown(found - wanted) == [], f"{node.name} sends more"
        assert shown(wanted - found) == [], f"{node.name} sends less"


def says_something(scene: Scene, row: Row) -> bool:
    """True when two different ends of the row are in the cluster."""
    cluster = cluster_of(scene)
    whom = row.destination.partition("@")[0]
    there = holders(cluster, whom)
    if not there:
        return bool(addresses(cluster, whom)) and bool(holders(cluster, row.source))
    sources = addresses(cluster, row.source)
    return any(sources - own(node) != NOWHERE for node in there)


@pytest.mark.parametrize("line", [*map(str, range(1, 35)), "lost", "open"])
def test_every_line_is_seen_in_some_cluster(line: str) -> None:
    """The tests above would say nothing about a row whose ends no cluster has."""
    of_line = [row for row in rows() if row.line == line]
    assert of_line
    for row in of_line:
        v6_only = row.destination == "mdns@ff02::fb"  # `micro` is of one family
        assert v6_only or any(row in scene.active and says_something(scene, row) for scene in SCENES.values()), row


# The same of roles, as the matrix tells it.


def test_the_role_matrix_of_twenty_is_the_table() -> None:
    """Each role reaches each other on the union of what the table gives to their nodes."""
    scene = SCENES["twenty, extended"]
    compiled, cluster = pipeline(scene.name), cluster_of(scene)
    assert compiled.policy is not None
    roles = {role.text for node in cluster.nodes for role in node.roles}
    told: dict[tuple[str, str], PortSet] = {}
    for line in reachable(compiled.policy, compiled.plans, By.ROLE):
        if line.source in roles and line.destination in roles and line.protocol in ("tcp", "udp"):
            assert line.first is not None and line.last is not None
            keys = PortSet.ports({"tcp": 6, "udp": 17}[line.protocol], [(line.first, line.last)])
            ends = (line.source, line.destination)
            told[ends] = told.get(ends, PortSet()) | keys
    wanted: dict[tuple[str, str], PortSet] = {}
    for row in scene.active:
        for source in cluster.nodes:
            for destination in cluster.nodes:
                if source is not destination and row.protocol != "icmp" and _meets(cluster, row, source, destination):
                    for ends in ((one.text, other.text) for one in source.roles for other in destination.roles):
                        wanted[ends] = wanted.get(ends, PortSet()) | row.keys
    assert told == wanted


def _meets(cluster: Cluster, row: Row, source: Node, destination: Node) -> bool:
    from_here = addresses(cluster, row.source) & own(source)
    return bool(from_here) and destination in holders(cluster, row.destination)


# What the seed layer opens too far (F4).


def test_the_extended_layer_takes_nineteen_tuples_of_nats_from_the_seed_layer() -> None:
    """In the 20-node cluster every node reached the second controller on 4222, where no message bus is."""
    pairs = {}
    for name in ("twenty", "twenty, extended"):
        compiled = pipeline(name)
        assert compiled.policy is not None
        found = reachable(compiled.policy, compiled.plans, By.NODE)
        pairs[name] = {
            (row.source, row.destination)
            for row in found
            if row.protocol == "tcp" and row.first is not None and row.first <= 4222 <= (row.last or 0)
        }
    surplus = pairs["twenty"] - pairs["twenty, extended"]
    nodes = {node.name for node in cluster_of(SCENES["twenty"]).nodes}
    assert surplus == {(name, "controller2") for name in nodes - {"controller2"}}
    assert len(surplus) == 19
    assert pairs["twenty, extended"] == {(name, "core") for name in nodes - {"core"}}
