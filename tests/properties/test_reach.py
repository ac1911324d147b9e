"""The rows of a matrix are what the specification says of nodes: no row too many, none missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings

from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.packets import Packet
from netpolicy.policy.cluster import Node
from netpolicy.verify.reachability import By, Row, rows
from tests.compiling import compiled
from tests.probes import PORTED, Ground, Wire
from tests.specification import ICMP, Specification
from tests.strategies import Case, cases

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
NAMES = {6: "tcp", 17: "udp", 132: "sctp", 50: "esp", 51: "ah", 47: "gre"}

Service = tuple[str, int | None]
"""What a row speaks of: a protocol, and a port or an icmp type where it has one."""


class Asker:
    """Asks the specification for new packets between nodes; what is always open is in no row."""

    def __init__(self, case: Case) -> None:
        self.specification = Specification([case.policy], case.cluster)
        known = Ground(case.policy, case.cluster).wires
        ported = [wire for wires in known.values() for wire in wires if wire.protocol in PORTED]
        plain = {(wire.protocol, wire.port): Wire(wire.protocol, wire.port) for wire in ported}
        self.wires = {
            family: [*plain.values(), *(one for one in known[family] if one.protocol not in PORTED)]
            for family in FAMILIES
        }

    def services(self) -> set[Service]:
        """Everything on both sides of every edge of the policy."""
        return {service_of(family, wire) for family, wires in self.wires.items() for wire in wires}

    def passing(self, sender: Node, receiver: Node) -> set[Service]:
        """The services, of these, that pass between some addresses of the two."""
        return {
            service_of(packet.family, Wire(packet.protocol, packet.port))
            for packet in self._packets(sender, receiver)
            if self.specification.admits(receiver.name, replace(packet, in_interface=receiver.interfaces[0].name))
            and self.specification.admits(sender.name, replace(packet, out_interface=sender.interfaces[0].name))
        }

    def _packets(self, sender: Node, receiver: Node) -> Iterator[Packet]:
        for family, source in sender.addresses:
            for own, destination in receiver.addresses:
                for wire in self.wires[family] if own == family else ():
                    source_port = 40000 if wire.protocol in PORTED else 0
                    yield Packet(family, source, destination, wire.protocol, wire.port, source_port)


def service_of(family: Family, wire: Wire) -> Service:
    """`icmpv4` and `icmpv6` are those of their own family; in the other they are a protocol like any."""
    if wire.protocol == ICMP[family]:
        return f"icmpv{family.value}", wire.port >> 8
    return NAMES.get(wire.protocol, str(wire.protocol)), wire.port if wire.protocol in PORTED else None


def holds(row: Row, service: Service) -> bool:
    """True if the row speaks of the service."""
    protocol, number = service
    if row.protocol == "any":
        return True
    if row.protocol != protocol:
        return False
    return row.first is None or row.last is None or (number is not None and row.first <= number <= row.last)


def check(told: list[Row], source: str, destination: str, services: set[Service], passing: set[Service]) -> None:
    """The rows between these two hold those services, of all that are asked about, that pass."""
    between = [row for row in told if (row.source, row.destination) == (source, destination)]
    if any(row.protocol == "any" for row in between):
        # It is every protocol of one family at least; the other, with an ICMP of its own, may have less.
        services = {one for one in services if one[0] not in ("icmpv4", "icmpv6", "1", "58")}
    held = {one for one in services if any(holds(row, one) for row in between)}
    assert held == passing & services, (source, destination, between)


@settings(max_examples=100, suppress_health_check=SLOW)
@given(cases(count=0))
def test_rows_are_what_passes_between_nodes(case: Case) -> None:
    pipeline = compiled({"cluster.yaml": case.cluster_text, "policy.netpol": case.policy_text})
    policy = pipeline.policy
    assert policy is not None
    asker = Asker(case)
    services = asker.services()
    with patch("tests.specification._is_needed_icmp", lambda _: False):
        passing = {(a.name, b.name): asker.passing(a, b) for a, b in permutations(case.cluster.nodes, 2)}
    told = rows(policy, pipeline.plans, By.NODE)
    for (a, b), found in passing.items():
        check(told, a, b, services, found)
    assert not [row for row in told if row.source == row.destination]
    told = rows(policy, pipeline.plans, By.ROLE)
    holders: dict[str, list[str]] = {}
    for node in case.cluster.nodes:
        for role in [one.text for one in node.roles] or ["(no role)"]:
            holders.setdefault(role, []).append(node.name)
    for a, senders in holders.items():
        for b, receivers in holders.items():
            pairs = [(one, other) for one in senders for other in receivers if one != other]
            check(told, a, b, services, {service for pair in pairs for service in passing[pair]})


@settings(max_examples=40, suppress_health_check=SLOW)
@given(cases(count=0))
def test_rows_are_well_formed(case: Case) -> None:
    pipeline = compiled({"cluster.yaml": case.cluster_text, "policy.netpol": case.policy_text})
    policy = pipeline.policy
    assert policy is not None
    ids = {one.id for one in policy.statements}
    for by in By:
        told = rows(policy, pipeline.plans, by)
        ends = [(row.source, row.destination, row.protocol, row.first) for row in told]
        assert len(set(ends)) == len(ends)
        for row in told:
            assert row.statements and set(row.statements) <= ids and list(row.statements) == sorted(row.statements)
            assert (row.first is None) is (row.last is None)
            if row.protocol in ("tcp", "udp", "sctp"):
                assert row.first is not None and row.last is not None and 0 <= row.first <= row.last <= 65535
            elif row.protocol in ("icmpv4", "icmpv6"):
                assert row.first == row.last
            else:
                assert row.first is None
