"""The register: one entry for each allow and deny, with all that is known of it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from netpolicy.dsl.syntax import Verb
from netpolicy.packet.addresses import NOWHERE, AddressSet
from netpolicy.packet.portwords import service_text
from netpolicy.policy.model import Selection, Statement
from netpolicy.report.audit.compiled import MOST_CLASSES
from netpolicy.report.audit.groups import rule_text
from netpolicy.report.audit.model import Audit
from netpolicy.report.audit.nodes import Sum
from netpolicy.report.audit.promises import file_and_line
from netpolicy.report.audit.risk import WEAK_TAGS, Risk, of_statement
from netpolicy.source import Source, Span

_STATES = {
    "NP503": "overlapping ranges",
    "NP504": "ephemeral ports",
    "NP507": "repeated",
    "NP508": "conflict",
    "NP509": "redundant",
    "NP514": "expires soon",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """The statements of one id: both directions of `<->` share it."""

    ways: tuple[Statement, ...]

    @property
    def first(self) -> Statement:
        return self.ways[0]

    @property
    def text(self) -> str:
        """`dea -> mysql : tcp 3306`, `dea <-> controller : droplets`."""
        one = self.first
        arrow = "<->" if len(self.ways) > 1 else "->"
        return f"{one.who.text} {arrow} {one.whom.text} : {one.what}"


class Register:
    """The entries of an audit, by id."""

    def __init__(self, audit: Audit, sums: Mapping[str, Sum] | None) -> None:
        self.audit = audit
        self.sums = sums
        found: dict[str, list[Statement]] = {}
        for one in audit.policy.of(Verb.ALLOW, Verb.DENY):
            found.setdefault(one.id, []).append(one)
        self.entries = {name: Entry(tuple(ways)) for name, ways in found.items()}

    def values(self) -> list[dict[str, Any]]:
        """Every entry as JSON tells it, what asks most to be looked at first."""
        found = [self._value(name, one) for name, one in self.entries.items()]
        return sorted(found, key=lambda one: (-one["score"], one["text"], one["id"]))

    def _value(self, name: str, entry: Entry) -> dict[str, Any]:
        one, notes = entry.first, entry.first.attributes
        risk = self.risk(entry)
        change = self.audit.changes.get(one.span) if one.span is not None else None
        return {
            "id": name,
            "verb": one.verb.value,
            "from": one.who.text,
            "to": one.whom.text,
            "both_ways": len(entry.ways) > 1,
            "service": one.what,
            "ports": service_text(one.ports),
            "text": entry.text,
            **file_and_line(one.span),
            "repeated": [file_and_line(each.span) for each in self.audit.policy.repeated if each.id == name],
            "owner": notes.owner,
            "because": notes.because,
            "sources": list(notes.sources),
            "ticket": notes.ticket,
            "tags": list(notes.tags),
            "log": notes.log,
            "last_change": None
            if change is None or not change.commit
            else {"commit": change.commit, "date": change.day, "author": change.author},
            "review": notes.review.isoformat() if notes.review else None,
            "expires": notes.expires.isoformat() if notes.expires else None,
            "state": self.state(name, entry),
            "risk": risk.level,
            "score": risk.score,
            "reasons": risk.reasons,
            "nodes": {"from": self.count(one.who), "to": self.count(one.whom)},
            **self._compiled(name),
            "groups": list(self._groups(name)),
            "hits": self._hits(name),
            "suppressions": self._suppressed.get(one.span, []) if one.span is not None else [],
        }

    # What is said of it.

    def state(self, name: str, entry: Entry) -> list[str]:
        """What is worth a look, in words; a statement without a state is as it should be."""
        notes, day = entry.first.attributes, self.audit.day
        found = [
            (notes.expires is not None and notes.expires < day, "expired"),
            (notes.review is not None and notes.review <= day, "review due"),
            (not notes.because and not notes.sources, "unjustified"),
            (not notes.owner, "no owner"),
            *((tag in notes.tags, tag) for tag in WEAK_TAGS),
            (any(not one.who or not one.whom for one in entry.ways), "nobody is meant"),
            (self._is_uncommitted(entry), "uncommitted"),
        ]
        codes = {code for one in entry.ways if one.span is not None for code in self._codes.get(one.span, ())}
        return [word for holds, word in found if holds] + [_STATES[code] for code in sorted(codes) if code in _STATES]

    def risk(self, entry: Entry) -> Risk:
        """The points of an allow; a deny has none."""
        if entry.first.verb is not Verb.ALLOW:
            return Risk()
        policy = self.audit.policy
        several = len(policy.cluster.nodes) > 1
        outside = AddressSet.union_all([one.who.addresses - policy.nodes for one in entry.ways if one.whom])
        return of_statement(
            # What goes to addresses of no node opens no node.
            outside if any(self.count(one.whom) for one in entry.ways) else NOWHERE,
            (entry.first.ports.v4, entry.first.ports.v6),
            entry.first.attributes,
            from_all=several and not outside and any(one.who.addresses.covers(policy.nodes) for one in entry.ways),
            to_all=several and any(one.whom.addresses.covers(policy.nodes) for one in entry.ways),
        )

    def count(self, side: Selection) -> int:
        """How many nodes are meant."""
        if side.text not in self._counts:
            held = AddressSet.union_all([side.addresses, *(one.nodes for one in side.virtual)])
            nodes = self.audit.policy.cluster.nodes
            whole = held.covers(self.audit.policy.nodes)
            self._counts[side.text] = (
                len(nodes) if whole else sum(any(address in held for address in node.addresses) for node in nodes)
            )
        return self._counts[side.text]

    @cached_property
    def _counts(self) -> dict[str, int]:
        return {}

    @cached_property
    def _codes(self) -> dict[Span, set[str]]:
        """Codes of findings by the statement that they stand at, or in."""
        found: dict[Span, set[str]] = {}
        for one in self.audit.findings:
            if (span := self._holding(one.span)) is not None:
                found.setdefault(span, set()).add(one.code)
        return found

    @cached_property
    def _suppressed(self) -> dict[Span, list[int]]:
        """Numbers of the suppressions by the statement at which they hide something, or would."""
        found: dict[Span, list[int]] = {}
        for number, one in enumerate(self.audit.ignored):
            at = {self._holding(place) for place in (one.waiver.scope, *(each.span for each in one.hides))}
            for span in at - {None}:
                assert span is not None
                found.setdefault(span, []).append(number)
        return found

    def _holding(self, place: Span | None) -> Span | None:
        """The statement in which a place begins."""
        if place is None:
            return None
        spans = self._starts.get(place.source, [])
        at = bisect_right(spans, place.start, key=lambda one: one.start) - 1
        return spans[at] if at >= 0 and place.start < spans[at].end else None

    @cached_property
    def _starts(self) -> dict[Source, list[Span]]:
        """The places of statements in each file, in order."""
        spans = {one.span for entry in self.entries.values() for one in entry.ways if one.span is not None}
        found: dict[Source, list[Span]] = {}
        for span in sorted(spans, key=lambda one: one.start):
            found.setdefault(span.source, []).append(span)
        return found

    def _is_uncommitted(self, entry: Entry) -> bool:
        changes = [self.audit.changes.get(one.span) for one in entry.ways if one.span is not None]
        return any(one is not None and not one.commit for one in changes)

    # Where it went.

    def _compiled(self, name: str) -> dict[str, Any]:
        compiled = self.audit.compiled
        places = [
            {
                "class": one.digest,
                "nodes": len(compiled.loaded[one.digest].members),
                "family": f"v{one.family.value}",
                "chain": one.chain,
                "rule": one.rule,
                "text": one.line,
            }
            for one in compiled.positions.get(name, ())
        ]
        return {"compiled": places, "more_classes": max(0, len(compiled.classes.get(name, ())) - MOST_CLASSES)}

    def _groups(self, name: str) -> Iterator[dict[str, str]]:
        for rule in self._rules.get(name, ()):
            yield {"group": rule.group, "direction": rule.direction.value, "rule": rule.id, "text": rule_text(rule)}

    @cached_property
    def _rules(self) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for rule in self.audit.form.rules if self.audit.form is not None else ():
            for name in rule.statements:
                found.setdefault(name, []).append(rule)
        return found

    def _hits(self, name: str) -> dict[str, Any] | None:
        if self.sums is None or name not in self.sums:
            return None
        one = self.sums[name]
        return {"packets": one.packets, "bytes": one.octets, "nodes": one.nodes, "shared": one.shared}
