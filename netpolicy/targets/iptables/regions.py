"""Which packets a rule holds for, as a set: of new packets that come by one interface from one source port.

A set has three dimensions, ports first: the key of the port space, the destination, the source.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from netpolicy.packet.addresses import AddressSet, Family
from netpolicy.packet.flowset import SPACE, Points
from netpolicy.packet.intervals import Intervals, contains, difference, intersection
from netpolicy.packet.ports import ANY_PORT, PortSet
from netpolicy.targets.iptables.decide import ANY_PROTOCOL, PROTOCOLS_WITH_PORTS
from netpolicy.targets.iptables.rules import (
    AddressRange,
    Fragment,
    IcmpIs,
    InSet,
    Interface,
    Limit,
    Log,
    Network,
    Opaque,
    OriginalDestination,
    OriginalPort,
    OriginalProtocol,
    PortIn,
    ProtocolIs,
    Rule,
    Ruleset,
    Side,
    SourceMac,
    StateIn,
    TcpFlags,
)

Dimension = Intervals | None
"""What a match asks of one dimension, or None for what a set of these packets cannot tell."""

PORTED = PortSet.union_all([PortSet.protocol(number) for number in PROTOCOLS_WITH_PORTS]).v4
"""The keys of all protocols with ports."""
_EVERY_KEY = ANY_PORT.v4


@dataclass(frozen=True, slots=True)
class Context:
    """What all packets of a question share: they begin a flow, and come and go by these interfaces.

    With `translated` the destination was changed by DNAT; destination and key of the set are then what the sender
    wrote, and those that the packet has by now are not known.
    """

    in_interface: str
    out_interface: str = ""
    source_port: int = 0
    translated: bool = False

    @property
    def states(self) -> frozenset[str]:
        return frozenset({"NEW", "DNAT"}) if self.translated else frozenset({"NEW"})


@dataclass(frozen=True, slots=True)
class Region:
    """The packets that a rule holds for. If it is not `exact`, it holds for no other, but maybe not for all of them."""

    points: Points
    exact: bool = True


NOTHING = Region(())


def region(ruleset: Ruleset, family: Family, context: Context, rule: Rule) -> Region:
    """The packets of the context that the rule holds for."""
    keys, destinations, sources = _EVERY_KEY, AddressSet.whole(family), AddressSet.whole(family)
    exact = True
    for match in rule.matches:
        match match:
            case Interface() | StateIn():
                if not _is_so(context, match):
                    return NOTHING
            case Network() | AddressRange() | InSet():
                asked = _addresses(ruleset, family, match)
                if match.side is Side.SOURCE:
                    sources = intersection(sources, asked)
                elif context.translated:
                    exact = False
                else:
                    destinations = intersection(destinations, asked)
            case OriginalDestination(network, length, negated):
                destinations = intersection(destinations, _network(family, network, length, negated=negated))
                exact = exact and context.translated
            case ProtocolIs() | PortIn() | IcmpIs() | OriginalPort() | OriginalProtocol():
                keys_asked = _keys(family, context, match)
                keys = intersection(keys, keys_asked if keys_asked is not None else _EVERY_KEY)
                exact = exact and keys_asked is not None and (context.translated or not isinstance(match, OriginalPort))
            case TcpFlags() | SourceMac() | Fragment() | Opaque():
                exact = False
            case Limit():
                exact = exact and isinstance(rule.target, Log)
            case _:
                assert_never(match)
    return Region(SPACE.box((keys, destinations, sources)), exact)


def _is_so(context: Context, match: Interface | StateIn) -> bool:
    if isinstance(match, StateIn):
        return bool(match.states & context.states) != match.negated
    name = context.in_interface if match.side is Side.SOURCE else context.out_interface
    return _is_card(match.name, name) != match.negated


def _is_card(asked: str, name: str) -> bool:
    """True for the interface that is asked for; a trailing `+` asks for a prefix."""
    return name.startswith(asked[:-1]) if asked.endswith("+") else name == asked


def _addresses(ruleset: Ruleset, family: Family, match: Network | AddressRange | InSet) -> Intervals:
    match match:
        case Network(_, network, length, negated):
            return _network(family, network, length, negated=negated)
        case AddressRange(_, first, last, negated):
            return _turned(AddressSet.whole(family), ((first, last),), negated=negated)
        case InSet(_, name, negated):
            return _turned(AddressSet.whole(family), members(ruleset, family, name), negated=negated)


def members(ruleset: Ruleset, family: Family, name: str) -> Intervals:
    """The members of a set of the ruleset; one that it lacks is a ValueError, as it is to `decide`."""
    for one in ruleset.sets:
        if one.name == name and one.family is family:
            return one.members
    raise ValueError(f"the ruleset has no set {name} of IPv{family.value}")


def _keys(
    family: Family, context: Context, match: ProtocolIs | PortIn | IcmpIs | OriginalPort | OriginalProtocol
) -> Dimension:
    match match:
        case ProtocolIs(number, negated) if number == ANY_PROTOCOL:
            return () if negated else _EVERY_KEY
        case ProtocolIs(number, negated) | OriginalProtocol(number, negated):
            return _turned(_EVERY_KEY, PortSet.protocol(number).v4, negated=negated)
        case OriginalPort(pair, negated):
            return _ports((pair,), negated=negated)
        case PortIn(Side.SOURCE, ports, negated):
            return PORTED if contains(ports, context.source_port) != negated else ()
        case PortIn() | IcmpIs() if context.translated:
            return None
        case PortIn(Side.DESTINATION, ports, negated):
            return _ports(ports, negated=negated)
        case IcmpIs(kind, code, negated):
            some, every = PortSet.icmp(family, kind, code), PortSet.icmp_any(family)
            return _turned(every.of(family), some.of(family), negated=negated)
    raise AssertionError(match)


def _ports(ports: Intervals, *, negated: bool) -> Intervals:
    """The keys with these ports, or with all others; a protocol without ports has none inside and none outside."""
    some = PortSet.union_all([PortSet.ports(number, ports) for number in PROTOCOLS_WITH_PORTS]).v4
    return _turned(PORTED, some, negated=negated)


def _network(family: Family, network: int, length: int, *, negated: bool) -> Intervals:
    hosts = (1 << (family.bits - length)) - 1
    return _turned(AddressSet.whole(family), ((network & ~hosts, network | hosts),), negated=negated)


def _turned(every: Intervals, asked: Intervals, *, negated: bool) -> Intervals:
    return difference(every, asked) if negated else asked
