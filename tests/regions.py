"""What becomes of sets of packets in a ruleset: exact, by set algebra, and without a line of `decide`.

A context fixes the state, the interfaces and the source port; what remains are sets over source, destination and key.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import assert_never

from netpolicy.packet.addresses import EVERYWHERE, AddressSet, Family
from netpolicy.packet.flowset import EMPTY, FlowSet
from netpolicy.packet.intervals import Intervals, contains, difference, intersection
from netpolicy.packet.packets import Packet, State
from netpolicy.packet.ports import ANY_PORT, PortSet
from netpolicy.targets.iptables import rules as r

WITH_PORTS = (6, 17, 33, 132, 136)
CONTAINER = {Family.V4: 0xAC110005, Family.V6: (0xFD00 << 112) + 5}
CONTAINER_PORT = 8080
Place = tuple[str, int]
"""A rule by its chain and its index there."""


@dataclass(frozen=True, slots=True)
class Context:
    """What all packets of one question share.

    With `dnat` the destination and the key of a set are what the sender wrote; by now the packet is a container's.
    """

    in_interface: str = ""
    out_interface: str = ""
    state: State = State.NEW
    source_port: int = 40000
    dnat: bool = False

    @property
    def hook(self) -> str:
        """The built-in chain that the packets meet."""
        if self.in_interface and self.out_interface:
            return "FORWARD"
        return "INPUT" if self.in_interface else "OUTPUT"

    def packet(self, member: Packet) -> Packet:
        """The packet of this context with the addresses and the key of a member of a set."""
        ported = member.protocol in WITH_PORTS
        return Packet(
            family=member.family,
            source=member.source,
            destination=CONTAINER[member.family] if self.dnat else member.destination,
            protocol=member.protocol,
            port=CONTAINER_PORT if self.dnat and ported else member.port,
            source_port=self.source_port if ported else 0,
            in_interface=self.in_interface,
            out_interface=self.out_interface,
            state=self.state,
            dnat=self.dnat,
            original_destination=member.destination if self.dnat else None,
            original_port=member.port if self.dnat else None,
        )


def placed(packet: Packet) -> tuple[Context, Packet]:
    """The context of a packet, and the member that stands for it in the sets of that context."""
    context = Context(packet.in_interface, packet.out_interface, packet.state, packet.source_port, packet.dnat)
    if not packet.dnat:
        return context, packet
    assert packet.original_destination is not None and packet.original_port is not None
    return context, replace(packet, destination=packet.original_destination, port=packet.original_port)


@dataclass(slots=True)
class Walk:
    """Where packets of one context end, by fate, and which of them each rule meets.

    A fate is `allow`, `drop` or `reject:HOW`.
    """

    ruleset: r.Ruleset
    family: Family
    context: Context
    fates: dict[str, FlowSet] = field(default_factory=dict)
    met: dict[Place, FlowSet] = field(default_factory=dict)

    def through(self, name: str, packets: FlowSet) -> FlowSet:
        """The packets that come back to where the chain was jumped from; the others have met their fate."""
        back = EMPTY
        for at, rule in enumerate(self.chain(name).rules):
            if not packets:
                break
            inside = packets & region(self.ruleset, self.family, self.context, rule)
            if not inside:
                continue
            self.met[name, at] = self.met.get((name, at), EMPTY) | inside
            match rule.target:
                case r.Log() | r.Mark():
                    continue
                case r.Jump(chain):
                    packets = (packets - inside) | self.through(chain, inside)
                    continue
                case r.Goto(chain):
                    back |= self.through(chain, inside)
                case r.Return():
                    back |= inside
                case r.Accept():
                    self.end("allow", inside)
                case r.Drop():
                    self.end("drop", inside)
                case r.Reject(how):
                    self.end(f"reject:{how}", inside)
            packets -= inside
        return back | packets

    def chain(self, name: str) -> r.Chain:
        found = self.ruleset.table(self.family).chain(name)
        assert found is not None, name
        return found

    def end(self, fate: str, packets: FlowSet) -> None:
        """These packets have met their fate."""
        if packets:
            self.fates[fate] = self.fates.get(fate, EMPTY) | packets


def walk(ruleset: r.Ruleset, family: Family, context: Context, packets: FlowSet | None = None) -> Walk:
    """The way of the packets, all of the family unless told, through the hook of their context."""
    found = Walk(ruleset, family, context)
    back = found.through(context.hook, whole(family) if packets is None else packets)
    found.end("drop" if found.chain(context.hook).policy == "DROP" else "allow", back)
    return found


def fates(ruleset: r.Ruleset, family: Family, context: Context, packets: FlowSet | None = None) -> dict[str, FlowSet]:
    """The packets, all of the family unless told, by their fate; they are disjoint and none is missing."""
    return walk(ruleset, family, context, packets).fates


def region(ruleset: r.Ruleset, family: Family, context: Context, rule: r.Rule) -> FlowSet:
    """The packets of the context that the rule holds for; a rule that asks what a set does not tell is a ValueError."""
    sources = destinations = EVERYWHERE.of(family)
    keys = ANY_PORT.of(family)
    for match in rule.matches:
        match match:
            case r.Network(side) | r.AddressRange(side) | r.InSet(side):
                found = addresses(ruleset, family, match)
                if side is r.Side.SOURCE:
                    sources = intersection(sources, found)
                else:
                    _only_untranslated(context, match)
                    destinations = intersection(destinations, found)
            case r.OriginalDestination(network, length, negated):
                found = _original(context, _network(family, network, length, negated))
                destinations = intersection(destinations, found)
            case r.ProtocolIs() | r.PortIn() | r.IcmpIs() | r.OriginalPort() | r.OriginalProtocol():
                keys = intersection(keys, keys_of(family, context, match))
            case r.Interface() | r.StateIn():
                if not _is_so(context, match):
                    return EMPTY
            case r.Limit():
                if not isinstance(rule.target, r.Log):
                    raise ValueError("a limit stands beside LOG, where it decides nothing")
            case r.TcpFlags() | r.SourceMac() | r.Fragment() | r.Opaque():
                raise ValueError("only others write such a match")
            case _:
                assert_never(match)
    return box(family, sources, destinations, keys)


def addresses(ruleset: r.Ruleset, family: Family, match: r.Network | r.AddressRange | r.InSet) -> Intervals:
    """The addresses that the match asks for."""
    match match:
        case r.Network(_, network, length, negated):
            return _network(family, network, length, negated)
        case r.AddressRange(_, first, last, negated):
            return _turned(EVERYWHERE.of(family), ((first, last),), negated)
        case r.InSet(_, name, negated):
            (members,) = [one.members for one in ruleset.sets if one.name == name and one.family is family]
            return _turned(EVERYWHERE.of(family), members, negated)


KeyMatch = r.ProtocolIs | r.PortIn | r.IcmpIs | r.OriginalPort | r.OriginalProtocol


@lru_cache(maxsize=1 << 16)
def keys_of(family: Family, context: Context, match: KeyMatch) -> Intervals:
    """The keys that the match asks for; a packet without ports has none inside and none outside of a list."""
    every = ANY_PORT.of(family)
    match match:
        case r.ProtocolIs(0, negated):
            return () if negated else every
        case r.ProtocolIs(number, negated):
            return _turned(every, PortSet.protocol(number).of(family), negated)
        case r.OriginalProtocol(number, negated):
            return _original(context, _turned(every, PortSet.protocol(number).of(family), negated))
        case r.OriginalPort(pair, negated):
            return _original(context, _values(family, range(256), (pair,), negated))
        case r.IcmpIs(kind, code, negated):
            _only_untranslated(context, match)
            return _turned(PortSet.icmp_any(family).of(family), PortSet.icmp(family, kind, code).of(family), negated)
        case r.PortIn(r.Side.SOURCE, ports, negated):
            fits = contains(ports, context.source_port) != negated
            return _values(family, WITH_PORTS, (), negated=True) if fits else ()
        case r.PortIn(r.Side.DESTINATION, ports, negated):
            _only_untranslated(context, match)
            return _values(family, WITH_PORTS, ports, negated)
    raise AssertionError(match)


def _is_so(context: Context, match: r.Interface | r.StateIn) -> bool:
    if isinstance(match, r.StateIn):
        names = {context.state.value, "DNAT"} if context.dnat else {context.state.value}
        return bool(match.states & names) != match.negated
    name = context.in_interface if match.side is r.Side.SOURCE else context.out_interface
    prefix = match.name.removesuffix("+")
    return (name.startswith(prefix) if match.name.endswith("+") else name == prefix) != match.negated


def _original(context: Context, wanted: Intervals) -> Intervals:
    """What is wanted, or nothing where the packet has no connection."""
    if not context.dnat:
        raise ValueError("what a packet was before its translation is asked of a packet that was not translated")
    return () if context.state in (State.INVALID, State.UNTRACKED) else wanted


def _only_untranslated(context: Context, match: r.Match) -> None:
    if context.dnat:
        raise ValueError(f"a set of translated packets cannot tell {match}")


def _network(family: Family, network: int, length: int, negated: bool) -> Intervals:
    hosts = (1 << (family.bits - length)) - 1
    return _turned(EVERYWHERE.of(family), ((network & ~hosts, network | hosts),), negated)


def _values(family: Family, protocols: Iterable[int], values: Intervals, negated: bool) -> Intervals:
    """Keys of each protocol with these values, or with all others."""
    some = PortSet.union_all([PortSet.ports(protocol, values) for protocol in protocols]).of(family)
    return _turned(PortSet.union_all([PortSet.protocol(one) for one in protocols]).of(family), some, negated)


def _turned(every: Intervals, wanted: Intervals, negated: bool) -> Intervals:
    return difference(every, wanted) if negated else wanted


def whole(family: Family) -> FlowSet:
    """All packets of the family."""
    return box(family, EVERYWHERE.of(family), EVERYWHERE.of(family), ANY_PORT.of(family))


def box(family: Family, sources: Intervals, destinations: Intervals, keys: Intervals) -> FlowSet:
    """The packets of one family from any of the sources to any of the destinations, with any of the keys."""

    def of(one: Intervals) -> tuple[Intervals, Intervals]:
        return (one, ()) if family is Family.V4 else ((), one)

    return FlowSet.box(AddressSet(*of(sources)), AddressSet(*of(destinations)), PortSet(*of(keys)))
