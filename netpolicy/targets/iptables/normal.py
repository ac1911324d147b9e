"""One order and one spelling of matches and chains, so that equal meaning is an equal value.

The kernel's tools put the matches of a rule into their own order, leave out matches that hold for every packet, spell
rates in their own unit and print chains by name. What is lowered and what is read back both pass through here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields, replace
from functools import lru_cache

from netpolicy.packet.intervals import canonical
from netpolicy.targets.iptables.rules import (
    Chain,
    Interface,
    Limit,
    Match,
    Network,
    PortIn,
    ProtocolIs,
    Rule,
    Side,
    Table,
)

BUILT_IN = ("INPUT", "FORWARD", "OUTPUT")
WITH_PORTS = frozenset({6, 17, 33, 132, 136})
"""Protocols whose ports multiport can read: tcp, udp, dccp, sctp, udplite."""

_TICKS = {"sec": 10_000, "min": 60 * 10_000, "hour": 3600 * 10_000, "day": 86_400 * 10_000}
_UNITS = {"second": "sec", "s": "sec", "minute": "min", "m": "min", "h": "hour", "d": "day"}
_RATE = re.compile(r"([1-9][0-9]{0,8})/([a-z]+)")


def normal(matches: Iterable[Match]) -> tuple[Match, ...]:
    """The matches in one order and one spelling, without those that hold for every packet of the rule."""
    return _normal(tuple(matches))


@lru_cache(maxsize=4096)  # classes of nodes share most of their matches
def _normal(matches: tuple[Match, ...]) -> tuple[Match, ...]:
    ported = any(isinstance(match, ProtocolIs) and _has_ports(match) for match in matches)
    spelled = [_spelled(match, ported) for match in matches]
    return tuple(sorted((match for match in spelled if not _always(match, ported)), key=_place))


def normal_table(table: Table) -> Table:
    """The table with normal matches; the built-in chains first, the others by name."""
    chains = (replace(chain, rules=tuple(_normal_rule(rule) for rule in chain.rules)) for chain in table.chains)
    return replace(table, chains=in_order(chains))


def in_order(chains: Iterable[Chain]) -> tuple[Chain, ...]:
    """The built-in chains first, the others by name."""

    def place(name: str) -> tuple[int, str]:
        return (BUILT_IN.index(name) if name in BUILT_IN else len(BUILT_IN), name)

    return tuple(sorted(chains, key=lambda chain: place(chain.name)))


def _normal_rule(rule: Rule) -> Rule:
    matches = normal(rule.matches)
    return rule if matches == rule.matches else replace(rule, matches=matches)


def rate_period(text: str) -> int | None:
    """The kernel's ticks of 0.1 ms between two packets of a rate such as `5/second`; None if it is no rate."""
    rate = _RATE.fullmatch(text)
    ticks = _TICKS.get(_UNITS.get(rate[2], rate[2])) if rate else None
    # A rate above 10,000 a second has no tick left, and the kernel refuses it.
    return ticks // int(rate[1]) or None if rate and ticks else None


def normal_rate(text: str) -> str:
    """The rate as the kernel's tools print it back: `60/minute` is `1/sec`. What is no rate is a ValueError."""
    period = rate_period(text)
    if period is None:
        raise ValueError(f"{text!r} is no rate")
    shown = "day"
    for unit, ticks in sorted(_TICKS.items(), key=lambda unit: -unit[1]):
        # The tools go on to the finer unit as long as its whole number loses little.
        if unit != "day" and (period > ticks or ticks // period < ticks % period):
            break
        shown = unit
    return f"{_TICKS[shown] // period}/{shown}"


def _spelled(match: Match, ported: bool) -> Match:
    match match:
        case PortIn():
            one = replace(match, ports=canonical(match.ports))
            return _positive(one) if ported and match.negated else one
        case Limit():
            return replace(match, rate=normal_rate(match.rate))
        case _:
            return match


def _positive(match: PortIn) -> PortIn:
    """The ports above or below those that are meant not to match: iptables-nft-save prints `! 0:9` as `10:65535`."""
    if len(match.ports) == 1:
        first, last = match.ports[0]
        if first == 0 and last < 65535:
            return replace(match, ports=((last + 1, 65535),), negated=False)
        if last == 65535 and first > 0:
            return replace(match, ports=((0, first - 1),), negated=False)
    return match


def _has_ports(match: ProtocolIs) -> bool:
    return match.number in WITH_PORTS and not match.negated


def _always(match: Match, ported: bool) -> bool:
    """True for a match that the kernel's tools leave out, because it holds for every packet of the rule."""
    match match:
        case Network(length=0, negated=False) | ProtocolIs(number=0, negated=False):
            return True
        case Interface(name="+", negated=False):
            return True
        case PortIn(ports=((0, 65535),), negated=False):
            return ported
        case _:
            return False


def _place(match: Match) -> tuple[object, ...]:
    return (type(match).__name__, *(_comparable(getattr(match, field.name)) for field in fields(match)))


def _comparable(value: object) -> object:
    if isinstance(value, Side):
        return value.value
    if isinstance(value, frozenset):
        return tuple(sorted(value))
    return -1 if value is None else value
