"""Plans and classes at their edges: what tells nodes apart, and what a flow is cut to."""

from __future__ import annotations

from netpolicy.flow.model import Effect, Flow, NodeClass, Plan
from netpolicy.flow.plan import plan
from netpolicy.packet.addresses import EVERYWHERE, AddressSet, Family
from netpolicy.policy.cluster import AddressesAre
from tests.compiling import compiled

CLUSTER = """
policy: ./policy.netpol
mbus: 10.0.0.1
nodes:
  a1: {roles: [a], interfaces: {eth0: [10.0.0.1, "fd00::1"]}}
  a2: {roles: [a], interfaces: {eth0: [10.0.0.2, "fd00::2"]}}
  named: {roles: [a], interfaces: {eth1: [10.0.0.3, "fd00::3"]}}
  only4: {roles: [a], interfaces: {eth0: [10.0.0.4]}}
  labelled: {roles: [a], labels: [l], interfaces: {eth0: [10.0.0.5, "fd00::5"]}}
  leased: {roles: [a], interfaces: {eth0: [10.0.0.6, "fd00::6"]}, addresses_are: leased}
  both: {roles: [a, b], interfaces: {eth0: [10.0.0.7, "fd00::7"]}}
  two: {roles: [b], interfaces: {eth0: [10.0.0.8], eth1: [10.0.1.8, "fd00::8"]}}
"""
ROLES = "role a, b\nlabel l\n"


def plans(policy: str, *, apart: bool = False) -> dict[str, Plan]:
    """The plan of each class, by the names of its members."""
    resolved = compiled({"cluster.yaml": CLUSTER, "policy.netpol": ROLES + policy}).policy
    assert resolved is not None
    return {" ".join(one.node_class.members): one for one in plan(resolved, apart=apart)}


def test_nodes_are_told_apart_by_role_label_interface_family_and_lease() -> None:
    assert list(plans("allow a -> a : tcp 1")) == ["a1 a2", "named", "only4", "labelled", "leased", "both", "two"]


def test_a_class_is_what_its_nodes_have_in_common() -> None:
    found = {members: one.node_class for members, one in plans("allow a -> a : tcp 1").items()}
    assert found["a1 a2"] == NodeClass(("a1", "a2"), ("a",), (), ("eth0",), AddressesAre.STATIC, EVERYWHERE)
    assert found["a1 a2"].own == AddressSet(((0x0A000001, 0x0A000001),), ((0xFD << 120 | 1, 0xFD << 120 | 1),))
    assert found["labelled"].labels == ("l",)
    assert found["both"].roles == ("a", "b")
    assert found["two"].interfaces == ("eth0", "eth1")
    assert found["leased"].addresses_are is AddressesAre.LEASED


def test_nodes_are_told_apart_by_each_side_of_a_statement() -> None:
    for statement in (
        "allow 10.0.0.0/31 -> a : tcp 1",
        "allow a -> 10.0.0.0/31 : tcp 1",
        "deny 10.0.0.2/31 -> a : tcp 1",
        "never 10.0.0.2/31 -> a : tcp 1",
        "allow all -> node a2 : tcp 1",
        "allow a -> node a2@224.0.0.9 : udp 1",
    ):
        assert "a1 a2" not in plans(statement), statement


def test_apart_every_node_is_a_class() -> None:
    assert len(plans("allow a -> a : tcp 1", apart=True)) == 8


def inbound(policy: str, members: str = "a1 a2") -> list[Flow]:
    return list(plans(policy)[members].inbound)


def test_a_flow_has_the_families_of_both_its_sides_and_its_ports() -> None:
    host4, host6 = AddressSet(((1, 1),)), AddressSet((), ((1, 1),))
    (four,) = inbound("allow 0.0.0.1/32 -> a : tcp 1")
    assert (four.sources, four.destinations.v6, four.ports.v6) == (host4, (), ())
    assert four.destinations.v4 == EVERYWHERE.v4
    (six,) = inbound("allow ::1 -> a : tcp 1")
    assert (six.sources, six.destinations.v4, six.ports.v4) == (host6, (), ())
    (icmp,) = inbound("allow world -> a : icmpv6 1/1")
    assert (icmp.sources.v4, icmp.destinations.v4, icmp.ports.v4) == ((), (), ())
    assert inbound("allow world -> a : icmpv6 1/1", "only4") == []
    (both,) = inbound("allow world -> a : tcp 1")
    assert (both.sources, both.destinations, both.effect) == (EVERYWHERE, EVERYWHERE, Effect.ALLOW)


def test_a_node_that_holds_a_part_of_a_side_says_which() -> None:
    (flow,) = inbound("allow all -> 10.0.1.0/24 : tcp 1", "two")
    assert flow.destinations.of(Family.V4) == ((0x0A000108, 0x0A000108),)
    assert flow.destinations.of(Family.V6) == ()
    assert inbound("allow all -> 10.0.1.0/24 : tcp 1") == []


def test_egress_is_planned_only_where_it_is_enforced() -> None:
    assert plans("allow a -> b : tcp 1")["a1 a2"].outbound == ()
    (flow,) = plans("option egress = enforced\nallow a -> b : tcp 1")["a1 a2"].outbound
    assert flow.sources == EVERYWHERE
    assert flow.destinations.v4 == ((0x0A000007, 0x0A000008), (0x0A000108, 0x0A000108))


def test_readable_names_are_those_of_the_sides() -> None:
    (flow,) = inbound("allow b -> a : tcp 1")
    assert (flow.head, flow.tail, len(flow.statements), flow.log) == ("b", "a", 1, "")
