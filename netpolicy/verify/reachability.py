"""Who can reach what: rows of (source, destination, protocol, first, last, statements) by role, node or network.

A row (A, B) stands when some node of A may reach some *other* node of B. A peer that is no node (a network, a CIDR,
`world`, `outside`) has the rows of the statements that name it, unless a deny takes all of its addresses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from netpolicy.flow.model import Plan
from netpolicy.packet.addresses import FAMILIES, Family
from netpolicy.packet.intervals import Intervals, difference, intersection, overlaps, union, union_all
from netpolicy.packet.packets import ICMP_OF
from netpolicy.packet.ports import PORT_SPACE_LAST, PORTED, VALUE_BITS, VALUE_LAST, WHOLE, Protocol, by_protocol
from netpolicy.policy.cluster import Node
from netpolicy.policy.model import Policy
from netpolicy.verify.admitted import Admitted, admitted_between
from netpolicy.verify.peers import between_strangers, incoming, outgoing

_EVERY_KEY: Intervals = ((0, PORT_SPACE_LAST),)
# ICMP is told apart by family; in the other family it is a protocol by number, like most.
_NAMES = {int(one): one.name.lower() for one in Protocol if one not in ICMP_OF.values()}


class By(Enum):
    """What a matrix groups nodes by."""

    ROLE = "role"
    NODE = "node"
    NETWORK = "network"


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """One range of one protocol from a source to a destination; `first` and `last` are None for a whole protocol."""

    source: str
    destination: str
    protocol: str
    first: int | None
    last: int | None
    statements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Group:
    """Nodes of one class with the same names at every address; the first stands for all."""

    plan: Plan
    node: Node
    count: int
    names: tuple[tuple[str, ...], ...]


def rows(policy: Policy, plans: Sequence[Plan], by: By) -> list[Row]:
    """All rows, sorted."""
    collected: dict[tuple[str, str], Admitted] = {}
    for source, destination, admitted in _pairs(policy, plans, _groups(policy, plans, by)):
        collected.setdefault((source, destination), []).extend(admitted)
    found = [
        row
        for (source, destination), admitted in collected.items()
        for row in rows_between(source, destination, admitted)
    ]
    return sorted(found, key=lambda row: (row.source, row.destination, row.protocol, row.first or 0))


def possible(policy: Policy, by: By) -> frozenset[tuple[str, str]]:
    """The pairs of names that two different nodes hold in one family: only these can have a row between nodes."""
    held: dict[tuple[Family, str], set[str]] = {}
    for node in policy.cluster.nodes:
        for (family, _), names in zip(node.addresses, _names(policy, node, by), strict=True):
            for name in names:
                held.setdefault((family, name), set()).add(node.name)
    return frozenset((a, b) for f, a in held for g, b in held if f is g and len(held[f, a] | held[g, b]) > 1)


def _groups(policy: Policy, plans: Sequence[Plan], by: By) -> list[_Group]:
    plan_of = {member: plan for plan in plans for member in plan.node_class.members}
    found: dict[tuple[int, tuple[tuple[str, ...], ...]], list[Node]] = {}
    for node in policy.cluster.nodes:
        names = _names(policy, node, by)
        found.setdefault((id(plan_of[node.name]), names), []).append(node)
    return [_Group(plan_of[nodes[0].name], nodes[0], len(nodes), names) for (_, names), nodes in found.items()]


def _names(policy: Policy, node: Node, by: By) -> tuple[tuple[str, ...], ...]:
    """The names under which each address of the node appears."""
    if by is By.NODE:
        return ((node.name,),) * len(node.addresses)
    if by is By.ROLE:
        return (tuple(role.text for role in node.roles) or ("(no role)",),) * len(node.addresses)
    inside = ([one.name for one in policy.networks if address in one.addresses] for address in node.addresses)
    return tuple(tuple(names) or ("(no network)",) for names in inside)


def _pairs(policy: Policy, plans: Sequence[Plan], groups: list[_Group]) -> Iterator[tuple[str, str, Admitted]]:
    answers: dict[tuple[int, int, int, int], Admitted] = {}
    for receiver in groups:
        for sender in groups:
            if sender is not receiver or receiver.count > 1:
                yield from _between(sender, receiver, answers)
    for group in groups:
        for address, names in zip(group.node.addresses, group.names, strict=True):
            going = list(outgoing(policy, plans, group.plan, address))
            coming = list(incoming(policy, address))
            for name in names:
                yield from ((peer, name, admitted) for peer, admitted in coming)
                yield from ((name, peer, admitted) for peer, admitted in going)
    yield from between_strangers(policy, plans)


def _between(
    sender: _Group, receiver: _Group, answers: dict[tuple[int, int, int, int], Admitted]
) -> Iterator[tuple[str, str, Admitted]]:
    for here, sources in enumerate(sender.names):
        for there, destinations in enumerate(receiver.names):
            place = (id(sender.plan), here, id(receiver.plan), there)
            if place not in answers:
                answers[place] = admitted_between(
                    receiver.plan.inbound, sender.node.addresses[here], receiver.node.addresses[there]
                )
            if answers[place]:
                yield from ((source, destination, answers[place]) for source in sources for destination in destinations)


def rows_between(source: str, destination: str, admitted: Admitted) -> Iterator[Row]:
    """The union of what passes, cut into protocols and ranges, each with every statement that touches it."""
    admitted = list(dict.fromkeys(admitted))  # many pairs of nodes say the same

    def thanks(keys: Intervals) -> tuple[str, ...]:
        return tuple(sorted({name for _, own, names in admitted if overlaps(own, keys) for name in names}))

    if any(keys == _EVERY_KEY for _, keys, _ in admitted):
        yield Row(source, destination, "any", None, None, thanks(_EVERY_KEY))
        return
    plain: Intervals = ()
    for family in FAMILIES:
        keys = union_all([own for its, own, _ in admitted if its is family])
        kept, icmp = _apart(keys, family)
        plain = union(plain, kept)
        yield from (Row(source, destination, name, first, last, thanks(part)) for name, first, last, part in icmp)
    for protocol, values in by_protocol(plain):
        start = protocol << VALUE_BITS
        for first, last in values:
            whole = values == WHOLE and protocol not in PORTED
            part = ((start + first, start + last),)
            name = _NAMES.get(protocol, str(protocol))
            yield Row(source, destination, name, None if whole else first, None if whole else last, thanks(part))


def _apart(keys: Intervals, family: Family) -> tuple[Intervals, list[tuple[str, int | None, int | None, Intervals]]]:
    """The keys without the family's ICMP, and that ICMP by type."""
    start = int(ICMP_OF[family]) << VALUE_BITS
    span = ((start, start + VALUE_LAST),)
    name = f"icmpv{family.value}"
    inside, rest = intersection(keys, span), difference(keys, span)
    if inside == span:
        return rest, [(name, None, None, span)]
    kinds = sorted({kind for first, last in inside for kind in range(first - start >> 8, (last - start >> 8) + 1)})
    of_kind = {kind: ((start + (kind << 8), start + (kind << 8) + 255),) for kind in kinds}
    return rest, [(name, kind, kind, intersection(inside, part)) for kind, part in of_kind.items()]
