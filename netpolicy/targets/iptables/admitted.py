"""What a ruleset lets pass, as sets of packets: all of its packets at once, exactly as `decide` judges each of them.

A chain is worked out once, for all packets: which of them end there, how, and which come back to where the chain was
entered. Rules in a row that do the same are one set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from typing import assert_never

from netpolicy.packet import diagram, interfaces
from netpolicy.packet.diagram import FALSE, TRUE, Node, difference, intersection, union
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.grid import Grid
from netpolicy.packet.intervals import Intervals, canonical
from netpolicy.packet.intervals import difference as left_of
from netpolicy.packet.intervals import intersection as in_both
from netpolicy.packet.packets import State
from netpolicy.packet.packetset import STATES, Axis, PacketSet, last, state
from netpolicy.packet.ports import PORT_SPACE_LAST, VALUE_LAST, PortSet
from netpolicy.targets.iptables.decide import ANY_PROTOCOL, PROTOCOLS_WITH_PORTS, TCP
from netpolicy.targets.iptables.rules import (
    Accept,
    AddressRange,
    Chain,
    Drop,
    Fragment,
    Goto,
    IcmpIs,
    InSet,
    Interface,
    Jump,
    Limit,
    Log,
    Mark,
    Match,
    Network,
    Opaque,
    OriginalDestination,
    OriginalPort,
    OriginalProtocol,
    PortIn,
    ProtocolIs,
    Reject,
    Return,
    Rule,
    Ruleset,
    Side,
    SourceMac,
    StateIn,
    Table,
    Target,
    TcpFlags,
)

Grids = Mapping[Family, Grid]
"""The address axes of both families."""

HOOKS: Mapping[str, Mapping[Axis, Intervals]] = {
    "INPUT": {Axis.IN_INTERFACE: interfaces.SOME, Axis.OUT_INTERFACE: ((interfaces.NONE, interfaces.NONE),)},
    "FORWARD": {Axis.IN_INTERFACE: interfaces.SOME, Axis.OUT_INTERFACE: interfaces.SOME},
    "OUTPUT": {Axis.IN_INTERFACE: ((interfaces.NONE, interfaces.NONE),), Axis.OUT_INTERFACE: interfaces.SOME},
}
_CONNECTED = state(State.NEW, State.ESTABLISHED, State.RELATED)
_EVERY_KEY: Intervals = ((0, PORT_SPACE_LAST),)
_PORTED = PortSet.union_all([PortSet.protocol(number) for number in PROTOCOLS_WITH_PORTS]).v4
_FIRST: tuple[Axis, Intervals] = (Axis.FRAGMENT, ((0, 0),))
"""Only a first fragment has ports, flags and a type."""
_TCP = PortSet.protocol(TCP).v4


def admitted(ruleset: Ruleset, grids: Grids | None = None) -> PacketSet:
    """The packets that the ruleset does not stop, in the hook that their interfaces tell.

    On a grid, addresses stand for their atoms; it must tell all of `address_sets` apart.
    """
    passing = (
        PacketSet.only(family, judged(ruleset, family, hook, grids).admitted) for family in FAMILIES for hook in HOOKS
    )
    return PacketSet.union_all(passing)


@dataclass(slots=True)
class Fates:
    """What becomes of the packets that enter a chain; those in `back` return to where it was entered."""

    admitted: Node = FALSE
    dropped: Node = FALSE
    rejected: Node = FALSE
    back: Node = FALSE

    def take(self, inside: Node, target: Fates) -> None:
        """These packets have the fates of a target."""
        self.admitted = union(self.admitted, intersection(inside, target.admitted))
        self.dropped = union(self.dropped, intersection(inside, target.dropped))
        self.rejected = union(self.rejected, intersection(inside, target.rejected))


def judged(ruleset: Ruleset, family: Family, hook: str, grids: Grids | None = None) -> Fates:
    """What becomes of the packets of a hook; none comes back from there."""
    grid = None if grids is None else grids[family]
    table = ruleset.table(family)
    chain = _chain(table, hook)
    walk = Walk(ruleset, family, grid)
    for inner in _inner_first(table, chain):
        walk.known[inner.name] = walk.through(inner)
    found = walk.known[chain.name]
    here = PacketSet.where(family, HOOKS[hook]).of(family)
    at_end = Fates(dropped=TRUE) if chain.policy == "DROP" else Fates(admitted=TRUE)
    ended = Fates()
    ended.take(here, found)
    ended.take(intersection(here, found.back), at_end)
    return ended


def address_sets(ruleset: Ruleset, family: Family) -> Iterator[Intervals]:
    """Every set of addresses that some rule of the family asks about."""
    whole = ((0, family.last),)
    for one in ruleset.sets:
        if one.family is family:
            yield one.members
    for chain in ruleset.table(family).chains:
        for rule in chain.rules:
            for match in rule.matches:
                match match:
                    case Network(_, network, length) | OriginalDestination(network, length) if length:
                        yield _network(family, network, length)
                    case AddressRange(_, low, high) if ((low, high),) != whole:
                        yield ((low, high),)
                    case _:
                        continue


@dataclass(slots=True)
class Walk:
    """The chains of a table that are worked out already; a chain is worked out after those that it leads to."""

    ruleset: Ruleset
    family: Family
    grid: Grid | None
    known: dict[str, Fates] = field(default_factory=dict)

    def through(self, chain: Chain) -> Fates:
        """The fates of all packets that enter the chain; those that run out of it come back."""
        found = Fates()
        held = TRUE
        for target, rules in groupby(chain.rules, key=_does):
            if isinstance(target, Log | Mark):
                continue
            region = diagram.union_all(self.region(rule) for rule in rules)
            inside = intersection(held, region)
            if inside is FALSE:
                continue
            held = difference(held, region)
            fate = self.fates(target)
            found.take(inside, fate)
            returning = intersection(inside, fate.back)
            if isinstance(target, Jump):
                held = union(held, returning)
            else:
                found.back = union(found.back, returning)
        found.back = union(found.back, held)
        return found

    def fates(self, target: Target) -> Fates:
        """What the target does with every packet."""
        match target:
            case Accept():
                return Fates(admitted=TRUE)
            case Drop():
                return Fates(dropped=TRUE)
            case Reject():
                return Fates(rejected=TRUE)
            case Return() | Log() | Mark():
                return Fates(back=TRUE)
            case Jump(name) | Goto(name):
                return self.known[name]
            case _:
                assert_never(target)

    def region(self, rule: Rule) -> Node:
        """The packets that the rule holds for."""
        box: dict[Axis, Intervals] = {}
        rest = TRUE
        for match in rule.matches:
            for asked in self.asked(match):
                if isinstance(asked, Node):
                    rest = intersection(rest, asked)
                    continue
                axis, inside = asked
                box[axis] = in_both(box[axis], inside) if axis in box else inside
        return intersection(PacketSet.where(self.family, box, self.grid).of(self.family), rest)

    def asked(self, match: Match) -> list[tuple[Axis, Intervals] | Node]:
        """What the match asks of a packet, all of it: the values on some axes, or a set."""
        match match:
            case Network() | AddressRange() | InSet():
                axis = Axis.SOURCE if match.side is Side.SOURCE else Axis.DESTINATION
                return [(axis, self.addresses(axis, self.members(match), negated=match.negated))]
            case OriginalDestination(network, length, negated):
                axis = Axis.ORIGINAL_DESTINATION
                carried = self.addresses(axis, _network(self.family, network, length), negated=negated)
                return [(Axis.STATE, _CONNECTED), (axis, carried)]
            case Interface(side, name, negated):
                axis = Axis.IN_INTERFACE if side is Side.SOURCE else Axis.OUT_INTERFACE
                return [(axis, _turned(((0, interfaces.LAST),), (interfaces.named(name),), negated=negated))]
            case StateIn(states, negated):
                return [self.states(states, negated=negated)]
            case ProtocolIs() | IcmpIs() | PortIn():
                return list(_ported(self.family, match))
            case OriginalPort(pair, negated):
                carried = _turned(((0, VALUE_LAST),), (pair,), negated=negated)
                return [(Axis.STATE, _CONNECTED), (Axis.ORIGINAL_PORT, carried)]
            case OriginalProtocol(number, negated):
                return [(Axis.STATE, _CONNECTED), self.protocols(number, negated=negated)]
            case TcpFlags(mask, wanted, negated):
                flags = canonical((one, one) for one in range(256) if (one & mask == wanted) != negated)
                return [(Axis.KEY, _TCP), (Axis.FLAGS, flags), _FIRST]
            case SourceMac(address, negated):
                carried = _turned(((0, last(Axis.MAC, self.family) - 1),), ((address, address),), negated=negated)
                return [(Axis.MAC, carried)]
            case Fragment(negated):
                return [(Axis.FRAGMENT, ((int(not negated), int(not negated)),))]
            case Opaque(text, negated):
                return [PacketSet.opaque(self.family, text, holds=not negated).of(self.family)]
            case Limit():
                raise ValueError("a limit decides nothing, and only stands beside LOG")
            case _:
                assert_never(match)

    def members(self, match: Network | AddressRange | InSet) -> Intervals:
        match match:
            case Network(_, network, length):
                return _network(self.family, network, length)
            case AddressRange(_, low, high):
                return ((low, high),)
            case InSet(_, name):
                return _members(self.ruleset, self.family, name)

    def addresses(self, axis: Axis, members: Intervals, *, negated: bool) -> Intervals:
        """The values on an axis of addresses that these members, or all others, have."""
        greatest = last(axis, self.family, self.grid)
        whole: Intervals = ((0, greatest - 1 if axis is Axis.ORIGINAL_DESTINATION else greatest),)
        if members == ((0, self.family.last),):
            placed: Intervals | None = whole
        else:
            placed = members if self.grid is None else self.grid.place(members)
        if placed is None:
            raise ValueError("the grid does not tell a set of the rules apart")
        return _turned(whole, placed, negated=negated)

    def states(self, states: frozenset[str], *, negated: bool) -> Node:
        """The packets in one of these states; a translated end of their connection is one more beside the state."""
        named = canonical((at, at) for at, one in enumerate(STATES) if one.value in states)
        found = self.where({Axis.STATE: named})
        for name, axis in (("DNAT", Axis.TRANSLATED), ("SNAT", Axis.SOURCE_TRANSLATED)):
            if name in states:
                found = union(found, self.where({axis: ((1, 1),)}))
        return diagram.complement(found) if negated else found

    def protocols(self, number: int, *, negated: bool) -> Node:
        """The packets of connections of this protocol; an ICMP error is about one of any."""
        own = _turned(_EVERY_KEY, PortSet.protocol(number).v4, negated=negated)
        about = _turned(((0, 255),), ((number, number),), negated=negated)
        errors = self.where({Axis.STATE: state(State.RELATED), Axis.KEY: PortSet.icmp_any(self.family).of(self.family)})
        others = difference(self.where({Axis.KEY: own}), errors)
        return union(others, intersection(errors, self.where({Axis.ORIGINAL_PROTOCOL: about})))

    def where(self, asked: Mapping[Axis, Intervals]) -> Node:
        return PacketSet.where(self.family, asked, self.grid).of(self.family)


def _inner_first(table: Table, chain: Chain) -> list[Chain]:
    """The chain and those that its packets may come to, each after all that it leads to; no chain leads to itself."""
    found: dict[str, Chain] = {}
    todo = [(chain, False)]
    while todo:
        one, entered = todo.pop()
        if entered:
            found[one.name] = one
        elif one.name not in found:
            todo.append((one, True))
            names = dict.fromkeys(rule.target.chain for rule in one.rules if isinstance(rule.target, Jump | Goto))
            todo += [(_chain(table, name), False) for name in names if name not in found]
    return list(found.values())


def _does(rule: Rule) -> Target:
    """What rules in a row have in common; how a packet is refused, or what is logged, does not matter here."""
    return Reject("") if isinstance(rule.target, Reject) else rule.target


@lru_cache(maxsize=1 << 14)
def _ported(family: Family, match: ProtocolIs | IcmpIs | PortIn) -> Sequence[tuple[Axis, Intervals]]:
    """What a match of the protocol and its ports asks; a packet without ports has none inside and none outside."""
    match match:
        case ProtocolIs(number, negated) if number == ANY_PROTOCOL:
            return [(Axis.KEY, () if negated else _EVERY_KEY)]
        case ProtocolIs(number, negated):
            return [(Axis.KEY, _turned(_EVERY_KEY, PortSet.protocol(number).v4, negated=negated))]
        case IcmpIs(kind, code, negated):
            some, every = PortSet.icmp(family, kind, code), PortSet.icmp_any(family)
            return [(Axis.KEY, _turned(every.of(family), some.of(family), negated=negated)), _FIRST]
        case PortIn(Side.SOURCE, ports, negated):
            return [
                (Axis.KEY, _PORTED),
                (Axis.SOURCE_PORT, _turned(((0, VALUE_LAST),), ports, negated=negated)),
                _FIRST,
            ]
        case PortIn(Side.DESTINATION, ports, negated):
            some_ports = PortSet.union_all([PortSet.ports(number, ports) for number in PROTOCOLS_WITH_PORTS]).v4
            return [(Axis.KEY, _turned(_PORTED, some_ports, negated=negated)), _FIRST]
    raise AssertionError(match)


def _members(ruleset: Ruleset, family: Family, name: str) -> Intervals:
    for one in ruleset.sets:
        if one.name == name and one.family is family:
            return one.members
    raise ValueError(f"the ruleset has no set {name} of IPv{family.value}")


def _chain(table: Table, name: str) -> Chain:
    chain = table.chain(name)
    if chain is None:
        raise ValueError(f"the table has no chain {name}")
    return chain


def _network(family: Family, network: int, length: int) -> Intervals:
    hosts = (1 << (family.bits - length)) - 1
    return ((network & ~hosts, network | hosts),)


def _turned(every: Intervals, asked: Intervals, *, negated: bool) -> Intervals:
    return left_of(every, asked) if negated else asked
