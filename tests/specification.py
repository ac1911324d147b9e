"""What a policy means, said naively: may this packet pass this node?

Plain loops over the statements as they are written, one packet at a time, slow on purpose. What is compiled, printed
and read back is compared with this, so nothing but the syntax, the cluster and the packet is shared with the compiler.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network

from netpolicy.dsl import syntax as s
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.packets import Packet, State
from netpolicy.policy.cluster import Address, AddressesAre, Cluster, Node

UDP = 17
ICMP = {Family.V4: 1, Family.V6: 58}
LINK_LOCAL = IPv6Network("fe80::/10")
SIGNS = {"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether the packet passes, and what decided that."""

    admitted: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Way:
    """One direction of an active `allow` or `deny`."""

    allows: bool
    who: s.Selector
    whom: s.Selector
    what: s.What
    place: str


class Specification:
    """The meaning of a policy for one cluster."""

    def __init__(self, files: Sequence[s.PolicyFile], cluster: Cluster) -> None:
        self.cluster = cluster
        self.statements = [statement for file in files for statement in file.statements]
        self.nodes = {node.name: node for node in cluster.nodes}
        self.owners = {address: node for node in cluster.nodes for address in node.addresses}
        self.kinds = {one.name.text: one.kind for one in self.statements if isinstance(one, s.Declaration)}
        self.groups = {one.name.text: one.members for one in self.statements if isinstance(one, s.Group)}
        self.aliases = {one.text.text: one.target for one in self.statements if isinstance(one, s.Alias)}
        self.services = {one.name.text: one for one in self.statements if isinstance(one, s.Service)}
        self.options = {one.name.text: one.value.text for one in self.statements if isinstance(one, s.Option)}
        self.params = self._param_values()
        self.egress_enforced = self.options.get("egress", "open") == "enforced"
        self.ways = [way for flow in self.active_flows(self.statements) for way in _directions(flow)]

    def admits(self, node_name: str, packet: Packet) -> bool:
        """True if the node lets the packet pass."""
        return self.deciding(node_name, packet).admitted

    def deciding(self, node_name: str, packet: Packet) -> Ruling:
        """The ruling and its reason; with both interfaces a packet is forwarded, with one it comes in or goes out."""
        node = self.nodes[node_name]
        if packet.in_interface and packet.out_interface:
            return self._forwarded(node, packet)
        if packet.out_interface:
            return self._going_out(node, packet)
        return self._coming_in(node, packet)

    # The three places where a node judges packets.

    def _coming_in(self, node: Node, packet: Packet) -> Ruling:
        destination = (packet.family, packet.destination)
        self._require_no_other(node, destination)
        if packet.state in (State.ESTABLISHED, State.RELATED):
            return Ruling(True, "baseline: established")
        if packet.in_interface == "lo":
            return Ruling(True, "baseline: loopback")
        if packet.state is State.INVALID:
            return Ruling(False, "invalid")
        if _is_needed_icmp(packet) or (_asks_for_addresses(node) and _is_dhcp_reply(packet)):
            return Ruling(True, "baseline: neighbours, path MTU, DHCP")

        def meets(way: Way) -> bool:
            if not self.holds(way.who, (packet.family, packet.source)):
                return False
            if not self.covers(way.what, packet.family, packet.protocol, packet.port):
                return False
            if destination in node.addresses:
                return self.holds(way.whom, destination)
            if node in self._receivers(way.whom, destination):
                return True
            # Virtual, multicast, broadcast: a plain whom closes such a destination, but never opens it.
            return not way.allows and self.holds(way.whom, destination)

        return self._by_statements(meets)

    def _going_out(self, node: Node, packet: Packet) -> Ruling:
        self._require_no_other(node, (packet.family, packet.source))
        if not self.egress_enforced:
            return Ruling(True, "egress is open")
        if packet.state in (State.ESTABLISHED, State.RELATED):
            return Ruling(True, "baseline: established")
        if packet.out_interface == "lo":
            return Ruling(True, "baseline: loopback")
        if packet.state is State.INVALID:
            return Ruling(False, "invalid")
        if _is_needed_icmp(packet) or (_asks_for_addresses(node) and _is_dhcp_request(packet)):
            return Ruling(True, "baseline: neighbours, path MTU, DHCP")
        if (packet.family, packet.source) not in node.addresses:
            return Ruling(False, "the source is no address of this node")
        return self._by_statements(
            lambda way: self.holds(way.who, (packet.family, packet.source)) and self._goes_to(way, packet)
        )

    def _forwarded(self, node: Node, packet: Packet) -> Ruling:
        declared = [interface.name for interface in node.interfaces]
        published = packet.dnat and packet.in_interface in declared
        if not published and packet.out_interface in declared:
            self._require_no_other(node, (packet.family, packet.source))
        if not published and not self.egress_enforced:
            return Ruling(True, "egress is open")
        if not published and packet.out_interface not in declared:
            return Ruling(True, "does not leave by a declared interface")
        if packet.state in (State.ESTABLISHED, State.RELATED):
            return Ruling(True, "baseline: established")
        if packet.state is State.INVALID:
            return Ruling(False, "invalid")
        if published:
            if packet.original_destination is not None:
                self._require_no_other(node, (packet.family, packet.original_destination))
            return self._by_statements(lambda way: self._publishes(way, node, packet))
        # What containers send leaves with the rights of their node.
        return self._by_statements(
            lambda way: self._stands_for(way.who, node, (packet.family, packet.source)) and self._goes_to(way, packet)
        )

    def _require_no_other(self, node: Node, address: Address) -> None:
        """Raises ValueError for an address of another node: rules are a class's and cannot tell its nodes apart."""
        owner = self.owner(address)
        if owner is not None and owner is not node:
            raise ValueError(f"{node.name} never receives or sends with an address of {owner.name}")

    def _by_statements(self, meets: Callable[[Way], bool]) -> Ruling:
        """A deny beats every allow; without an allow the packet is dropped."""
        for way in self.ways:
            if not way.allows and meets(way):
                return Ruling(False, f"deny at {way.place}")
        for way in self.ways:
            if way.allows and meets(way):
                return Ruling(True, f"allow at {way.place}")
        return Ruling(False, "nothing allows it")

    def _goes_to(self, way: Way, packet: Packet) -> bool:
        """True if the statement speaks of a packet sent to that destination."""
        destination = (packet.family, packet.destination)
        if not self.covers(way.what, packet.family, packet.protocol, packet.port):
            return False
        return self.holds(way.whom, destination) or bool(self._receivers(way.whom, destination))

    def _publishes(self, way: Way, node: Node, packet: Packet) -> bool:
        """True if the statement speaks of a packet to a published port; it counts by what the sender wrote."""
        if packet.original_port is None or packet.original_destination is None:
            raise ValueError("a translated packet needs its original destination and port")
        original = (packet.family, packet.original_destination)
        # A plain whom closes a virtual address that it holds, but never opens it.
        closes = not way.allows and self._is_virtual(original) and self.holds(way.whom, original)
        receives = self._stands_for(way.whom, node, original) or node in self._receivers(way.whom, original)
        return (
            self.holds(way.who, (packet.family, packet.source))
            and (receives or closes)
            # An allow speaks of published ports by forwarded services alone, a deny by everything that it says.
            and self.covers(way.what, packet.family, packet.protocol, packet.original_port, only_forwarded=way.allows)
        )

    # Selectors: which addresses they hold.

    def owner(self, address: Address) -> Node | None:
        """The node that declares the address."""
        return self.owners.get(address)

    def holds(self, selector: s.Selector, address: Address) -> bool:
        """True if the address is in the selector."""
        family, number = address
        owner = self.owner(address)
        match selector:
            case s.Standard(s.Builtin.ALL):
                return owner is not None
            case s.Standard(s.Builtin.OUTSIDE):
                return owner is None
            case s.Standard(which):
                return which is s.Builtin.WORLD  # `self` is no traffic between nodes
            case s.Literal(of, first, last):
                return family == of and first <= number <= last
            case s.NodeNamed(pattern):
                return owner is not None and owner.name in _node_names(pattern)
            case s.AnyOf(parts):
                return any(self.holds(part, address) for part in parts)
            case s.AllOf(parts):
                return all(self.holds(part, address) for part in parts)
            case s.Except(base, without):
                return self.holds(base, address) and not self.holds(without, address)
            case s.OnInterface(base, name):
                there = [one for one in owner.interfaces if one.name == name] if owner else []
                return any(address in one.addresses for one in there) and self.holds(base, address)
            case s.Quoted(text):
                return self._name_holds(self.aliases[text].text, address)
            case s.Named(name):
                return self._name_holds(name, address)
            case s.AtAddress():
                return False  # what nodes receive for an address that none of them declares

    def _name_holds(self, name: str, address: Address) -> bool:
        owner = self.owner(address)
        if name in self.groups:
            return any(self.holds(member, address) for member in self.groups[name])
        if self.kinds.get(name) is s.DeclarationKind.ROLE:
            return owner is not None and name in [role.text for role in owner.roles]
        if self.kinds.get(name) is s.DeclarationKind.LABEL:
            return owner is not None and name in [label.text for label in owner.labels]
        return any(first <= address[1] <= last for family, first, last in self.network(name) if family == address[0])

    def network(self, name: str) -> list[tuple[Family, int, int]]:
        """Family, first and last address of the parts of a network."""
        parts = []
        for network in self.cluster.networks:
            if network.name.text == name:
                parts += [(Family.V4, first, last) for first, last in network.addresses.v4]
                parts += [(Family.V6, first, last) for first, last in network.addresses.v6]
        mbus = (self.cluster.mbus,) if self.cluster.mbus is not None else ()
        of_keys = {"mbus": mbus, "load_balancer_routers": self.cluster.load_balancer_routers}
        parts += [(family, number, number) for family, number in of_keys.get(name, ())]
        return parts

    def nodes_of(self, selector: s.Selector) -> list[Node]:
        """The nodes that have an address in the selector."""
        return [node for node in self.cluster.nodes if any(self.holds(selector, address) for address in node.addresses)]

    def _receivers(self, whom: s.Selector, destination: Address) -> list[Node]:
        """The nodes of x for every `x@destination` that stands in whom."""
        meant = [at.base for at in _virtual(whom) if (at.address.family, at.address.first) == destination]
        return [node for base in meant for node in self.nodes_of(base)]

    def _is_virtual(self, address: Address) -> bool:
        """True if some statement names the address behind an `@`."""
        return any((at.address.family, at.address.first) == address for way in self.ways for at in _virtual(way.whom))

    def _stands_for(self, selector: s.Selector, node: Node, address: Address) -> bool:
        """True if the selector holds the whole node in that family, or that address as a part of the node."""
        own = [one for one in node.addresses if one[0] == address[0]]
        held = [one for one in own if self.holds(selector, one)]
        return bool(held) and (held == own or address in held)

    def _is_somebody(self, selector: s.Selector) -> bool:
        """True if the selector holds any address at all."""
        # Membership changes only where something written down begins or ends: what is there stands for the rest.
        edges = [(family, number) for family in FAMILIES for number in (0, family.last)]
        spans = [(family, number, number) for node in self.cluster.nodes for family, number in node.addresses]
        spans += [span for network in self.cluster.networks for span in self.network(network.name.text)]
        spans += [(one.family, one.first, one.last) for one in _literals(selector)]
        for family, first, last in spans:
            edges += [(family, first), (family, min(last + 1, family.last))]
        return any(self.holds(selector, edge) for edge in edges)

    # What: protocols and ports.

    def covers(self, what: s.What, family: Family, protocol: int, port: int, only_forwarded: bool = False) -> bool:
        """True if the list admits the protocol with that port, or icmp type and code."""
        return any(self._item_covers(one, family, protocol, port, only_forwarded) for one in what.items)

    def _item_covers(self, one: s.WhatItem, family: Family, protocol: int, port: int, only_forwarded: bool) -> bool:
        if isinstance(one, s.ServiceNamed):
            service = self.services[one.name]
            return self.covers(service.what, family, protocol, port, only_forwarded and not service.forwarded)
        if only_forwarded:
            return False
        match one:
            case s.Anything():
                return True
            case s.Ports(protocols, first, last):
                return protocol in protocols and first <= port <= last
            case s.PortsOf(protocols, param):
                return protocol in protocols and any(first <= port <= last for first, last in self.params[param].ports)
            case s.WholeProtocol(number):
                return protocol == number
            case s.Icmp(kinds):
                rows = [row for row in kinds if row[0] == family and protocol == ICMP[family]]
                return any(kind in (None, port >> 8) and code in (None, port & 255) for _, kind, code in rows)

    # Params and conditions.

    def _param_values(self) -> dict[str, s.Value]:
        """The cluster's value, else what is `set`, else the default."""
        values = {one.name.text: one.value for one in self.statements if isinstance(one, s.Param) and one.value}
        values.update({one.name.text: one.value for one in self.statements if isinstance(one, s.SetParam)})
        values.update({name.text: value for name, value in self.cluster.params})
        return values

    def active_flows(self, statements: Sequence[s.Statement]) -> Iterator[s.Flow]:
        """Every flow statement whose conditions hold."""
        for statement in statements:
            if isinstance(statement, s.Flow):
                yield statement
            elif isinstance(statement, s.When) and self.is_true(statement.condition):
                yield from self.active_flows(statement.statements)

    def is_true(self, condition: s.Condition) -> bool:
        """True if the condition holds for this cluster and these params."""
        match condition:
            case s.IsSet(param):
                return self.params[param].flag is True
            case s.Compared(param, wanted, equal):
                value = self.params[param]
                if value.ports:
                    first, _, last = wanted.partition("-")
                    return (_members(value.ports) == _members([(int(first), int(last or first))])) == equal
                chosen = value.choices[0] if value.choices else ("on" if value.flag else "off")
                return (chosen == wanted) == equal
            case s.Exists(selector):
                return self._is_somebody(selector)
            case s.Count(selector, sign, number):
                return bool(SIGNS[sign](len(self.nodes_of(selector)), number))
            case s.Negation(inner):
                return not self.is_true(inner)
            case s.Both(parts):
                return all(self.is_true(part) for part in parts)
            case s.Either(parts):
                return any(self.is_true(part) for part in parts)
            case s.Broken():
                raise ValueError("a policy with errors means nothing")


# What needs neither policy nor cluster.


def _directions(flow: s.Flow) -> Iterator[Way]:
    """Both for `<->`; none for a promise."""
    if flow.verb not in (s.Verb.ALLOW, s.Verb.DENY):
        return
    allows = flow.verb is s.Verb.ALLOW
    yield Way(allows, flow.who, flow.whom, flow.what, flow.span.place)
    if flow.both_ways:
        yield Way(allows, flow.whom, flow.who, flow.what, flow.span.place)


def _members(ranges: Sequence[tuple[int, int]]) -> set[int]:
    return {port for first, last in ranges for port in range(first, last + 1)}


def _virtual(selector: s.Selector) -> Iterator[s.AtAddress]:
    """The `x@ADDRESS` of a whom; they stand alone or in a list."""
    if isinstance(selector, s.AtAddress):
        yield selector
    elif isinstance(selector, s.AnyOf):
        for part in selector.parts:
            yield from _virtual(part)


def _literals(selector: s.Selector) -> Iterator[s.Literal]:
    match selector:
        case s.Literal():
            yield selector
        case s.AnyOf(parts) | s.AllOf(parts):
            for part in parts:
                yield from _literals(part)
        case s.Except(base, without):
            yield from _literals(base)
            yield from _literals(without)
        case s.OnInterface(base) | s.AtAddress(base):
            yield from _literals(base)
        case _:
            return


def _node_names(pattern: str) -> list[str]:
    """`dea[1-3,7]` is dea1, dea2, dea3 and dea7; leading zeros keep the width."""
    found = re.fullmatch(r"(.*)\[(.*)\](.*)", pattern)
    if found is None:
        return [pattern]
    names = []
    for part in found[2].split(","):
        first, _, last = part.strip().partition("-")
        width = len(first) if first.startswith("0") else 0
        names += [f"{found[1]}{number:0{width}d}{found[3]}" for number in range(int(first), int(last or first) + 1)]
    return names


def _asks_for_addresses(node: Node) -> bool:
    return node.addresses_are in (AddressesAre.LEASED, AddressesAre.PERSISTENT)


def _is_needed_icmp(packet: Packet) -> bool:
    if packet.protocol != ICMP[packet.family]:
        return False
    if packet.family == Family.V4:
        return packet.port == 3 << 8 | 4  # fragmentation needed
    return packet.port >> 8 in (2, *range(130, 137), 143)  # packet too big, neighbours and routers, MLD


def _is_dhcp_reply(packet: Packet) -> bool:
    ports = (packet.protocol, packet.source_port, packet.port)
    if packet.family == Family.V4:
        return ports == (UDP, 67, 68)
    return ports == (UDP, 547, 546) and IPv6Address(packet.source) in LINK_LOCAL


def _is_dhcp_request(packet: Packet) -> bool:
    ports = (packet.protocol, packet.source_port, packet.port)
    return ports == ((UDP, 68, 67) if packet.family == Family.V4 else (UDP, 546, 547))
