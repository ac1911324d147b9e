"""Small pieces of rules: states, icmp types, ports, and the rules of one flow."""

from __future__ import annotations

from netpolicy.flow.model import Flow
from netpolicy.netfilter import MULTIPORT_SLOTS, comment
from netpolicy.packet.addresses import Family
from netpolicy.packet.intervals import Interval, Intervals
from netpolicy.packet.ports import PORT_SPACE_LAST, PORTED, WHOLE, Protocol, by_protocol
from netpolicy.targets.iptables.rules import (
    IcmpIs,
    Limit,
    Log,
    Match,
    OriginalPort,
    PortIn,
    ProtocolIs,
    Rule,
    Side,
    StateIn,
    Target,
)
from netpolicy.targets.iptables.sets import Alternatives

_ICMP = {Family.V4: Protocol.ICMP, Family.V6: Protocol.ICMPV6}
_EVERY_KEY: Intervals = ((0, PORT_SPACE_LAST),)


def state(*states: str) -> StateIn:
    """`--ctstate` with these states."""
    return StateIn(frozenset(states))


def icmp(family: Family, number: int, code: int | None) -> tuple[Match, ...]:
    """One icmp type of the family."""
    return ProtocolIs(_ICMP[family]), IcmpIs(number, code)


def ports(family: Family, keys: Intervals) -> Alternatives:
    """Ways to match these keys of the port space, which are not all keys: those need no match."""
    ways: Alternatives = []
    for number, values in by_protocol(keys):
        if values == WHOLE:
            ways.append((ProtocolIs(number),))
        elif number in PORTED:
            ways += [(ProtocolIs(number), PortIn(Side.DESTINATION, chunk)) for chunk in _chunks(values)]
        else:
            ways += [icmp(family, *kind) for kind in _icmp_kinds(values)]
    return ways


def translated(keys: Intervals) -> Alternatives:
    """Ways to match these keys by the port that a packet had before DNAT; only protocols with ports are sent on."""
    if keys == _EVERY_KEY:
        return [()]
    ways: Alternatives = []
    for number, values in by_protocol(keys):
        if number not in PORTED:
            continue
        ways += (
            [(ProtocolIs(number),)]
            if values == WHOLE
            else [(ProtocolIs(number), OriginalPort(pair)) for pair in values]
        )
    return ways


def _chunks(values: Intervals) -> list[Intervals]:
    """The intervals in groups that multiport can hold."""
    chunks: list[list[Interval]] = [[]]
    slots = 0
    for pair in values:
        needed = 1 if pair[0] == pair[1] else 2
        if slots + needed > MULTIPORT_SLOTS:
            chunks.append([])
            slots = 0
        chunks[-1].append(pair)
        slots += needed
    return [tuple(chunk) for chunk in chunks]


def _icmp_kinds(values: Intervals) -> list[tuple[int, int | None]]:
    """The (type, code) rows of values of `type << 8 | code`; a type with all codes is one row."""
    kinds: list[tuple[int, int | None]] = []
    for first, last in values:
        at = first
        while at <= last:
            if at & 0xFF == 0 and at + 0xFF <= last:
                kinds.append((at >> 8, None))
                at += 0x100
            else:
                kinds.append((at >> 8, at & 0xFF))
                at += 1
    return kinds


def wanted(flow: Flow, matches: tuple[Match, ...], target: Target) -> list[Rule]:
    """The rule of a flow, behind its LOG rule if it logs."""
    note = comment(flow.statements)
    rules = [Rule(matches, target, note)]
    if flow.log:
        rules.insert(0, Rule((*matches, Limit(flow.log)), Log(f"np:{flow.statements[0]} "), note))
    return rules
