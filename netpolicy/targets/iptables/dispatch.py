"""Keeps the path of a packet short: long lists of rules are split into chains by protocol and port."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from netpolicy.flow.minimise import MOST_STATEMENTS
from netpolicy.flow.model import Effect, Flow
from netpolicy.netfilter import DEFAULT
from netpolicy.packet.addresses import AddressSet, Family
from netpolicy.packet.intervals import Intervals, difference, intersection
from netpolicy.packet.ports import PORT_SPACE_LAST, VALUE_BITS, VALUE_LAST, PortSet, Protocol
from netpolicy.targets.iptables.matches import ports, wanted
from netpolicy.targets.iptables.rules import Goto, PortIn, ProtocolIs, Return, Rule, Side, Target
from netpolicy.targets.iptables.sets import Alternatives

LONGEST = 60
"""Rules that one chain may hold before it is split by TCP and UDP port: such a packet then meets fewer than 100."""
_SPLIT = (Protocol.TCP, Protocol.UDP)
_NAMES = {Protocol.TCP: "t", Protocol.UDP: "u"}
_AH: Intervals = ((Protocol.AH << VALUE_BITS, Protocol.AH << VALUE_BITS | VALUE_LAST),)
Chains = dict[str, list[Rule]]


@dataclass(frozen=True, slots=True)
class Body:
    """How flows become rules: the target of a deny and of what nothing admits, and the matches of a flow's sides."""

    family: Family
    refusal: Target
    sides: Callable[[Flow], tuple[Alternatives, Alternatives]]

    def rules(self, flows: Sequence[Flow], keys: Intervals) -> list[Rule]:
        """The rules of the flows for these keys, denies first, and the refusal of the rest."""
        rules: list[Rule] = []
        for flow in flows:
            inside = intersection(flow.ports.of(self.family), keys)
            if not inside:
                continue
            sources, destinations = self.sides(flow)
            target = Return() if flow.effect is Effect.ALLOW else self.refusal
            ways = [(*source, *destination) for source in sources for destination in destinations]
            # A flow that has every key of the chain needs no match: no other packet comes here.
            alternatives: Alternatives = [()] if inside == keys else ports(self.family, inside)
            for port in alternatives:
                for way in ways:
                    rules += wanted(flow, (*way, *port), target)
        return [*rules, Rule((), self.refusal, DEFAULT)]

    def authenticated(self, flows: Sequence[Flow]) -> list[Rule]:
        """The rules of AH in IPv6, to stand before a split: legacy tools look through AH at the protocol inside."""
        rules: list[Rule] = []
        for flow in flows if self.family is Family.V6 else ():
            sources, destinations = self.sides(flow)
            target = Return() if flow.effect is Effect.ALLOW else self.refusal
            for port in ports(self.family, intersection(flow.ports.of(self.family), _AH)):
                for source, destination in product(sources, destinations):
                    rules += wanted(flow, (*source, *destination, *port), target)
        return rules


def dispatch(body: Body, flows: Sequence[Flow], name: Callable[[str], str]) -> tuple[list[Rule], Chains]:
    """The rules of a chain and the further chains that it goes to; `name` names a chain by its suffix."""
    every: Intervals = ((0, PORT_SPACE_LAST),)
    rules = body.rules(flows, every)
    if len(rules) <= LONGEST:
        return rules, {}
    split = _Split(body, name)
    entries = body.authenticated(flows)
    rest = every
    for protocol in _SPLIT:
        keys: Intervals = ((protocol << VALUE_BITS, protocol << VALUE_BITS | VALUE_LAST),)
        entries.append(Rule((ProtocolIs(protocol),), Goto(split.chain(protocol, flows, keys)), DEFAULT))
        rest = difference(rest, keys)
    return [*entries, *body.rules(_merged(flows, body.family, rest), rest)], split.chains


@dataclass(slots=True)
class _Split:
    body: Body
    name: Callable[[str], str]
    chains: Chains = field(default_factory=dict)

    def chain(self, protocol: Protocol, flows: Sequence[Flow], keys: Intervals) -> str:
        """The chain for these keys of one protocol, halved until it is short or its flows hold all of its keys."""
        inside = [flow for flow in flows if intersection(flow.ports.of(self.body.family), keys)]
        chain = self.name(f"-{_NAMES[protocol]}{len(self.chains)}")
        self.chains[chain] = []
        rules = self.body.rules(inside, keys)
        middle = _middle(inside, keys, self.body.family)
        if len(rules) <= LONGEST:
            self.chains[chain] = rules
        elif middle is None:
            self.chains[chain] = self.body.rules(_merged(inside, self.body.family, keys), keys)
        else:
            ((first, last),) = keys
            below = PortIn(Side.DESTINATION, ((first & VALUE_LAST, (middle - 1) & VALUE_LAST),))
            low = self.chain(protocol, inside, ((first, middle - 1),))
            high = self.chain(protocol, inside, ((middle, last),))
            self.chains[chain] = [
                Rule((ProtocolIs(protocol), below), Goto(low), DEFAULT),
                Rule((), Goto(high), DEFAULT),
            ]
        return chain


def _middle(flows: Sequence[Flow], keys: Intervals, family: Family) -> int | None:
    """The middle one of the keys where some flow begins or ends; None when all flows hold all keys."""
    ((first, last),) = keys
    edges: set[int] = set()
    for flow in flows:
        for begin, end in intersection(flow.ports.of(family), keys):
            edges |= {begin, end + 1}
    inner = sorted(edge for edge in edges if first < edge <= last)
    return inner[len(inner) // 2] if inner else None


def _merged(flows: Sequence[Flow], family: Family, keys: Intervals) -> list[Flow]:
    """Flows that differ in their sources only, joined as far as their statements fit one comment."""
    joined: list[Flow] = []
    at: dict[tuple[Effect, AddressSet, Intervals], int] = {}
    for flow in flows:
        inside = intersection(flow.ports.of(family), keys)
        place = (flow.effect, flow.destinations, inside)
        before = at.get(place)
        if flow.log or before is None or len({*joined[before].statements, *flow.statements}) > MOST_STATEMENTS:
            if not flow.log:
                at[place] = len(joined)
            joined.append(replace(flow, ports=PortSet(inside, inside)))
            continue
        kept = joined[before]
        joined[before] = replace(
            kept,
            sources=kept.sources | flow.sources,
            statements=tuple(sorted({*kept.statements, *flow.statements})),
            head=f"{kept.head}_and_more" if not kept.head.endswith("_and_more") else kept.head,
        )
    return joined
