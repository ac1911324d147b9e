"""Removes rules that change nothing: what a wider rule admits for the same members, or for every node."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import accumulate

from netpolicy.packet.addresses import Family
from netpolicy.packet.packets import ICMP_OF
from netpolicy.securitygroups.model import Direction, Network, Peer, Rule, Service

Place = tuple[Direction, Family, str, Peer, int, int]
"""All that a rule means but its ports or ICMP code: direction, family, group, peer, protocol, ICMP type."""

_NO_TYPE = -2
_WHOLE = (-1, 1 << 16)
"""Where all ports, or all codes, begin and end: beyond the first and the last of them."""


def prune(rules: Iterable[Rule], every_node: str) -> list[Rule]:
    """The rules that remain; one that another covers gives its statements to it.

    Whether a rule is covered never depends on who carries a group, but for `every_node`, the group that all carry.
    """
    listed = sorted(rules, key=lambda rule: rule.key)
    by_place = shelves(listed)
    kept = {rule: rule for rule in listed}
    for rule in listed:
        heir = next((one for one in wider(rule, by_place, every_node) if one in kept), None)
        if heir is not None:
            gone, taker = kept.pop(rule), kept[heir]
            kept[heir] = replace(taker, statements=tuple(sorted({*taker.statements, *gone.statements})))
    return list(kept.values())


def joined(rules: Iterable[Rule]) -> list[Rule]:
    """Equal rules as one, with the statements of all."""
    found: dict[Rule, Rule] = {}
    for rule in rules:
        before = found.get(rule, rule)
        found[rule] = replace(before, statements=tuple(sorted({*before.statements, *rule.statements})))
    return list(found.values())


class Shelf:
    """The rules of one place, so ordered that a rule which covers another stands before it."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = sorted(rules, key=lambda rule: _order(rule.service))
        self._orders = [_order(rule.service) for rule in self.rules]
        self._reach = list(accumulate((_span(rule.service)[1] for rule in self.rules), max))

    def holding(self, service: Service, *, equal: bool) -> Iterator[Rule]:
        """The rules whose ports, or codes, hold all of the service's; those of just the same, if they are wanted."""
        end = bisect_right(self._orders, _order(service))
        while end and not equal and self.rules[end - 1].service == service:
            end -= 1
        last = _span(service)[1]
        if end and self._reach[end - 1] >= last:
            yield from (rule for rule in self.rules[:end] if _span(rule.service)[1] >= last)


def shelves(rules: Iterable[Rule]) -> dict[Place, Shelf]:
    """The rules by their place."""
    found: dict[Place, list[Rule]] = {}
    for rule in rules:
        kind = rule.service.first if _is_icmp(rule.service) else _NO_TYPE
        place = (rule.direction, rule.family, rule.group, rule.peer, rule.service.protocol, kind)
        found.setdefault(place, []).append(rule)
    return {place: Shelf(listed) for place, listed in found.items()}


def wider(rule: Rule, by_place: Mapping[Place, Shelf], every_node: str) -> Iterator[Rule]:
    """The other rules that admit all that this one does."""
    service = rule.service
    own = (service.protocol, service.first if _is_icmp(service) else _NO_TYPE)
    every = [(-1, _NO_TYPE), *([(service.protocol, -1)] if _is_icmp(service) else [])]
    for group in dict.fromkeys((rule.group, every_node)):
        for peer in _wider_peers(rule, every_node):
            here = (rule.direction, rule.family, group, peer)
            for kind in every:
                if kind != own and (shelf := by_place.get((*here, *kind))) is not None:
                    yield from shelf.rules
            if (shelf := by_place.get((*here, *own))) is not None:
                yield from shelf.holding(service, equal=(group, peer) != (rule.group, rule.peer))


def _wider_peers(rule: Rule, every_node: str) -> Iterator[Peer]:
    if isinstance(rule.peer, str):
        yield from dict.fromkeys((rule.peer, every_node))
        yield Network(rule.family, 0, 0)
        return
    bits = rule.family.bits
    for length in range(rule.peer.length + 1):
        yield Network(rule.family, rule.peer.first >> (bits - length) << (bits - length), length)


def _span(service: Service) -> tuple[int, int]:
    """First and last port, or code."""
    if _is_icmp(service):
        return _WHOLE if service.last == -1 else (service.last, service.last)
    return _WHOLE if service.first == -1 else (service.first, service.last)


def _order(service: Service) -> tuple[int, int]:
    first, last = _span(service)
    return first, -last


def _is_icmp(service: Service) -> bool:
    return service.protocol in ICMP_OF.values()
