"""A witness for each row of the matrix: a packet between two of its ends, and the places where rules judge it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from netpolicy.dsl.syntax import Verb
from netpolicy.flow.model import Plan
from netpolicy.packet.addresses import FAMILIES, NOWHERE, AddressSet, Family, address_text
from netpolicy.packet.intervals import Intervals, contains, difference, intersection, union_all
from netpolicy.packet.packets import ICMP_OF, Packet
from netpolicy.packet.ports import PORT_SPACE_LAST, PORTED, VALUE_BITS, VALUE_LAST, Protocol
from netpolicy.policy.cluster import Address, Node
from netpolicy.policy.model import Egress, Policy, Selection, Statement
from netpolicy.report.audit.compiled import Stop
from netpolicy.verify.admitted import Admitted, admitted_between, admitted_of_some
from netpolicy.verify.reachability import By, Row, rows

CLIENT_PORT = 40_000
NO_ROLE, SELF = "(no role)", "self"
# For documentation (RFC 5737 and 3849): nobody takes them for somebody's address.
_SOMEBODY = {
    Family.V4: (0xC0000201, 0xCB007101, 0xC6336401),
    Family.V6: (0x20010DB8 << 96 | 0xFFFF << 80 | 1,),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A row, and a packet of it at each place where rules judge it: the receiver's first, then the sender's."""

    row: Row
    sender: str = ""
    receiver: str = ""
    stops: tuple[Stop, ...] = ()


def asked(policy: Policy, plans: Sequence[Plan]) -> tuple[Asked, ...]:
    """Every row by role with the packets to ask for; one that has none is a row of which nobody knows a packet."""
    search = _Search(policy, plans)
    return tuple(search.of(row) for row in rows(policy, plans, By.ROLE))


def stops_of(found: Iterable[Asked]) -> dict[str, list[Stop]]:
    """The packets to ask for, by the node whose rules judge them."""
    stops: dict[str, dict[Stop, None]] = {}
    for one in found:
        for stop in one.stops:
            stops.setdefault(stop.node, {})[stop] = None
    return {name: list(each) for name, each in stops.items()}


def keys_of(row: Row, family: Family) -> Intervals:
    """The keys of a row in a family."""
    if row.protocol == "any":
        return ((0, PORT_SPACE_LAST),)
    if row.protocol in ("icmpv4", "icmpv6"):
        if row.protocol != f"icmpv{family.value}":
            return ()
        start = int(ICMP_OF[family]) << VALUE_BITS
        first, last = (0, 255) if row.first is None or row.last is None else (row.first, row.last)
        return ((start + (first << 8), start + (last << 8) + 255),)
    start = _number(row.protocol) << VALUE_BITS
    first, last = (0, VALUE_LAST) if row.first is None or row.last is None else (row.first, row.last)
    return ((start + first, start + last),)


def _number(name: str) -> int:
    return int(name) if name.isdigit() else int(Protocol[name.upper()])


Found = tuple[Packet, str, str]
"""A packet that passes, and the names of its sender and its receiver; empty for who is no node."""


class _Search:
    def __init__(self, policy: Policy, plans: Sequence[Plan]) -> None:
        self.policy = policy
        self.nodes = {node.name: node for node in policy.cluster.nodes}
        self.ruling = [one for one in policy.of(Verb.ALLOW, Verb.DENY) if not one.to_self]
        self.holders: dict[str, list[Plan]] = {}
        for plan in plans:
            for name in plan.node_class.roles or (NO_ROLE,):
                self.holders.setdefault(name, []).append(plan)
        self.plans = plans
        self._between: dict[tuple[int, Address, int, Address], Admitted] = {}

    @cached_property
    def peers(self) -> dict[str, AddressSet]:
        """The addresses of everybody who is no node and whom a statement names."""
        sides = (side for one in self.ruling for side in (one.who, one.whom))
        return {peer.name: peer.addresses for side in sides for peer in side.peers}

    @cached_property
    def virtual(self) -> dict[str, Address]:
        """The addresses that nodes receive for without declaring them, by their text."""
        found = {(one.family, one.address) for each in self.ruling for one in each.whom.virtual}
        return {address_text(*address): address for address in found}

    def of(self, row: Row) -> Asked:
        """The row with a packet of it, the first that is found in order of classes, IPv4 before IPv6."""
        for family in FAMILIES:
            wanted = keys_of(row, family)
            for packet, sender, receiver in self._packets(row, family, wanted) if wanted else ():
                return Asked(row, sender, receiver, tuple(self._stops(packet, sender, receiver)))
        return Asked(row)

    def _packets(self, row: Row, family: Family, wanted: Intervals) -> Iterator[Found]:
        senders, receivers = (self.holders.get(name, ()) for name in (row.source, row.destination))
        if receivers:
            at = [(plan, node, one) for plan, node in self._firsts(receivers) for one in _of(node, family)]
            if senders:
                yield from self._among(senders, at, wanted)
            else:
                for _, node, address in at:
                    yield from self._coming(row.source, node, address, wanted)
        elif row.destination == SELF:
            yield from self._to_self(senders, family, wanted)
        elif row.destination in self.virtual:
            yield from self._to_virtual(row, senders, wanted)
        else:
            for _, node in self._firsts(senders):
                for address in _of(node, family):
                    yield from self._going(row.destination, node, address, wanted)

    def _firsts(self, plans: Iterable[Plan]) -> Iterator[tuple[Plan, Node]]:
        return ((plan, self.nodes[plan.node_class.members[0]]) for plan in plans)

    # The ways.

    def _among(
        self, senders: Sequence[Plan], receivers: Sequence[tuple[Plan, Node, Address]], wanted: Intervals
    ) -> Iterator[Found]:
        for to, receiver, destination in receivers:
            for of in senders:
                names = of.node_class.members
                other = next((name for name in names[:2] if name != receiver.name), None)
                for source in _of(self.nodes[other], destination[0]) if other is not None else ():
                    for key in _usual(self._admitted(of, to, source, destination), wanted):
                        yield _packet(source, destination, key), str(other), receiver.name

    def _admitted(self, of: Plan, to: Plan, source: Address, destination: Address) -> Admitted:
        place = (id(of), source, id(to), destination)
        if place not in self._between:
            self._between[place] = admitted_between(to.inbound, source, destination)
        return self._between[place]

    def _coming(self, peer: str, node: Node, address: Address, wanted: Intervals) -> Iterator[Found]:
        met = [one for one in self.ruling if address in one.whom.addresses]
        for stranger, key in self._strangers(peer, address[0], met, lambda one: one.who, wanted):
            yield _packet(stranger, address, key), "", node.name

    def _going(self, peer: str, node: Node, address: Address, wanted: Intervals) -> Iterator[Found]:
        met = [one for one in self.ruling if address in one.who.addresses]
        for stranger, key in self._strangers(peer, address[0], met, lambda one: one.whom, wanted):
            yield _packet(address, stranger, key), node.name, ""

    def _to_self(self, senders: Sequence[Plan], family: Family, wanted: Intervals) -> Iterator[Found]:
        for _, node in self._firsts(senders):
            for address in _of(node, family):
                yield _packet(address, address, _first(wanted)), node.name, node.name

    def _to_virtual(self, row: Row, senders: Sequence[Plan], wanted: Intervals) -> Iterator[Found]:
        virtual = self.virtual[row.destination]
        for to, receiver in self._firsts(self.plans):
            if not any(virtual in flow.destinations for flow in to.virtual):
                continue
            for of in senders:
                other = next((name for name in of.node_class.members[:2] if name != receiver.name), None)
                for source in _of(self.nodes[other], virtual[0]) if other is not None else ():
                    for key in _usual(admitted_between(to.virtual, source, virtual), wanted):
                        yield _packet(source, virtual, key), str(other), receiver.name
            if row.source in self.peers:
                allowed = self.peers[row.source] - self.policy.nodes
                for stranger in _examples(allowed, virtual[0]):
                    for key in _usual(admitted_between(to.virtual, (virtual[0], stranger), virtual), wanted):
                        yield _packet((virtual[0], stranger), virtual, key), "", receiver.name

    def _strangers(
        self,
        peer: str,
        family: Family,
        met: Sequence[Statement],
        side: Callable[[Statement], Selection],
        wanted: Intervals,
    ) -> Iterator[tuple[Address, int]]:
        """An address of the peer and a key that pass, deny before allow."""
        addresses = self.peers.get(peer, NOWHERE) - self.policy.nodes
        naming = [
            (one.id, one.ports)
            for one in met
            if one.verb is Verb.ALLOW and any(each.name == peer for each in side(one).peers)
        ]
        denying = [(side(one).addresses, one.ports) for one in met if one.verb is Verb.DENY]
        for key in _usual(admitted_of_some(addresses, family, naming, denying), wanted):
            denied = union_all(held.of(family) for held, ports in denying if (family, key) in ports)
            left = difference(addresses.of(family), denied)
            example = next((one for one in _SOMEBODY[family] if contains(left, one)), None)
            if left:
                yield (family, left[0][0] if example is None else example), key

    # Where it is judged.

    def _stops(self, packet: Packet, sender: str, receiver: str) -> Iterator[Stop]:
        if sender and sender == receiver:
            yield Stop(receiver, replace(packet, in_interface="lo"))
            return
        if receiver:
            card = _card(self.nodes[receiver], (packet.family, packet.destination))
            yield Stop(receiver, replace(packet, in_interface=card))
        if sender and (self.policy.egress is Egress.ENFORCED or not receiver):
            card = _card(self.nodes[sender], (packet.family, packet.source))
            yield Stop(sender, replace(packet, out_interface=card))


def _of(node: Node, family: Family) -> list[Address]:
    return [address for address in node.addresses if address[0] is family]


def _examples(addresses: AddressSet, family: Family) -> list[int]:
    """A few addresses: those for documentation, where they are among them, then the first of each stretch."""
    held = addresses.of(family)
    return [*(one for one in _SOMEBODY[family] if contains(held, one)), *(first for first, _ in held[:8])]


def _usual(admitted: Admitted, wanted: Intervals) -> Iterator[int]:
    """The first key that passes and is wanted, if there is one."""
    passing = intersection(union_all([keys for _, keys, _ in admitted]), wanted)
    if passing:
        yield _first(passing)


def _first(keys: Intervals) -> int:
    """The key that people know best: a port of TCP, and neither port 0 nor protocol 0 where there are others."""
    tcp = intersection(keys, (((int(Protocol.TCP) << VALUE_BITS) + 1, (int(Protocol.TCP) << VALUE_BITS) + VALUE_LAST),))
    some = tcp or intersection(keys, ((1 << VALUE_BITS, PORT_SPACE_LAST),)) or keys
    first, last = some[0]
    ported = first >> VALUE_BITS in PORTED and not first & VALUE_LAST
    return min(first + 1, last) if ported else first


def _packet(source: Address, destination: Address, key: int) -> Packet:
    protocol, port = key >> VALUE_BITS, key & VALUE_LAST
    source_port = CLIENT_PORT if protocol in PORTED else 0
    return Packet(source[0], source[1], destination[1], protocol, port, source_port)


def _card(node: Node, address: Address) -> str:
    """The interface that holds the address; one of its family where none does."""
    holding = [card.name for card in node.interfaces if address in card.addresses]
    of_family = [card.name for card in node.interfaces if any(family is address[0] for family, _ in card.addresses)]
    return (holding or of_family or [node.interfaces[0].name])[0]
