"""Can A reach B on p, and why: the verdict as sets, the statements that make it, and what the rules of both ends say.

Statements give the verdict; a witness of each part of it is put to the emitted rules, which must say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from netpolicy.dsl.syntax import Verb
from netpolicy.flow.model import NodeClass
from netpolicy.packet.addresses import FAMILIES, NOWHERE, AddressSet, Family
from netpolicy.packet.packets import Packet
from netpolicy.packet.ports import PortSet
from netpolicy.policy.cluster import Address
from netpolicy.policy.model import Egress, Policy, Statement
from netpolicy.policy.question import Question
from netpolicy.policy.selectors import address_set
from netpolicy.verify.why.ends import End, Ends, Kind
from netpolicy.verify.why.fates import Bearing, Fate, Where, always, fates
from netpolicy.verify.why.passages import Passage, passages


@dataclass(frozen=True, slots=True)
class Ruled:
    """What the rules of a node do with a packet, and where their text says so.

    Line 0 is the end of a chain, where no rule decided. `way` are the lines that led there, from the built-in chain on.
    """

    admitted: bool
    file: str
    line: int
    text: str
    way: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Grouped:
    """What the security groups of a cloud do with a packet at an interface, and the rule that admits it, if any."""

    cloud: str
    admitted: bool
    group: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """A packet at one place, with what judges it there; `ruled` is None where no rule of the node does."""

    passage: Passage
    ruled: Ruled | None
    clouds: tuple[Grouped, ...] = ()


Judge = Callable[[Passage], tuple[Ruled | None, tuple[Grouped, ...]]]
"""What the emitted rules of a node, and its security groups, do with a packet."""


@dataclass(frozen=True, slots=True)
class Part:
    """Ports with one fate, and what the rules of the ends say of a witness in each family."""

    fate: Fate
    judged: tuple[Judged, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """Names of nodes with those of their addresses that are meant, or virtual ones that they receive for; strangers."""

    nodes: tuple[str, ...] = ()
    addresses: AddressSet = NOWHERE
    virtual: tuple[Address, ...] = ()
    strangers: AddressSet = NOWHERE

    def joined(self, other: Side) -> Side:
        """The same nodes with the addresses of both."""
        virtual = (*self.virtual, *other.virtual)
        return Side(self.nodes, self.addresses | other.addresses, virtual, self.strangers | other.strangers)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is true of every sender and every receiver of each of the `pairs`.

    `judged_by` are the ends whose rules judge it: none where both are strangers (`strange`), or one is and egress is
    open. `loop` says that the ends are one node alone.
    """

    pairs: tuple[tuple[Side, Side], ...]
    families: tuple[Family, ...]
    parts: tuple[Part, ...]
    witness: Packet
    judged_by: tuple[Where, ...]
    loop: bool = False
    strange: bool = False

    @property
    def passing(self) -> PortSet:
        return PortSet.union_all([one.fate.ports for one in self.parts if one.fate.passes])

    @property
    def refused(self) -> PortSet:
        return PortSet.union_all([one.fate.ports for one in self.parts if not one.fate.passes])


@dataclass(frozen=True, slots=True)
class Answers:
    """All that is said of a question; `left_out` answers are of the kinds that come last. None: nothing is asked."""

    question: Question
    found: tuple[Answer, ...]
    left_out: int
    passes: bool
    partly: bool


@dataclass(slots=True)
class _Group:
    """Pairs of ends of which the statements say the same."""

    kinds: tuple[Kind, Kind]
    bearing: Bearing
    loop: bool
    receivers: dict[End, list[End]] = field(default_factory=dict)
    first: dict[Family, tuple[End, End]] = field(default_factory=dict)
    itself: dict[End, list[End]] = field(default_factory=dict)

    @property
    def families(self) -> tuple[Family, ...]:
        return tuple(family for family in FAMILIES if family in self.first)

    @property
    def strange(self) -> bool:
        return self.kinds == (Kind.STRANGERS, Kind.STRANGERS)


def explain(policy: Policy, classes: Sequence[NodeClass], question: Question, judge: Judge, most: int) -> Answers:
    """The answers, those that refuse first; the rules are asked about the first `most` of them."""
    ruling = [one for one in policy.of(Verb.ALLOW, Verb.DENY) if not one.to_self and one.ports.overlaps(question.ports)]
    groups = _groups(policy, Ends(policy, classes, ruling), question)
    told = [one for one in groups if not (one.loop or one.strange)] or groups
    drafts = [(group, _fates(question, ruling, group)) for group in told]
    drafts = [(group, found) for group, found in drafts if found]
    # What refuses is asked about most; the rest stays in order.
    drafts.sort(key=lambda draft: all(one.passes for one in draft[1]))
    every = [one for _, found in drafts for one in found]
    asked = any(not group.strange for group, _ in drafts)
    return Answers(
        question,
        tuple(_answer(policy, group, found, judge) for group, found in drafts[:most]),
        max(0, len(drafts) - most),
        passes=asked and all(one.passes for one in every),
        partly=asked and any(one.passes for one in every),
    )


def _groups(policy: Policy, ends: Ends, question: Question) -> list[_Group]:
    """The pairs of the question by what the statements say of them."""
    groups: dict[tuple[object, ...], _Group] = {}
    itself: dict[End, list[End]] = {}
    receivers = ends.receivers(question.whom)
    enforced = policy.egress is Egress.ENFORCED
    for sender in ends.senders(question.who):
        leaving = enforced and sender.kind is Kind.NODES
        for receiver in receivers:
            if sender.family is not receiver.family:
                continue
            loop = _is_loop(sender, receiver)
            met = sender.who & receiver.whom
            sent = sender.who & receiver.aimed if leaving else 0
            kinds = (sender.kind, receiver.kind)
            published = sender.who & receiver.published
            key = (kinds, loop) if loop else (kinds, met, sent, published)
            if key not in groups:
                judged = ((Where.SENDER, leaving), (Where.RECEIVER, receiver.kind is not Kind.STRANGERS))
                bearing = Bearing(met, sent, published, tuple(where for where, judges in judged if judges))
                groups[key] = _Group(kinds, bearing, loop, itself=itself)
            if loop:
                itself.setdefault(sender, []).append(receiver)
            group = groups[key]
            group.receivers.setdefault(sender, []).append(receiver)
            group.first.setdefault(sender.family, (sender, receiver))
    return list(groups.values())


def _is_loop(sender: End, receiver: End) -> bool:
    """True when both are one node alone."""
    return len(sender.members) == 1 and sender.names == receiver.names


def _fates(question: Question, ruling: Sequence[Statement], group: _Group) -> list[Fate]:
    """What becomes of the ports; in the families that the ends have."""
    if group.loop or group.strange:
        return always(question.ports, group.families)
    return fates(question.ports, ruling, group.bearing, group.families)


def _answer(policy: Policy, group: _Group, found: Sequence[Fate], judge: Judge) -> Answer:
    parts = []
    for fate in found:
        met = [passages(policy, fate, family, group.first[family]) for family in fate.ports.families()]
        parts.append(Part(fate, tuple(_judged(fate, one, judge) for some in met for one in some)))
    packet = next(one.passage.packet for part in parts for one in part.judged)
    return Answer(
        pairs=_rectangles(policy, group),
        families=group.families,
        parts=tuple(parts),
        witness=packet,
        judged_by=group.bearing.judged_by,
        loop=group.loop,
        strange=group.strange,
    )


def _judged(fate: Fate, passage: Passage, judge: Judge) -> Judged:
    ruled, clouds = judge(passage)
    if ruled is not None:
        expected = passage.where not in fate.refusing
        assert ruled.admitted is expected, f"{ruled.file}:{ruled.line} is not what the policy says: {ruled.text}"
    return Judged(passage, ruled, clouds)


def _rectangles(policy: Policy, group: _Group) -> tuple[tuple[Side, Side], ...]:
    """The pairs as a few products of senders and receivers, exactly but for pairs of a node and itself.

    A product is of addresses of the same family: those of both families are one where they are of the same nodes.
    """
    every = dict.fromkeys(one for receivers in group.receivers.values() for one in receivers)
    senders: dict[tuple[End, ...], list[End]] = {}
    for sender, receivers in group.receivers.items():
        known = {*receivers, *group.itself.get(sender, ())}
        senders.setdefault(tuple(one for one in every if one in known), []).append(sender)
    order = {node.name: place for place, node in enumerate(policy.cluster.nodes)}
    found: list[tuple[Side, Side]] = []
    waiting: dict[tuple[object, ...], int] = {}
    for reached, some in senders.items():
        pair = _side(some, order), _side(reached, order)
        likeness = tuple((side.nodes, bool(side.virtual), bool(side.strangers)) for side in pair)
        other = waiting.pop((likeness, Family.V4), None) if some[0].family is Family.V6 else None
        if other is not None:
            found[other] = found[other][0].joined(pair[0]), found[other][1].joined(pair[1])
            continue
        waiting[likeness, some[0].family] = len(found)
        found.append(pair)
    return tuple(found)


def _side(ends: Sequence[End], order: Mapping[str, int]) -> Side:
    nodes = sorted({name for one in ends for name in one.names}, key=lambda name: order[name])
    held = address_set((one.family, at) for one in ends if one.kind is Kind.NODES for _, at in one.members)
    virtual = {(one.family, one.members[0][1]) for one in ends if one.kind is Kind.VIRTUAL}
    strangers = AddressSet.union_all([one.strangers for one in ends])
    return Side(tuple(nodes), held, tuple(sorted(virtual)), strangers)
