"""Removes rules that change nothing: what a wider rule admits for the same members, or for every node."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from netpolicy.packet.addresses import Family
from netpolicy.packet.packets import ICMP_OF
from netpolicy.securitygroups.model import Direction, Network, Peer, Rule
from netpolicy.securitygroups.services import covers

Place = tuple[Direction, Family, str, Peer]


def prune(rules: Iterable[Rule], every_node: str) -> list[Rule]:
    """The rules that remain; one that another covers gives its statements to it.

    Whether a rule is covered never depends on who carries a group, but for `every_node`, the group that all carry.
    """
    listed = sorted(rules, key=lambda rule: rule.key)
    by_place: dict[Place, list[Rule]] = {}
    for rule in listed:
        by_place.setdefault((rule.direction, rule.family, rule.group, rule.peer), []).append(rule)
    kept = {rule: rule for rule in listed}
    for rule in listed:
        heir = next((one for one in _wider(rule, by_place, every_node) if one in kept and _covers(one, rule)), None)
        if heir is not None:
            gone, taker = kept.pop(rule), kept[heir]
            kept[heir] = replace(taker, statements=tuple(sorted({*taker.statements, *gone.statements})))
    return list(kept.values())


def _covers(one: Rule, rule: Rule) -> bool:
    return one != rule and covers(one.service, rule.service, icmp=rule.service.protocol in ICMP_OF.values())


def _wider(rule: Rule, by_place: Mapping[Place, list[Rule]], every_node: str) -> Iterator[Rule]:
    """The rules in the places where one that covers this may stand."""
    for group in (rule.group, every_node) if rule.group != every_node else (every_node,):
        for peer in _wider_peers(rule, every_node):
            yield from by_place.get((rule.direction, rule.family, group, peer), ())


def _wider_peers(rule: Rule, every_node: str) -> Iterator[Peer]:
    if isinstance(rule.peer, str):
        yield from (rule.peer, every_node) if rule.peer != every_node else (every_node,)
        yield Network(rule.family, 0, 0)
        return
    bits = rule.family.bits
    for length in range(rule.peer.length + 1):
        yield Network(rule.family, rule.peer.first >> (bits - length) << (bits - length), length)
