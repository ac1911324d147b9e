"""What a policy says, entry by entry, as people read it: of a policy that was resolved, or of a build's manifest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from netpolicy.dsl.syntax import DemandKind, Verb
from netpolicy.policy.model import Demand, Policy

_DEMANDS = {
    DemandKind.EXACTLY: "exactly {number} {what}",
    DemandKind.AT_LEAST: "at least {number} {what}",
    DemandKind.NONE: "no {what}",
    DemandKind.EXISTS: "exists {what}",
    DemandKind.WITH: "{what} with {other}",
    DemandKind.ALONE: "{what} alone",
}
_REQUIRE, _ADVISE = "require", "advise"
_PROMISES = (Verb.NEVER.value, Verb.EXPECT.value, _REQUIRE)


@dataclass(frozen=True, slots=True)
class Entry:
    """A flow statement or a demand: what is meant, as `allow a -> b : tcp 1`, why, by whom, and where it stands.

    `id` is that of the statement; a demand has none, and its text is what it means.
    """

    verb: str
    text: str
    id: str = ""
    owner: str = ""
    because: str = ""
    until: str = ""
    place: str = field(default="", compare=False)

    @property
    def key(self) -> tuple[str, str]:
        """Equal for entries that mean the same."""
        return self.verb, self.id or self.text

    @property
    def line(self) -> str:
        """The entry as the language writes it."""
        return f"{self.verb} {self.text}"


@dataclass(frozen=True, slots=True)
class Contents:
    """Promises are `never`, `expect` and `require`, rules the rest; `advise` breaks nothing.

    `demands` tells whether `require` and `advise` are known too.
    """

    rules: tuple[Entry, ...]
    promises: tuple[Entry, ...]
    demands: bool
    settings: tuple[tuple[str, str], ...]


def of_policy(policy: Policy) -> Contents:
    """What a policy says; both directions of `<->` are one entry."""
    listed = [
        Entry(
            one.verb.value,
            one.text,
            one.id,
            one.attributes.owner,
            one.attributes.because,
            one.attributes.expires.isoformat() if one.attributes.expires else "",
            one.span.place if one.span else "",
        )
        for one in policy.statements
    ]
    params = [(f"param {name}", value) for name, value in policy.params]
    options = [("option egress", policy.egress.value), ("option refuse", policy.refuse.value)]
    return _contents([*listed, *map(demand_entry, policy.demands)], [*options, *params], demands=True)


def demand_entry(one: Demand) -> Entry:
    """A demand as the language writes it."""
    other = one.other.text if one.other is not None else ""
    text = _DEMANDS[one.kind].format(what=one.selector.text, number=one.number, other=other)
    place = one.span.place if one.span else ""
    verb = _REQUIRE if one.binding else _ADVISE
    return Entry(verb, text, "", one.attributes.owner, one.attributes.because, "", place)


def of_manifest(manifest: Mapping[str, Any]) -> Contents:
    """What the manifest of a build says; demands it has none. What is no such thing is a LookupError or a TypeError."""
    listed = [
        Entry(
            str(one["verb"]),
            f"{one['who']} -> {one['whom']} : {one['what']}",
            str(one["id"]),
            str(one.get("owner", "")),
            str(one.get("because", "")),
            str(one.get("expires", "")),
            f"{one['file']}:{one['line']}:{one['column']}" if "file" in one else "",
        )
        for one in manifest["statements"]
    ]
    options = [(f"option {name}", str(manifest[name])) for name in ("egress", "refuse")]
    params = [(f"param {name}", str(value)) for name, value in dict(manifest["params"]).items()]
    return _contents(listed, [*options, *params], demands=False)


def _contents(listed: Iterable[Entry], settings: Iterable[tuple[str, str]], *, demands: bool) -> Contents:
    known: dict[tuple[str, str], Entry] = {}
    for one in listed:
        known.setdefault(one.key, one)
    rules = tuple(one for one in known.values() if one.verb not in _PROMISES)
    promises = tuple(one for one in known.values() if one.verb in _PROMISES)
    return Contents(rules, promises, demands, tuple(settings))
