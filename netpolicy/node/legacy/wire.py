"""Values as plain JSON and back, for the way to the child process and home."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args

from netpolicy.node.legacy.live import LegacyChain, LegacyRule, LegacyTable, Unreadable
from netpolicy.packet.addresses import Family
from netpolicy.targets.iptables.rules import Match, Rule, Side, Target

_KINDS: Mapping[str, type] = {kind.__name__: kind for kind in (*get_args(Match), *get_args(Target))}


def packed_rule(rule: Rule | Unreadable) -> dict[str, Any]:
    """The rule as JSON knows it."""
    if isinstance(rule, Unreadable):
        return {"text": rule.text, "reason": rule.reason}
    matches = [_packed(match) for match in rule.matches]
    return {"matches": matches, "target": _packed(rule.target), "comment": rule.comment}


def unpacked_rule(said: Mapping[str, Any]) -> Rule | Unreadable:
    """The rule that was packed; what is no packed rule is a KeyError, TypeError or ValueError."""
    if "reason" in said:
        return Unreadable(said["text"], said["reason"])
    return Rule(tuple(_unpacked(match) for match in said["matches"]), _unpacked(said["target"]), said["comment"])


def packed_table(table: LegacyTable) -> dict[str, Any]:
    """The table as JSON knows it."""
    return {
        "family": table.family.value,
        "chains": [
            {
                "name": chain.name,
                "policy": chain.policy,
                "rules": [[one.number, one.packets, one.bytes, packed_rule(one.rule)] for one in chain.rules],
            }
            for chain in table.chains
        ],
    }


def unpacked_table(said: Mapping[str, Any]) -> LegacyTable:
    """The table that was packed; what is no packed table is a KeyError, TypeError or ValueError."""
    return LegacyTable(
        Family(said["family"]),
        tuple(
            LegacyChain(
                chain["name"],
                chain["policy"],
                tuple(
                    LegacyRule(number, unpacked_rule(rule), packets, size)
                    for number, packets, size, rule in chain["rules"]
                ),
            )
            for chain in said["chains"]
        ),
    )


def _packed(value: Match | Target) -> dict[str, Any]:
    return {"is": type(value).__name__, **{one.name: _plain(getattr(value, one.name)) for one in fields(value)}}


def _plain(value: object) -> object:
    if isinstance(value, Side):
        return value.value
    if isinstance(value, frozenset):
        return sorted(value)
    return value


def _unpacked(said: Mapping[str, Any]) -> Any:
    given = {name: _value(name, value) for name, value in said.items() if name != "is"}
    return _KINDS[said["is"]](**given)


def _value(name: str, value: Any) -> Any:
    if name == "side":
        return Side(value)
    return frozenset(value) if name == "states" else _tuples(value)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value
