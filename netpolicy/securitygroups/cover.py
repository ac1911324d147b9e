"""Sets of kinds as groups: every node, roles, labels, and where these cannot say it, a group of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from netpolicy.dsl.syntax import Verb
from netpolicy.packet.addresses import FAMILIES, Family
from netpolicy.policy.model import Policy, Selection
from netpolicy.securitygroups.model import EVERY_NODE
from netpolicy.securitygroups.seats import Seats
from netpolicy.securitygroups.words import head_of, legal

Kinds = frozenset[int]
_NAMES = re.compile(r"\w+(, \w+)*")


@dataclass(slots=True)
class Cover:
    """The groups that were asked for; `used` is each with its kinds, `meaning` what it is in words.

    Which groups say a selector comes from its words, not from who holds a role today: a list of names is the groups of
    these names; anything else, and what denies leave, is a group of its own. So a new node or statement changes no
    group but its own. `denied` are the sides of denies, by their texts; `words` say each kind as no other.
    """

    seats: Seats
    named: dict[str, Kinds]
    roles: frozenset[str]
    denied: dict[str, Kinds]
    words: Sequence[str]
    used: dict[str, Kinds] = field(default_factory=dict)
    meaning: dict[str, str] = field(default_factory=dict)
    _found: dict[tuple[Family, Kinds, str], tuple[str, ...]] = field(default_factory=dict)

    def groups(self, family: Family, kinds: Kinds, selection: Selection) -> tuple[str, ...]:
        """Heads of groups whose members have, together, just the addresses of these kinds in the family."""
        place = (family, kinds, selection.text)
        if place not in self._found:
            self._found[place] = self._named(family, kinds, selection) or self._apart(family, kinds, selection)
        return self._found[place]

    def _named(self, family: Family, kinds: Kinds, selection: Selection) -> tuple[str, ...]:
        """The groups of the names that the selector lists, or of the roles behind a name that stands for several."""
        holding = self.seats.holding(family)
        if not _NAMES.fullmatch(selection.text) or _kinds(self.seats, selection) & holding != kinds:
            return ()
        inside = {head: held & holding for head, held in self.named.items() if held & holding}
        said = [head for head in selection.text.split(", ") if head in inside]
        behind = self.roles & set(inside) - set(said)
        others = [EVERY_NODE, *sorted(behind, key=lambda head: (-len(inside[head]), head))]
        for heads in (said, [*said, *others]):
            chosen = _enough([head for head in heads if head in inside and inside[head] <= kinds], inside, kinds)
            if chosen:
                self.used |= {head: self.named[head] for head in chosen}
                return tuple(chosen)
        return ()

    def _apart(self, family: Family, kinds: Kinds, selection: Selection) -> tuple[str, ...]:
        """A group for the selector, or for what denies leave of it. The words that name it have only these members."""
        whole = _kinds(self.seats, selection)
        holding = self.seats.holding(family)
        taken = self._taken(whole, kinds, whole & holding - kinds)
        members = whole.difference(*(self.denied[text] for text in taken))
        text = f"{selection.text} without {', '.join(taken)}" if taken else selection.text
        if members & holding != kinds:
            members, text = kinds, f"{selection.text} without what is denied: {self._said(kinds)}"
        head = head_of(text)
        self.used[head] = members
        self.meaning[head] = legal(text)
        return (head,)

    def _taken(self, whole: Kinds, kept: Kinds, left_out: Kinds) -> list[str]:
        """Sides of denies that take of the whole what is left out, and nothing that is kept."""
        return _enough(
            [text for text, kinds in self.denied.items() if kinds & whole and not kinds & kept], self.denied, left_out
        )

    def _said(self, kinds: Kinds) -> str:
        return "; ".join(sorted(self.words[number] for number in kinds))


def _enough(parts: Sequence[str], inside: dict[str, Kinds], kinds: Kinds) -> list[str]:
    """Those of the parts that are the kinds together, the first ones first; none when they are not."""
    chosen: list[str] = []
    left = kinds
    for head in parts:
        if inside[head] & left:
            chosen.append(head)
            left -= inside[head]
    return [] if left else chosen


def _kinds(seats: Seats, selection: Selection) -> Kinds:
    """The kinds that a selector holds whole in a family."""
    return frozenset[int]().union(
        *(seats.kinds_of(family, seats.of(family, selection.addresses))[0] for family in FAMILIES)
    )


def _denied(policy: Policy, seats: Seats) -> dict[str, Kinds]:
    """What each side of a deny holds, in order of the texts."""
    sides = {side.text: side for one in policy.of(Verb.DENY) for side in (one.who, one.whom)}
    return {text: _kinds(seats, sides[text]) for text in sorted(sides)}


def _words(seats: Seats) -> list[str]:
    """Each kind in words that do not change with the nodes of its class; twins are told apart by a node."""
    found: list[str] = []
    for kind in seats.kinds:
        text = f"{kind.interface} of {kind.node_class.roles} {kind.node_class.labels}"
        found.append(f"{text} like {kind.node_class.members[0]}" if text in found else text)
    return found


def cover(policy: Policy, seats: Seats) -> Cover:
    """A cover that knows every node, the roles and the labels."""
    named: dict[str, Kinds] = {EVERY_NODE: frozenset(range(len(seats.kinds)))}
    for held in ("roles", "labels"):
        for number, kind in enumerate(seats.kinds):
            for name in getattr(kind.node_class, held):
                named[name] = named.get(name, frozenset()) | {number}
    roles = frozenset(one.name for one in policy.roles)
    known = Cover(seats, named, roles, _denied(policy, seats), _words(seats))
    known.meaning = {EVERY_NODE: "every node"}
    known.meaning |= {one.name: f"role {one.name}" for one in policy.roles}
    known.meaning |= {one.name: f"label {one.name}" for one in policy.labels}
    known.used[EVERY_NODE] = named[EVERY_NODE]
    return known
