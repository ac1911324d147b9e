"""What diff says of two policies is what the specification says of both: no flow too many, none missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.packets import Packet
from netpolicy.pipeline import Pipeline
from netpolicy.policy.cluster import Address, Node
from netpolicy.readback import of_pipeline
from netpolicy.verify.diff.compare import Difference, diff
from netpolicy.verify.diff.gates import BRIDGE, Way
from netpolicy.verify.diff.naming import Change
from netpolicy.verify.diff.strangers import WORLD
from netpolicy.verify.emitted import Emitted
from tests.clusters import cluster_text, scenes
from tests.compiling import compiled
from tests.probes import PORTED, Ground, Wire
from tests.specification import Specification
from tests.strategies import Case, cases, policy_texts, read

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]

Place = Node | Address
Flow = tuple[Way, Family, str | int, str | int, int]
"""A way, a family, a node or an address at each end, and a key."""


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Case, Case]:
    """Two policies for one cluster."""
    scene = draw(scenes())
    written = cluster_text(scene)
    found = []
    for _ in range(2):
        text = draw(policy_texts(replace(scene, egress_enforced=draw(st.booleans())), promises=False))
        found.append(Case(text, written, (), *read(text, written)))
    return found[0], found[1]


def pipeline_of(case: Case, *, inline: bool = False) -> Pipeline:
    return compiled({"cluster.yaml": case.cluster_text, "policy.netpol": case.policy_text}, inline=inline)


def emitted(case: Case, *, inline: bool = False) -> Emitted:
    found, problems = of_pipeline(pipeline_of(case, inline=inline))
    assert found is not None, problems
    return found


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks two specifications about new packets at the edges of both policies."""

    sides: tuple[Specification, Specification]
    nodes: tuple[Node, ...]
    wires: dict[Family, list[Wire]]
    strangers: dict[Family, list[int]]
    virtual: dict[Family, list[int]]

    @classmethod
    def of(cls, old: Case, new: Case) -> Asker:
        grounds = [Ground(case.policy, case.cluster) for case in (old, new)]
        held = {address for node in new.cluster.nodes for address in node.addresses}
        wires, strangers, virtual = {}, {}, {}
        for family in FAMILIES:
            ported = {(one.protocol, one.port) for ground in grounds for one in ground.wires[family]}
            wires[family] = [Wire(number, port, 40000 if number in PORTED else 0) for number, port in sorted(ported)]
            known = sorted({address for ground in grounds for address in ground.addresses[family]})
            strangers[family] = [address for address in known if (family, address) not in held]
            named = {at.address for ground in grounds for at in ground.virtual}
            virtual[family] = [one.first for one in named if one.family == family and (family, one.first) not in held]
        sides = (Specification([old.policy], old.cluster), Specification([new.policy], new.cluster))
        return cls(sides, new.cluster.nodes, wires, strangers, virtual)

    def changed(self) -> tuple[set[Flow], set[Flow]]:
        """What is opened, and what is closed."""
        opened: set[Flow] = set()
        closed: set[Flow] = set()
        for flow, judged in self._judged():
            old, new = (all(side.admits(name, packet) for name, packet in judged) for side in self.sides)
            if old != new:
                (opened if new else closed).add(flow)
        return opened, closed

    def _judged(self) -> Iterator[tuple[Flow, list[tuple[str, Packet]]]]:
        """Each flow that is asked about, and who judges which packet of it."""
        for receiver in self.nodes:
            for family, own in receiver.addresses:
                card = next(one.name for one in receiver.interfaces if (family, own) in one.addresses)
                yield from self._to(receiver, family, own, card, receiver.name)
            for family in FAMILIES:
                for address in self.virtual[family]:
                    card = sorted(one.name for one in receiver.interfaces)[0]
                    yield from self._to(receiver, family, address, card, f"{receiver.name}@{address}")
        for sender in self.nodes:
            for family, source in sender.addresses:
                for address in self.strangers[family]:
                    for packet in self._packets(family, source, address):
                        out = replace(packet, out_interface=sender.interfaces[0].name)
                        yield (Way.SENT, family, sender.name, address, packet.key), [(sender.name, out)]

    def _to(
        self, receiver: Node, family: Family, own: int, card: str, name: str
    ) -> Iterator[tuple[Flow, list[tuple[str, Packet]]]]:
        ends: list[tuple[Node | None, int]] = [(None, one) for one in self.strangers[family]]
        ends += [
            (node, one) for node in self.nodes if node is not receiver for its, one in node.addresses if its is family
        ]
        for sender, source in ends:
            for packet in self._packets(family, source, own):
                comes = replace(packet, in_interface=card)
                sent_on = replace(
                    comes, out_interface=BRIDGE, dnat=True, original_destination=own, original_port=packet.port
                )
                goes = (
                    [] if sender is None else [(sender.name, replace(packet, out_interface=sender.interfaces[0].name))]
                )
                who = source if sender is None else sender.name
                yield (Way.RECEIVED, family, who, name, packet.key), [(receiver.name, comes), *goes]
                if packet.protocol in PORTED:
                    yield (Way.PUBLISHED, family, who, name, packet.key), [(receiver.name, sent_on), *goes]

    def _packets(self, family: Family, source: int, destination: int) -> Iterator[Packet]:
        for wire in self.wires[family]:
            yield Packet(family, source, destination, wire.protocol, wire.port, wire.source_port)


def holds(change: Change, flow: Flow) -> bool:
    """True if the change speaks of the flow."""
    way, family, source, destination, key = flow
    if change.way is not way or (family, key) not in change.ports:
        return False
    if isinstance(source, int):
        comes = (family, source) in change.source.addresses
    else:
        comes = source in change.source.nodes or change.source.name == WORLD
    if isinstance(destination, int):
        return comes and not change.destination.nodes and (family, destination) in change.destination.addresses
    name, _, virtual = destination.partition("@")
    if virtual:
        return comes and name in change.destination.nodes and (family, int(virtual)) in change.destination.addresses
    return comes and name in change.destination.nodes and not change.destination.addresses


@settings(max_examples=20, suppress_health_check=SLOW, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(pairs())
def test_diff_is_what_the_specification_says_changed(pair: tuple[Case, Case]) -> None:
    old, new = pair
    found = diff(emitted(old), emitted(new))
    asker = Asker.of(old, new)
    opened, closed = asker.changed()
    event(f"opened {min(len(opened), 1)} closed {min(len(closed), 1)}")
    asked = [flow for flow, _ in asker._judged()]
    for expected, told in ((opened, True), (closed, False)):
        changes = [one for one in found.changes if one.opened is told]
        said = {flow for flow in asked if any(holds(one, flow) for one in changes)}
        assert said == expected, (told, sorted(map(str, said ^ expected))[:5])


@settings(max_examples=40, suppress_health_check=SLOW, deadline=None)
@given(cases(count=0), st.booleans())
def test_a_cluster_does_not_differ_from_itself(case: Case, inline: bool) -> None:
    assert not diff(emitted(case, inline=inline), emitted(case, inline=inline))


@settings(max_examples=40, suppress_health_check=SLOW, deadline=None)
@given(cases(count=0))
def test_other_text_of_the_same_meaning_changes_no_flow(case: Case) -> None:
    assert not diff(emitted(case), emitted(case, inline=True)).changes


@settings(max_examples=40, suppress_health_check=SLOW, deadline=None)
@given(st.one_of(pairs(), st.tuples(cases(count=0), cases(count=0))))
def test_what_one_way_opens_the_other_closes(pair: tuple[Case, Case]) -> None:
    old, new = (emitted(case) for case in pair)
    there, back = diff(old, new), diff(new, old)
    assert _ends(there, opened=True) == _ends(back, opened=False)
    assert _ends(there, opened=False) == _ends(back, opened=True)
    assert (there.came, there.went) == (back.went, back.came)


def _ends(found: Difference, *, opened: bool) -> set[tuple[object, ...]]:
    return {
        (one.way, one.source.nodes, one.source.addresses, one.destination.nodes, one.destination.addresses, one.ports)
        for one in found.changes
        if one.opened is opened
    }
