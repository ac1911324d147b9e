"""Removes rules that change nothing: what a wider rule admits for the same members, or for every node."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from netpolicy.packet.addresses import Family
from netpolicy.packet.packets import ICMP_OF
from netpolicy.securitygroups.model import Direction, Network, Peer, Rule
from netpolicy.securitygroups.services import covers

Place = tuple[Direction, Family, str, Peer, int, int]
"""All that a rule means but its service, of which only the protocol and, for ICMP, the type."""

_ANY_PORT = -2


def prune(rules: Iterable[Rule], every_node: str) -> list[Rule]:
    """The rules that remain; one that another covers gives its statements to it.

    Whether a rule is covered never depends on who carries a group, but for `every_node`, the group that all carry.
    """
    listed = sorted(rules, key=lambda rule: rule.key)
    by_place = places(listed)
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


def places(rules: Iterable[Rule]) -> Mapping[Place, Sequence[Rule]]:
    """The rules by their place."""
    found: dict[Place, list[Rule]] = {}
    for rule in rules:
        kind = rule.service.first if _is_icmp(rule) else _ANY_PORT
        place = (rule.direction, rule.family, rule.group, rule.peer, rule.service.protocol, kind)
        found.setdefault(place, []).append(rule)
    return found


def _is_icmp(rule: Rule) -> bool:
    return rule.service.protocol in ICMP_OF.values()


def wider(rule: Rule, by_place: Mapping[Place, Sequence[Rule]], every_node: str) -> Iterator[Rule]:
    """The other rules that admit all that this one does."""
    icmp, protocol = _is_icmp(rule), rule.service.protocol
    kinds = [(protocol, -1), (protocol, rule.service.first)] if icmp else [(protocol, _ANY_PORT)]
    for group in (rule.group, every_node) if rule.group != every_node else (every_node,):
        for peer in _wider_peers(rule, every_node):
            for kind in ((-1, _ANY_PORT), *kinds):
                for one in by_place.get((rule.direction, rule.family, group, peer, *kind), ()):
                    if covers(one.service, rule.service, icmp=icmp) and one != rule:
                        yield one


def _wider_peers(rule: Rule, every_node: str) -> Iterator[Peer]:
    if isinstance(rule.peer, str):
        yield from (rule.peer, every_node) if rule.peer != every_node else (every_node,)
        yield Network(rule.family, 0, 0)
        return
    bits = rule.family.bits
    for length in range(rule.peer.length + 1):
        yield Network(rule.family, rule.peer.first >> (bits - length) << (bits - length), length)
