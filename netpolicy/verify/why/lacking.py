"""What a refused packet lacks: the allow to write, the allows that come near, and those that do not hold here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from netpolicy.dsl.syntax import Verb
from netpolicy.packet.addresses import FAMILIES, AddressSet, Family, address_text, network_text, networks
from netpolicy.packet.packets import Packet
from netpolicy.packet.ports import PORT_SPACE_LAST, PortSet
from netpolicy.packet.portwords import is_sayable, service_text
from netpolicy.policy.model import Egress, Policy, Selection, Statement
from netpolicy.policy.question import Idle
from netpolicy.policy.selectors import address_set
from netpolicy.verify.why.explain import Answer, Answers, Side

MOST_NAMED = 3
"""Nodes or networks that a proposed statement lists; it names what was asked about where there are more."""


@dataclass(frozen=True, slots=True)
class Lacking:
    """What would open the refused ports of an answer.

    `allow` is a statement to add, empty where a deny must go first; `exact` says that it opens nothing else. The others
    are the nearest allows: of the same ends on other ports, of the same ports from others and to others.
    """

    allow: str
    exact: bool
    other_ports: Statement | None = None
    other_senders: Statement | None = None
    other_receivers: Statement | None = None
    idle: tuple[Idle, ...] = ()


def lacking(policy: Policy, answers: Answers, answer: Answer, idle: Iterable[Idle]) -> Lacking:
    """What the refused ports of an answer lack; where a deny takes them all, no allow comes near."""
    closed = [part.fate for part in answer.parts if not part.fate.passes]
    ports = PortSet.union_all([fate.ports for fate in closed if not fate.denies])
    packet = next(
        (one.passage.packet for part in answer.parts if not part.fate.passes for one in part.judged), answer.witness
    )
    if not ports:
        return Lacking("", exact=False)
    asked = answer.refused
    known = [one for one in policy.of(Verb.ALLOW) if not one.to_self]
    sent = [one for one in known if _sends(one.who, packet)]
    received = [one for one in known if _receives(one.whom, packet)]
    same_ends = [one for one in sent if one in received and not one.ports.overlaps(asked)]
    same_ports = [one for one in known if one.ports.overlaps(asked)]
    return Lacking(
        *_allow(policy, answers, answer, ports),
        _first(same_ends, packet),
        _first([one for one in same_ports if one in received and one not in sent], packet),
        _first([one for one in same_ports if one in sent and one not in received], packet),
        tuple(one for one in idle if _would_admit(one, packet, asked)),
    )


def _first(some: Sequence[Statement], packet: Packet) -> Statement | None:
    """The one of the nearest port; of those the narrowest, which was written for the fewest."""

    def far(one: Statement) -> int:
        ranges = one.ports.of(packet.family)
        return min((max(first - packet.key, packet.key - last, 0) for first, last in ranges), default=PORT_SPACE_LAST)

    return min(some, key=lambda one: (far(one), one.ports.size(), one.text), default=None)


def _sends(who: Selection, packet: Packet) -> bool:
    return (packet.family, packet.source) in who.addresses


def _receives(whom: Selection, packet: Packet) -> bool:
    destination = (packet.family, packet.destination)
    return destination in whom.addresses or any((one.family, one.address) == destination for one in whom.virtual)


def _would_admit(one: Idle, packet: Packet, ports: PortSet) -> bool:
    return one.ports.overlaps(ports) and _sends(one.who, packet) and _receives(one.whom, packet)


def _allow(policy: Policy, answers: Answers, answer: Answer, ports: PortSet) -> tuple[str, bool]:
    """The statement that opens these ports between the ends, and whether it opens no more than they are.

    Where no short selector is the ends exactly, it is about all that was asked.
    """
    question = answers.question
    sender, receiver = answer.pairs[0]
    both = [one for one in FAMILIES if one in _families(question.who) and one in _families(question.whom)]
    # Of a family that the question cannot be about nothing has to be left out.
    told = answer.families if tuple(both) == answer.families else FAMILIES
    who, whom = _side_text(policy, sender, question.who, told), _side_text(policy, receiver, question.whom, told)
    asked = question.whom.text
    if receiver.virtual:
        nodes = _nodes_text(policy, receiver.nodes)
        whom = _at(nodes, receiver) if nodes else ""
        asked = asked if question.whom.virtual else whom or _at("all", receiver)
    said = service_text(ports, answer.families)
    every = ports == PortSet(*(question.ports.of(family) if family in answer.families else () for family in FAMILIES))
    what = question.what if every else said
    exact = bool(who and whom) and len(answer.pairs) == 1 and (every or is_sayable(said))
    if not exact:
        who, whom, what = question.who.text, asked, question.what
    if whom == "world":  # which no allow may have as its whom
        whom = "all" if policy.egress is Egress.OPEN else "all, outside"
    return f"allow {who} -> {whom} : {what}", exact


def _at(nodes: str, receiver: Side) -> str:
    """What nodes receive for virtual addresses, as a whom."""
    base = f"({nodes})" if "," in nodes else nodes
    return ", ".join(f"{base}@{address_text(*one)}" for one in receiver.virtual)


def _families(side: Selection) -> set[Family]:
    return {*side.addresses.families(), *(one.family for one in side.virtual)}


def _side_text(policy: Policy, side: Side, asked: Selection, families: Sequence[Family]) -> str:
    """The ends as a selector, where a short one is exactly these in the families: empty where there is none."""
    if _within(side.addresses | side.strangers, families) == _within(asked.addresses, families):
        return asked.text
    texts = []
    if side.nodes:
        texts.append(_nodes_text(policy, side.nodes) if is_whole(policy, side, families) else _cidrs(side.addresses))
    if side.strangers:
        every = tuple(families) == side.strangers.families()
        texts.append(strangers_text(policy, side.strangers) if every else _cidrs(side.strangers))
    return ", ".join(texts) if all(texts) else ""


def _within(addresses: AddressSet, families: Sequence[Family]) -> AddressSet:
    return AddressSet(*(addresses.of(family) if family in families else () for family in FAMILIES))


def _nodes_text(policy: Policy, nodes: Sequence[str]) -> str:
    if name := name_of(policy, nodes):
        return name
    return ", ".join(f"node {one}" for one in nodes) if len(nodes) <= MOST_NAMED else ""


def _addresses_of(policy: Policy, nodes: Sequence[str]) -> AddressSet:
    named = frozenset(nodes)
    return address_set(address for one in policy.cluster.nodes if one.name in named for address in one.addresses)


def is_whole(policy: Policy, side: Side, families: Sequence[Family]) -> bool:
    """True when all addresses that its nodes have in these families are meant."""
    every = _addresses_of(policy, side.nodes)
    return all(side.addresses.of(family) == every.of(family) for family in families)


def name_of(policy: Policy, nodes: Sequence[str]) -> str:
    """The role, label or `all` that is exactly these nodes; empty where none is, and for a node alone."""
    wanted = frozenset(nodes)
    if len(wanted) == 1:
        return ""
    every = policy.cluster.nodes
    if len(wanted) == len(every):
        return "all"
    asked = next(node for node in every if node.name in wanted)
    for name in sorted({one.text for one in (*asked.roles, *asked.labels)}):
        if wanted == {node.name for node in every if any(one.text == name for one in (*node.roles, *node.labels))}:
            return name
    return ""


def strangers_text(policy: Policy, addresses: AddressSet) -> str:
    """The selector that is exactly these addresses of no node, in the families that they have; empty without a short.

    It is `outside`, a network, a few CIDRs, or `outside` but for one of these.
    """
    outside = _within(~policy.nodes, addresses.families())
    if addresses == outside:
        return "outside"
    if name := _network_text(policy, addresses):
        return name
    rest = _network_text(policy, outside - addresses)
    return f"outside except {f'({rest})' if ',' in rest else rest}" if rest else ""


def _network_text(policy: Policy, addresses: AddressSet) -> str:
    """The network that is exactly these addresses in their families, or a few CIDRs."""
    for one in policy.networks:
        if one.addresses and _within(one.addresses - policy.nodes, addresses.families()) == addresses:
            return one.name
    return _cidrs(addresses)


def _cidrs(addresses: AddressSet) -> str:
    """The addresses as a list, where it is short."""
    listed: list[str] = []
    for family in addresses.families():
        intervals = addresses.of(family)
        if len(intervals) > MOST_NAMED:
            return ""
        listed += [
            network_text(family, first, length).removesuffix(f"/{family.bits}")
            for first, length in networks(family, intervals)
        ]
    return ", ".join(listed) if len(listed) <= MOST_NAMED else ""
