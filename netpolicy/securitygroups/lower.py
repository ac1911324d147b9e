"""Turns a policy and the classes of a cluster's nodes into the neutral form of its security groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from netpolicy.diagnostic import Diagnostic, error
from netpolicy.flow.model import NodeClass
from netpolicy.packet.addresses import FAMILIES, Family, networks
from netpolicy.packet.intervals import Intervals
from netpolicy.packet.packets import ICMP_OF
from netpolicy.policy.model import Egress, Policy, Selection, Statement
from netpolicy.securitygroups.admissions import Box, admissions, receivers_of_virtual
from netpolicy.securitygroups.cover import Cover, cover
from netpolicy.securitygroups.model import (
    EVERY_NODE,
    Attachment,
    Direction,
    Form,
    Group,
    Network,
    Peer,
    Rule,
    Service,
)
from netpolicy.securitygroups.prune import prune
from netpolicy.securitygroups.seats import Seats
from netpolicy.securitygroups.services import services
from netpolicy.securitygroups.words import group_name, legal

MOST_NETWORKS = 1000
"""Networks that one side of a statement may need; a security group with more could be loaded nowhere."""
MOST_PROTOCOLS = 64
"""Protocols of one statement; `any` without a port is more than these."""
_WITHOUT = "say it with whole nodes or interfaces, or do without security groups: `clouds: []` in the cluster"


def lower(policy: Policy, classes: Sequence[NodeClass]) -> tuple[Form, list[Diagnostic]]:
    """The form of a cluster, and what a security group cannot say: with an error it must not be used."""
    seats = Seats(policy.cluster, classes)
    lowering = _Lowering(policy, seats, cover(policy, seats))
    for one in receivers_of_virtual(policy):
        lowering.fail(one, "a security group cannot tell the addresses that its members receive for")
    for admission in admissions(policy, seats):
        lowering.statement = admission.statement
        lowering.judge(Direction.INGRESS, admission.coming, admission.entering)
        if policy.egress is Egress.ENFORCED:
            lowering.judge(Direction.EGRESS, admission.going, admission.leaving)
    if policy.egress is Egress.OPEN:
        lowering.open_egress()
    return lowering.form(), lowering.found


@dataclass(slots=True)
class _Lowering:
    policy: Policy
    seats: Seats
    cover: Cover
    statement: Statement = field(init=False)
    rules: dict[Rule, Rule] = field(default_factory=dict)
    found: list[Diagnostic] = field(default_factory=list)

    # What boxes become.

    def judge(self, direction: Direction, seated: Iterable[Box], addressed: Iterable[Box]) -> None:
        """The rules of one end: peers by their groups, and by their addresses."""
        near, far = self.statement.whom, self.statement.who
        if direction is Direction.EGRESS:
            near, far = far, near
        for box in seated:
            self.add(direction, box, self.members(box.family, box.near, near), self.peers(box.family, box.far, far))
        for box in addressed:
            self.add(direction, box, self.members(box.family, box.near, near), self.networks(box.family, box.far, far))

    def open_egress(self) -> None:
        """Egress is always stated: what is open is said to be open."""
        for family in FAMILIES:
            everywhere = Network(family, 0, 0)
            rule = Rule(self.name(EVERY_NODE), Direction.EGRESS, family, Service(), everywhere, (), "egress is open")
            self.rules[rule] = rule

    # Sides.

    def members(self, family: Family, seats: Intervals, selection: Selection) -> tuple[str, ...]:
        """The groups whose rules judge these seats; what is a part of an interface has none, which is an error."""
        kinds, parts = self.seats.kinds_of(family, seats)
        if parts:
            self.fail(self.statement, f"`{selection.text}` is a part of an interface", selection)
        return self.cover.groups(family, kinds, selection) if kinds else ()

    def peers(self, family: Family, seats: Intervals, selection: Selection) -> Iterator[Peer]:
        """Nodes by their groups; by address only where a part of an interface is meant."""
        kinds, parts = self.seats.kinds_of(family, seats)
        if kinds:
            yield from (self.name(head) for head in self.cover.groups(family, kinds, selection))
        yield from self.networks(family, self.seats.addresses(family, parts), selection)

    def networks(self, family: Family, addresses: Intervals, selection: Selection) -> Iterator[Peer]:
        listed = networks(family, addresses)
        if len(listed) > MOST_NETWORKS:
            message = f"`{selection.text}` is {len(listed):,} networks in security groups"
            self.fail(self.statement, message, selection, code="NP606")
            return
        yield from (Network(family, first, length) for first, length in listed)

    def fail(
        self, statement: Statement, message: str, selection: Selection | None = None, *, code: str = "NP605"
    ) -> None:
        """Notes what cannot be said, once a statement and message."""
        place = selection.span if selection is not None and selection.span is not None else statement.span
        hint = (
            _WITHOUT
            if code == "NP605"
            else "name the networks that are meant, or do without security groups: `clouds: []` in the cluster"
        )
        told = error(code, message, place, hint=hint)
        if told not in self.found:
            self.found.append(told)

    # Rules.

    def name(self, head: str) -> str:
        return group_name(self.policy.cluster.name, head)

    def add(self, direction: Direction, box: Box, heads: Iterable[str], peers: Iterable[Peer]) -> None:
        listed, passing = list(peers), list(services(box.family, box.keys))
        if len({one.protocol for one in passing}) > MOST_PROTOCOLS:
            message = "what the denies leave of this has no name: a security group lists protocols one by one"
            self.fail(self.statement, message)
            return
        for service in passing:
            self.stray(box.family, service)
            for head in heads:
                for peer in listed:
                    self.note(Rule(self.name(head), direction, box.family, service, peer))

    def note(self, rule: Rule) -> None:
        """Adds the rule, or the statement to one that is there; its words are those of the first id."""
        before, one = self.rules.get(rule), self.statement
        if before is None:
            self.rules[rule] = replace(rule, statements=(one.id,), text=legal(one.text), span=one.span)
        elif one.id not in before.statements:
            self.rules[rule] = replace(before, statements=(*before.statements, one.id))

    def stray(self, family: Family, service: Service) -> None:
        """ICMP of the other family by its number: clouds take it for the family's own."""
        other = next(number for its, number in ICMP_OF.items() if its is not family)
        if service.protocol == other:
            self.fail(self.statement, f"a security group cannot say protocol {int(other)} of IPv{family.value}")

    # The whole.

    def form(self) -> Form:
        cluster = self.policy.cluster.name
        used = self.cover.used
        rules = prune(self.rules.values(), self.name(EVERY_NODE))
        spoken = {self.name(EVERY_NODE)}
        spoken |= {name for rule in rules for name in (rule.group, rule.peer) if isinstance(name, str)}
        kept = {head: kinds for head, kinds in used.items() if self.name(head) in spoken}
        groups = [Group(self.name(head), legal(f"{cluster}: {self.cover.meaning[head]}")[:255]) for head in kept]
        return Form(
            cluster=cluster,
            groups=tuple(sorted(groups, key=lambda group: group.name)),
            rules=tuple(sorted(rules, key=lambda rule: rule.key)),
            attachments=tuple(self.attachments(kept)),
        )

    def attachments(self, used: dict[str, frozenset[int]]) -> list[Attachment]:
        """Who carries what: nodes with the same groups at an interface of the same name share an entry."""
        nodes: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for number, kind in enumerate(self.seats.kinds):
            groups = tuple(sorted(self.name(head) for head, kinds in used.items() if number in kinds))
            nodes.setdefault((kind.interface, groups), []).extend(kind.node_class.members)
        return [Attachment(card, groups, tuple(sorted(nodes[card, groups]))) for card, groups in sorted(nodes)]
