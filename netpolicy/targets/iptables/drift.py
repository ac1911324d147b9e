"""In what a kernel differs from what it must hold: by meaning, rule by rule, jump by jump and set by set.

Rules of others are no drift as long as they only refuse (those that refuse all are in `overruled.py`). What bears a
name of ours and cannot be read always is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum

from netpolicy.diagnostic import Diagnostic
from netpolicy.packet.addresses import FAMILIES, Family, address_text, networks
from netpolicy.packet.intervals import Intervals, difference
from netpolicy.targets.iptables.admits import first_admitting
from netpolicy.targets.iptables.align import Edit, RuleDifference, align
from netpolicy.targets.iptables.consequence import Consequence, changed_set, refusing
from netpolicy.targets.iptables.live import STABLE, Live, LiveRule, LiveTable, is_our_chain
from netpolicy.targets.iptables.normal import BUILT_IN
from netpolicy.targets.iptables.rules import AddressList, Chain, Goto, InSet, Jump, Rule, Ruleset, Table
from netpolicy.targets.iptables.standing import equal

_GENERATION = re.compile(r"NP-(?:IN|FWD|OUT)-([0-9a-f]{8})(?:-.*)?")
_MOST_AHEAD = 5


class Kind(Enum):
    """What differs."""

    RULE_MISSING = "rule missing"
    RULE_EXTRA = "rule extra"
    RULE_EDITED = "rule edited"
    RULE_MOVED = "rule moved"
    RULE_UNREADABLE = "rule not understood"
    CHAIN_MISSING = "chain missing"
    CHAIN_EMPTY = "chain empty"
    NOT_LOADED = "nothing loaded"
    JUMP_MISSING = "jump missing"
    JUMP_EDITED = "jump edited"
    JUMP_EXTRA = "jump extra"
    ADMITTED_BEFORE = "admitted before us"
    OTHER_GENERATION = "other generation"
    SET_MISSING = "set missing"
    SET_MEMBERS = "set members"
    SET_TYPE = "set type"
    ENTERED = "entered by others"
    CHAIN_LEFT = "chain left over"
    SET_LEFT = "set left over"
    POLICY = "policy"
    REFUSED = "refused by others"
    OTHER_BACKEND = "other backend"


_OF_EDITS = {
    Edit.MISSING: Kind.RULE_MISSING,
    Edit.EXTRA: Kind.RULE_EXTRA,
    Edit.EDITED: Kind.RULE_EDITED,
    Edit.MOVED: Kind.RULE_MOVED,
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs. `name` is a chain or a set; rules come with their numbers from 1.

    `found` is what stands there instead (a generation, a policy, addresses more), `lacking` what does not (a generation
    that is wholly replaced, addresses less).
    `comments` are those of the wanted rules that ask for a set.
    """

    kind: Kind
    family: Family | None
    name: str
    consequence: Consequence = Consequence.NOTHING
    wanted: tuple[int, Rule] | None = None
    live: tuple[int, LiveRule] | None = None
    found: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()
    why: Diagnostic | None = field(default=None, compare=False)


def differences(live: Live, wanted: Ruleset) -> list[Difference]:
    """Everything that differs, in the order of families, chains and sets; empty when a packet meets what was wanted."""
    found = [one for family in FAMILIES for one in _of_family(live.table(family), wanted.table(family))]
    replaced = {one.family for one in found if one.kind in (Kind.NOT_LOADED, Kind.OTHER_GENERATION)}
    return [*found, *_of_sets(live, wanted, {family for family in replaced if family is not None})]


def generation_of(name: str) -> str:
    """The eight digits in the name of a generation's chain; empty for another name."""
    found = _GENERATION.fullmatch(name)
    return found[1] if found else ""


def generation(table: Table | LiveTable) -> str:
    """The generation that INPUT leads to; empty where it leads to none."""
    chain = table.chain(STABLE["INPUT"])
    for one in chain.rules if chain is not None else ():
        rule = one.rule if isinstance(one, LiveRule) else one
        if rule is not None and isinstance(rule.target, Jump | Goto):
            return generation_of(rule.target.chain)
    return ""


def _of_family(live: LiveTable, wanted: Table) -> list[Difference]:
    if not any(True for _ in live.ours):
        return [Difference(Kind.NOT_LOADED, live.family, "", Consequence.OPENS)]
    one = _Family(live, wanted)
    return [*one.jumps(), *one.chains(), *one.entered(), *one.left()]


class _Family:
    """The filter table of one family, live and wanted."""

    def __init__(self, live: LiveTable, wanted: Table) -> None:
        self.live, self.wanted, self.family = live, wanted, live.family
        self.refusals = refusing(wanted)
        self.others: set[str] = set()  # generations in force that are not the wanted one

    def differs(
        self,
        kind: Kind,
        name: str,
        consequence: Consequence = Consequence.NOTHING,
        *,
        wanted: tuple[int, Rule] | None = None,
        live: tuple[int, LiveRule] | None = None,
        found: tuple[str, ...] = (),
    ) -> Difference:
        return Difference(kind, self.family, name, consequence, wanted, live, found)

    # What leads to our chains.

    def jumps(self) -> Iterator[Difference]:
        for chain in self.wanted.chains:
            if chain.name in BUILT_IN and chain.rules:
                yield from self._jump(chain.name, chain.rules[0])

    def _jump(self, built_in: str, due: Rule) -> Iterator[Difference]:
        chain = self.live.chain(built_in)
        rules = list(enumerate(chain.rules, 1)) if chain is not None else []
        ours = [one for one in rules if is_our_chain(one[1].target[0])]
        right = next((one for one in ours if one[1].rule == due), None)
        first = right or (ours[0] if ours else None)
        if first is None:
            filled = self.wanted.chain(STABLE[built_in])
            does = Consequence.OPENS if filled is not None and filled.rules else Consequence.NOTHING
            yield self.differs(Kind.JUMP_MISSING, built_in, does, wanted=(1, due))
            return
        for one in ours:
            if one is not right:
                edited = right is None and one is first
                kind = Kind.JUMP_EDITED if edited else Kind.JUMP_EXTRA
                does = _jump_consequence(one[1], due, edited=edited)
                yield self.differs(kind, built_in, does, wanted=(1, due) if edited else None, live=one)
        yield from self._ahead(built_in, [one for one in rules[: first[0] - 1] if one not in ours])

    def _ahead(self, built_in: str, before: list[tuple[int, LiveRule]]) -> Iterator[Difference]:
        for _ in range(_MOST_AHEAD):
            rule = first_admitting(self.live, (one for _, one in before))
            if rule is None:
                return
            at = next(place for place, (_, one) in enumerate(before) if one is rule)
            yield self.differs(Kind.ADMITTED_BEFORE, built_in, Consequence.OPENS, live=before[at])
            before = before[at + 1 :]

    def entered(self) -> Iterator[Difference]:
        """Rules of others' chains that lead into ours."""
        for chain in self.live.chains.values():
            if chain.name in BUILT_IN or is_our_chain(chain.name):
                continue
            for number, rule in enumerate(chain.rules, 1):
                if is_our_chain(rule.target[0]):
                    yield self.differs(Kind.ENTERED, chain.name, Consequence.EITHER, live=(number, rule))

    # Our chains.

    def chains(self) -> list[Difference]:
        whole = self._other_generation()
        found = [] if whole is None else [whole]
        for chain in self.wanted.chains:
            if chain.name in STABLE.values() and whole is None:
                found += self._stable(chain)
        for chain in self.wanted.chains:
            if chain.name not in BUILT_IN and chain.name not in STABLE.values():
                found += self._chain(chain)
        return found

    def _other_generation(self) -> Difference | None:
        """Another generation that is wholly in force: each of our chains leads to its chain of that, if it has one."""
        other, due = generation(self.live), generation(self.wanted)
        if not other or other == due or not all(self._leads_to(name, other) for name in STABLE.values()):
            return None
        self.others.add(other)
        first = self.live.chains[STABLE["INPUT"]].rules[0]
        kind, does = Kind.OTHER_GENERATION, Consequence.EITHER
        return Difference(kind, self.family, "", does, live=(1, first), found=(other,), lacking=(due,))

    def _leads_to(self, name: str, other: str) -> bool:
        live = self.live.chain(name)
        if live is None:
            return self.wanted.chain(name) is None
        due = f"{name.replace('NETPOLICY', 'NP')}-{other}"
        targets = [Jump(due)] if self.live.chain(due) is not None else []
        rules = [one.rule for one in live.rules]
        return [one.target if one and not one.matches else None for one in rules] == targets

    def _stable(self, wanted: Chain) -> list[Difference]:
        live = self.live.chain(wanted.name)
        rule = live.rules[0].rule if live is not None and len(live.rules) == 1 else None
        if live is None or rule is None or not wanted.rules or not isinstance(rule.target, Jump) or rule.matches:
            return self._chain(wanted)
        other, due = generation_of(rule.target.chain), _target(wanted.rules[0])
        if not other or other == generation_of(due):
            return self._chain(wanted)
        self.others.add(other)
        at = (1, live.rules[0])
        return [
            self.differs(
                Kind.OTHER_GENERATION,
                wanted.name,
                Consequence.EITHER,
                wanted=(1, wanted.rules[0]),
                live=at,
                found=(other,),
            )
        ]

    def _chain(self, wanted: Chain) -> list[Difference]:
        live = self.live.chain(wanted.name)
        if equal(live, wanted):
            return []
        if live is None:
            # Where another generation is in force, this one is not loaded at all.
            told = not self.others or wanted.name in STABLE.values()
            return [self.differs(Kind.CHAIN_MISSING, wanted.name, Consequence.OPENS)] if told else []
        if not live.rules:
            return [self.differs(Kind.CHAIN_EMPTY, wanted.name, Consequence.OPENS)]
        return [self._of_rule(wanted.name, one) for one in align(wanted, live, self.family, self.refusals)]

    def _of_rule(self, chain: str, one: RuleDifference) -> Difference:
        unread = one.live is not None and one.live[1].rule is None
        kind = Kind.RULE_UNREADABLE if unread else _OF_EDITS[one.edit]
        why = one.live[1].read[1][:1] if one.live is not None and unread else []
        return Difference(kind, self.family, chain, one.consequence, one.wanted, one.live, why=why[0] if why else None)

    def left(self) -> Iterator[Difference]:
        """Our chains of no use; a generation that is in force is told of where it is."""
        names = {chain.name for chain in self.wanted.chains}
        for chain in self.live.ours:
            if chain.name not in names and generation_of(chain.name) not in self.others:
                yield self.differs(Kind.CHAIN_LEFT, chain.name)


def _target(rule: Rule) -> str:
    return rule.target.chain if isinstance(rule.target, Jump | Goto) else ""


def _jump_consequence(live: LiveRule, due: Rule, *, edited: bool) -> Consequence:
    """What a rule does that leads to our chains and is not the jump, or stands in its place."""
    rule = live.rule
    if rule is None or rule.target != due.target:
        return Consequence.EITHER
    # A packet that our chain admits comes back and meets the jump; one that it refuses would be refused there too.
    return Consequence.OPENS if edited and rule.matches != due.matches else Consequence.NOTHING


def _of_sets(live: Live, wanted: Ruleset, replaced: set[Family]) -> Iterator[Difference]:
    for one in wanted.sets:
        found = _of_set(live, one, wanted.table(one.family), replaced)
        if found is not None:
            yield replace(found, comments=_asking(wanted.table(one.family), one.name))
    known = {one.name for one in wanted.sets}
    for name in sorted({*live.sets, *live.strange} - known):
        family = Family.V6 if name.startswith("np6") else Family.V4
        if family not in replaced:
            yield Difference(Kind.SET_LEFT, family, name)


def _of_set(live: Live, one: AddressList, table: Table, replaced: set[Family]) -> Difference | None:
    now = live.sets.get(one.name)
    if one.name in live.strange:
        why = live.strange[one.name]
        return Difference(Kind.SET_TYPE, one.family, one.name, Consequence.EITHER, why=why)
    if now is None:
        missing = Difference(Kind.SET_MISSING, one.family, one.name, Consequence.EITHER)
        return missing if one.family not in replaced else None
    if (now.kind, now.family) != (one.kind, one.family):
        return Difference(Kind.SET_TYPE, one.family, one.name, Consequence.EITHER, found=(_type(now),))
    return _members(one, now, table) if now.members != one.members else None


def _asking(table: Table, name: str) -> tuple[str, ...]:
    """The comments of the rules that ask for a set."""
    rules = (rule for chain in table.chains for rule in chain.rules)
    asking = (rule for rule in rules if any(isinstance(one, InSet) and one.name == name for one in rule.matches))
    return tuple(dict.fromkeys(rule.comment for rule in asking))


def _type(one: AddressList) -> str:
    return f"{one.kind} of IPv{one.family.value}"


def _members(wanted: AddressList, live: AddressList, table: Table) -> Difference:
    more, less = difference(live.members, wanted.members), difference(wanted.members, live.members)
    does = changed_set(table, wanted.name, more=bool(more), less=bool(less))
    texts = tuple(_texts(wanted.family, one) for one in (more, less))
    return Difference(Kind.SET_MEMBERS, wanted.family, wanted.name, does, found=texts[0], lacking=texts[1])


def _texts(family: Family, addresses: Intervals) -> tuple[str, ...]:
    return tuple(
        address_text(family, first) if length == family.bits else f"{address_text(family, first)}/{length}"
        for first, length in networks(family, addresses)
    )
