"""A promise is reported as broken exactly when a packet breaks it.

The specification is asked about every packet at the edges of what a policy and its promise name; it has never heard of
promises. What the baseline opens is left aside, as promises judge what statements admit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netpolicy.dsl import syntax as s
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.packets import Packet
from netpolicy.pipeline import Pipeline
from netpolicy.policy.cluster import Address, Node
from netpolicy.source import Source
from tests.clusters import cluster_text, scenes
from tests.draws import pick
from tests.probes import CONTAINER, PORTED, STRAY, Ground
from tests.selectors import Reach, selectors, virtual_whoms, whats
from tests.specification import Specification, _literals, _virtual
from tests.strategies import Case, cases, policy_texts, read

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
STRANGERS = {Family.V4: 0xC6120001, Family.V6: 0x20010DB8FFFF << 80 | 1}


@dataclass(frozen=True, slots=True)
class Promise:
    """One direction of an active `never` or `expect`."""

    flow: s.Flow
    who: s.Selector
    whom: s.Selector

    @property
    def forbids(self) -> bool:
        return self.flow.verb is s.Verb.NEVER


class Judge:
    """Looks for packets that break the promises of a case."""

    def __init__(self, case: Case) -> None:
        self.specification = Specification([case.policy], case.cluster)
        self.ground = Ground(case.policy, case.cluster)
        self.nodes = case.cluster.nodes
        self.promises = list(self._promises())

    def _promises(self) -> Iterator[Promise]:
        for flow in self.specification.active_flows(self.specification.statements):
            if flow.verb in (s.Verb.NEVER, s.Verb.EXPECT):
                yield Promise(flow, flow.who, flow.whom)
                if flow.both_ways:
                    yield Promise(flow, flow.whom, flow.who)

    def is_broken(self, promise: Promise) -> bool:
        """True if some packet shows it."""
        return any(
            self._breaks(promise, family, source, destination, wire)
            for family in FAMILIES
            for wire in self._wires(promise, family)
            for source in self._addresses(promise, promise.who, family)
            for destination in self._destinations(promise, family)
        )

    def _breaks(self, promise: Promise, family: Family, source: int, destination: int, wire: tuple[int, int]) -> bool:
        sender, owner = (self.specification.owner((family, one)) for one in (source, destination))
        packet = Packet(family, source, destination, *wire, 40000 if wire[0] in PORTED else 0)
        meant = self.receivers(promise.whom, (family, destination))
        receivers = [owner] if owner else self.nodes if promise.forbids else meant
        arrives = [
            self._arrives(node, packet, published=promise.forbids and (node is owner or node in meant))
            for node in receivers
            if node is not sender
        ]
        leaves = sender is None or self._leaves(sender, packet)
        # What nobody of ours receives is judged where it leaves; `ghost@ADDRESS` without such nodes says nothing.
        spoken_of = self.specification.holds(promise.whom, (family, destination))
        judged_outward = owner is None and sender is not None and not meant and spoken_of
        if promise.forbids:
            return (judged_outward and leaves) or any(arrives)
        return not all(arrives) or (not leaves and (judged_outward or bool(arrives)))

    def receivers(self, whom: s.Selector, destination: Address) -> list[Node]:
        """The nodes that the promise says receive for an address which none declares."""
        meant = [at.base for at in _virtual(whom) if (at.address.family, at.address.first) == destination]
        return [node for base in meant for node in self.specification.nodes_of(base)]

    def _arrives(self, node: Node, packet: Packet, *, published: bool) -> bool:
        card = node.interfaces[0].name
        came = replace(packet, in_interface=card)
        if self.specification.admits(node.name, came):
            return True
        if not published or packet.protocol not in PORTED:
            return False
        sent_on = replace(
            came,
            out_interface="docker0",
            destination=CONTAINER[packet.family],
            dnat=True,
            original_destination=packet.destination,
            original_port=packet.port,
        )
        return self.specification.admits(node.name, sent_on)

    def _leaves(self, node: Node, packet: Packet) -> bool:
        card = node.interfaces[0].name
        return self.specification.admits(node.name, replace(packet, out_interface=card))

    def _wires(self, promise: Promise, family: Family) -> list[tuple[int, int]]:
        """Protocol and port on both sides of every edge, as far as the promise speaks of them."""
        own = [
            (protocol, port)
            for protocol, first, last in self.ground.spans(promise.flow.what, family)
            for port in (first, last)
        ]
        known = [(wire.protocol, wire.port) for wire in self.ground.wires[family]]
        return [
            wire
            for wire in dict.fromkeys([*own, *known])
            if self.specification.covers(promise.flow.what, family, *wire)
        ]

    def _addresses(self, promise: Promise, selector: s.Selector, family: Family) -> list[int]:
        """The addresses on both sides of every edge that are in the selector."""
        edges = [*self.ground.addresses[family], *STRAY[family], STRANGERS[family]]
        for one in (*_literals(promise.who), *_literals(promise.whom)):
            if one.family == family:
                edges += [max(one.first - 1, 0), one.first, one.last, min(one.last + 1, family.last)]
        return [one for one in dict.fromkeys(edges) if self.specification.holds(selector, (family, one))]

    def _destinations(self, promise: Promise, family: Family) -> list[int]:
        virtual = [at.address.first for at in _virtual(promise.whom) if at.address.family == family]
        return [*self._addresses(promise, promise.whom, family), *virtual]


@st.composite
def promised(draw: st.DrawFn) -> Case:
    """A case with one to three promises about any addresses; most speak of what another statement speaks of."""
    scene = draw(scenes())
    text, written = draw(policy_texts(scene, False)), cluster_text(scene)
    policy, _ = read(text, written)
    flows = [one for one in policy.statements if isinstance(one, s.Flow) and one.whom.span.text != "self"]
    for _ in range(draw(st.integers(1, 3))):
        who, whom = draw(selectors(scene, Reach.WORLD)).text, draw(selectors(scene, Reach.WORLD)).text
        what = draw(whats(scene, known=(*scene.services, *scene.forwarded), at_most=2))
        if draw(st.integers(0, 3)) == 3:
            whom = draw(virtual_whoms(scene, draw(selectors(scene, Reach.WORLD)))).text
        if draw(st.integers(0, 2)) > 0 and flows:
            like = pick(draw, flows)
            who = like.who.span.text if draw(st.integers(0, 1)) else who
            whom = like.whom.span.text if draw(st.integers(0, 3)) else whom
            what = like.what.span.text if draw(st.integers(0, 3)) else what
        text += f"{pick(draw, ('never', 'expect'))} {who} -> {whom} : {what}\n"
    return Case(text, written, (), *read(text, written))


@settings(max_examples=150, suppress_health_check=SLOW)
@given(st.one_of(promised(), cases(promises=True, count=0)))
def test_a_promise_is_reported_exactly_when_a_packet_breaks_it(case: Case) -> None:
    texts = {"cluster.yaml": case.cluster_text, "policy.netpol": case.policy_text}
    pipeline = Pipeline("cluster.yaml", lambda place: Source(place.path, texts[place.path]), date(2026, 6, 1))
    assert pipeline.policy is not None
    reported = {one.span.start for one in pipeline.promises if one.code in ("NP301", "NP303") and one.span}
    # A promise that is made twice is judged once.
    kept = {one.span.start for one in pipeline.policy.statements if one.span}
    with patch("tests.specification._is_needed_icmp", lambda _: False):
        judge = Judge(case)
        broken = {one.flow.span.start for one in judge.promises if judge.is_broken(one)}
    lines = {one.flow.span.start: one.flow.span.text for one in judge.promises if one.flow.span.start in kept}
    assert {lines[one] for one in broken & kept} == {lines[one] for one in reported}
