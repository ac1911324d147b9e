"""The proof of a compile: what was written is read back from its text, and means the policy, or nothing is written.

Here what a target reads in a text meets the meaning of the policy, which knows no target.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from functools import cached_property

from netpolicy.diagnostic import Diagnostic, Label, error
from netpolicy.dsl.syntax import Verb
from netpolicy.flow.model import NodeClass
from netpolicy.packet.budget import SpentError, limited
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.grid import Atoms
from netpolicy.packet.packets import describe
from netpolicy.policy.model import Policy
from netpolicy.policy.selectors import address_set
from netpolicy.securitygroups.inventory import Passing, inventory
from netpolicy.source import Source
from netpolicy.targets import Cloud, Target
from netpolicy.verify.groups import group_differences, peers, unattached, unplaced
from netpolicy.verify.meaning import atoms, grids, meaning
from netpolicy.verify.prove import Difference, alike, differences, speaking, strays, untold

STEPS = 20_000_000
"""Steps that the proof of one class may take; a class of a usual policy takes some thousands."""
PREMISES = (
    "an address belongs to the node that declares it: others neither send with it, nor receive or route for it",
    "connection tracking puts fragments together before a rule sees them",
    "a match that is not modelled answers the same wherever its text stands",
    "the kernel does what its rules say (`netpolicy rehearse` sends packets)",
    "what clouds let pass by themselves (answers, neighbours, DHCP) is the baseline",
)
"""What a proof takes for granted."""

_UNPROVED = "nothing is known to be wrong, and nothing is proved; split the policy"


@dataclass(frozen=True, slots=True)
class Proved:
    """What was proved: nodes in classes, their rules that were read back, and kinds of interfaces in clouds."""

    nodes: int = 0
    classes: int = 0
    rules: int = 0
    cards: int = 0

    def __add__(self, other: Proved) -> Proved:
        sums = (a + b for a, b in zip(astuple(self), astuple(other), strict=True))
        return Proved(*sums)


class Prover:
    """Proves texts of classes of nodes; what the policy tells apart is worked out once for all of them."""

    def __init__(self, policy: Policy, steps: int = STEPS) -> None:
        self.policy = policy
        self.steps = steps

    @cached_property
    def known(self) -> dict[Family, Atoms]:
        """The atoms of the policy's addresses."""
        return atoms(self.policy)

    def prove(
        self, node_class: NodeClass, target: Target, files: Mapping[str, Source]
    ) -> tuple[Proved, list[Diagnostic]]:
        """What is proved of the files of a class, and an error for each difference from the policy."""
        ruleset, found = target.read(files)
        return (Proved(), found) if ruleset is None else self.judge(node_class, target, ruleset, files)

    def judge(
        self,
        node_class: NodeClass,
        target: Target,
        ruleset: object,
        files: Mapping[str, Source],
        families: Sequence[Family] = FAMILIES,
    ) -> tuple[Proved, list[Diagnostic]]:
        """What is proved of a ruleset that was read from the files, for the packets of these families."""
        try:
            with limited(self.steps):
                found = list(self._judged(node_class, target, ruleset, files, families))
        except SpentError as spent:
            found = [_gave_up(node_class, spent)]
        return (Proved(), found) if found else (Proved(len(node_class.members), 1, target.size(ruleset)), [])

    def _judged(
        self,
        node_class: NodeClass,
        target: Target,
        ruleset: object,
        files: Mapping[str, Source],
        families: Sequence[Family],
    ) -> Iterator[Diagnostic]:
        unknown = untold(self.known, {family: target.address_sets(ruleset, family) for family in FAMILIES})
        known = atoms(self.policy, unknown) if any(unknown.values()) else self.known
        strangers = strays(self.policy, node_class, self.known)
        for node in strangers:
            message = f"`{node.name}` would load the rules of `{node_class.members[0]}`, which mean another node"
            yield error("NP313", message, node.span, hint="compile the nodes apart with `--sets inline`, and report it")
        # Where the rules tell nodes apart that the policy does not, each group of them is a proof of its own.
        for nodes in alike(self.policy, node_class, known):
            if nodes[0] not in strangers:
                own = address_set(nodes[0].addresses)
                part = replace(node_class, members=tuple(node.name for node in nodes), own=own)
                yield from self._differing(part, target, ruleset, files, families=families, known=known)

    def _differing(
        self,
        node_class: NodeClass,
        target: Target,
        ruleset: object,
        files: Mapping[str, Source],
        *,
        families: Sequence[Family],
        known: Mapping[Family, Atoms],
    ) -> Iterator[Diagnostic]:
        axes = grids(known, node_class.own)
        hooks = [one for one in meaning(self.policy, node_class, axes) if one.family in families]
        for one in differences(hooks, target.admitted(ruleset, axes), axes):
            place = target.deciding(ruleset, one.witness, files)
            verb = "lets it pass" if one.opened else "refuses it"
            yield self._told(node_class, one, None if place is None else Label(place, f"this rule {verb}"))

    def _told(self, node_class: NodeClass, one: Difference, rule: Label | None) -> Diagnostic:
        verb, words = (Verb.DENY, "this deny forbids it") if one.opened else (Verb.ALLOW, "this allow asks for it")
        blamed = [Label(each.span, words) for each in speaking(self.policy, verb, one.witness) if each.span is not None]
        nodes, packet = named(node_class.members), describe(one.witness)
        if one.opened:
            message = f"the rules of {nodes} let pass what the policy does not: {packet}"
            hint = "a deny beats every allow" if blamed else "no statement allows it"
            return error("NP311", message, rule, *blamed, hint=hint)
        message = f"the rules of {nodes} refuse what the policy lets pass: {packet}"
        hint = "the rules must let it pass" if blamed else "it is always open, or egress is not enforced"
        return error("NP312", message, rule, *blamed, hint=hint)

    def prove_groups(self, cloud: Cloud, source: Source, classes: Sequence[NodeClass]) -> tuple[int, list[Diagnostic]]:
        """How many kinds of interfaces are proved to carry groups that admit what the hosts do, and an error for each
        that does not."""
        ruleset, found = cloud.read(source)
        if ruleset is None:
            return 0, found
        listed: list[Passing] = cloud.admitted(ruleset, inventory(self.policy.cluster))
        try:
            with limited(self.steps):
                found = list(self._groups_judged(cloud, listed, classes))
        except SpentError as spent:
            message = f"the proof of `{source.name}` gave up after {spent.steps:,} steps"
            found = [error("NP316", message, hint=_UNPROVED)]
        return (0 if found else len(listed)), found

    def _groups_judged(
        self, cloud: Cloud, listed: Sequence[Passing], classes: Sequence[NodeClass]
    ) -> Iterator[Diagnostic]:
        for node, card in unattached(listed, inventory(self.policy.cluster)):
            message = f"interface `{card}` of `{node}` carries no security group of {cloud.name}"
            yield error("NP315", message, hint="without a group a cloud gives it one of its own")
        for node, card in unplaced(listed, inventory(self.policy.cluster)):
            message = f"`{card}` of `{node}`, which the cluster does not have, carries groups of {cloud.name}"
            yield error("NP317", message, hint="compile the cluster again, or name the cluster of that build")
        unknown = untold(self.known, peers(listed))
        known = atoms(self.policy, unknown) if any(unknown.values()) else self.known
        for one in group_differences(self.policy, classes, known, listed):
            groups = ", ".join(f"`{name}`" for name in one.attachment.groups)
            where = f"the {cloud.name} groups {groups or '(none)'} of `{one.attachment.interface}` of `{one.node}`"
            way = f"{describe(one.witness).partition(',')[0]}, {'coming in' if one.coming else 'going out'}"
            verb, words = (Verb.DENY, "this deny forbids it") if one.opened else (Verb.ALLOW, "this allow asks for it")
            spans = (each.span for each in speaking(self.policy, verb, one.witness))
            blamed = [Label(span, words) for span in spans if span is not None]
            if one.opened:
                message = f"{where} let pass what the hosts refuse: {way}"
                yield error("NP314", message, *blamed, hint="" if blamed else "no statement allows it")
            else:
                yield error("NP315", f"{where} refuse what the hosts let pass: {way}", *blamed)


def named(members: Iterable[str]) -> str:
    """`dea1`, or `dea1` and 12 more of its class."""
    first, *more = members
    return f"`{first}`" + (f" and {len(more):,} more of its class" if more else "")


def _gave_up(node_class: NodeClass, spent: SpentError) -> Diagnostic:
    message = f"the proof of the rules of {named(node_class.members)} gave up after {spent.steps:,} steps"
    return error("NP316", message, hint=_UNPROVED)
