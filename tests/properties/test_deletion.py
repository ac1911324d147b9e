"""No emitted rule can be lost unnoticed: without it some packet meets another fate than the policy says.

Exact: a rule counts as idle only if the fates of all packets, as sets, are the same without it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from netpolicy.data import folder
from netpolicy.packet.addresses import EVERYWHERE, FAMILIES, AddressSet, Family
from netpolicy.packet.flowset import EMPTY, FlowSet
from netpolicy.packet.packets import Packet, State, describe
from netpolicy.packet.ports import ANY_PORT, VALUE_BITS, VALUE_LAST
from netpolicy.pipeline import Pipeline
from netpolicy.policy.cluster import Node
from netpolicy.policy.model import Refuse
from netpolicy.policy.selectors import address_set
from netpolicy.targets.iptables.decide import Decision, decide
from netpolicy.targets.iptables.rules import Jump, Log, Mark, Reject, Return, Rule, Ruleset
from tests.compiling import compiled, read_back
from tests.probes import KNOWN_WIRES, STRAY
from tests.regions import WITH_PORTS, Context, Place, Walk, box, fates, walk
from tests.specification import ICMP, Specification

GOLDEN = Path(__file__).parents[1] / "golden"
SHIPPED = ("three", "twenty")
STRANGE = "docker0"
UNREACHABLE = {Family.V4: "reject:icmp-port-unreachable", Family.V6: "reject:icmp6-port-unreachable"}

# Rules that may go unnoticed, of all classes and both families of a case, and why.
COUNTS = "only logs or counts"
HOW = "decides only how the packet is refused"
TWICE_ADMITTED = "admits what a rule before or behind it admits"
NEVER_MET = "refuses what never comes there"
TWICE_REFUSED = "refuses what would be refused in the same way"
EMPTY_CHAIN = "leads to a chain that decides nothing"
IDLE: dict[str, dict[str, int]] = {
    "three": {COUNTS: 6, NEVER_MET: 6, EMPTY_CHAIN: 6},
    "twenty": {COUNTS: 16, NEVER_MET: 16, EMPTY_CHAIN: 16},
    "everything": {COUNTS: 86, HOW: 50, TWICE_ADMITTED: 16, NEVER_MET: 18, TWICE_REFUSED: 8},
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A node with its ruleset, and what the policy says of it."""

    node: Node
    ruleset: Ruleset
    specification: Specification
    refuse: Refuse
    elsewhere: AddressSet
    """The addresses of all other nodes."""

    def walks(self, family: Family) -> list[Walk]:
        """The ways of all packets that may be asked about, a context each."""
        cards = [card.name for card in self.node.interfaces]
        return [walk(self.ruleset, family, one, self.asked(family, one)) for one in contexts(cards)]

    def asked(self, family: Family, context: Context) -> FlowSet:
        """The packets that the node can meet: nobody sends it what is another's, nor does it send as another."""
        whole, here = EVERYWHERE.of(family), (~self.elsewhere).of(family)
        coming, translated = context.hook == "INPUT", context.dnat
        sources, destinations = (whole if coming or translated else here), (here if coming else whole)
        return box(family, sources, destinations, ANY_PORT.of(family))

    def fate(self, packet: Packet) -> str:
        """What the policy says becomes of the packet."""
        if self.specification.admits(self.node.name, packet):
            return "allow"
        # An answer for an address that the node does not own would be a lie.
        astray = not packet.out_interface and (packet.family, packet.destination) not in self.node.addresses
        if self.refuse is Refuse.DROP or packet.state is State.INVALID or astray:
            return "drop"
        return "reject:tcp-reset" if packet.protocol == 6 else UNREACHABLE[packet.family]


def contexts(cards: list[str]) -> Iterator[Context]:
    """All that a set does not tell, one thing changed at a time from a usual packet of each kind."""
    came, left = Context(in_interface=cards[0]), Context(out_interface=cards[0])
    published, passing = Context(cards[0], STRANGE, dnat=True), Context(STRANGE, cards[0])
    for base in (came, left, published, passing):
        # What has no connection was never translated.
        without = (State.INVALID, State.UNTRACKED) if base.dnat else ()
        yield from (replace(base, state=state) for state in State if state not in without)
    for card in (*cards[1:], STRANGE):
        yield from (replace(base, in_interface=card) for base in (came, published))
        yield from (replace(base, out_interface=card) for base in (left, passing))
    yield from (replace(came, in_interface="lo"), replace(left, out_interface="lo"))
    yield replace(passing, in_interface=cards[0])
    for port in (67, 68, 546, 547):
        yield from (replace(came, source_port=port), replace(left, source_port=port))


def pipeline_of(case: str) -> Pipeline:
    if case in SHIPPED:
        return compiled({"cluster.yaml": (folder("rules") / "clusters" / f"{case}.yaml").read_text(encoding="utf-8")})
    home = GOLDEN / case
    return compiled({name: (home / name).read_text(encoding="utf-8") for name in ("cluster.yaml", "policy.netpol")})


@cache
def loaded(case: str) -> tuple[Loaded, ...]:
    """The first node of every class."""
    pipeline = pipeline_of(case)
    policy = pipeline.policy
    assert policy is not None
    nodes = {node.name: node for node in policy.cluster.nodes}
    specification = Specification(pipeline.files, policy.cluster)
    found = []
    for built, _ in pipeline.built():
        node = nodes[built.node_class.members[0]]
        elsewhere = policy.nodes - address_set(node.addresses)
        found.append(Loaded(node, read_back(built), specification, policy.refuse, elsewhere))
    return tuple(found)


# Every rule.


@pytest.mark.parametrize("case", IDLE)
def test_without_any_rule_some_packet_meets_another_fate(case: str) -> None:
    idle: Counter[str] = Counter()
    for one, family in ((one, family) for one in loaded(case) for family in FAMILIES):
        walks = one.walks(family)
        for chain in one.ruleset.table(family).chains:
            for at, rule in enumerate(chain.rules):
                told = f"{one.node.name}: {chain.name}: {rule}"
                shorter = without(one.ruleset, family, (chain.name, at))
                # What logs or counts lets every packet go on, so there is nothing to look for.
                passes = isinstance(rule.target, Log | Mark)
                lost = None if passes else loss(one.ruleset, shorter, walks, (chain.name, at))
                if lost is None:
                    idle[reason(rule, any((chain.name, at) in way.met for way in walks))] += 1
                    assert case not in SHIPPED or not isinstance(rule.target, Return), told
                    continue
                idle[HOW] += not lost.of_admission
                said = one.fate(lost.packet)
                assert fate(decide(one.ruleset, lost.packet)) == said, f"{told}\n{describe(lost.packet)}"
                assert fate(decide(shorter, lost.packet)) != said, f"{told}\n{describe(lost.packet)}"
    assert +idle == IDLE[case]


def without(ruleset: Ruleset, family: Family, place: Place) -> Ruleset:
    """The ruleset that lacks one rule."""
    table, (name, at) = ruleset.table(family), place
    chains = tuple(
        replace(chain, rules=chain.rules[:at] + chain.rules[at + 1 :]) if chain.name == name else chain
        for chain in table.chains
    )
    shorter = replace(table, chains=chains)
    return replace(ruleset, v4=shorter) if family is Family.V4 else replace(ruleset, v6=shorter)


@dataclass(frozen=True, slots=True)
class Loss:
    """A packet that meets another fate without a rule; `of_admission` if it is admitted in one of the two."""

    packet: Packet
    of_admission: bool


def loss(ruleset: Ruleset, shorter: Ruleset, walks: list[Walk], place: Place) -> Loss | None:
    """A packet that is admitted with or without the rule only, else one refused in another way; None proves it idle."""
    refused = None
    for way in walks:
        # A packet that the rule does not hold for goes the same way without it.
        packets = way.met.get(place, EMPTY)
        if not packets:
            continue
        before, after = (fates(each, way.family, way.context, packets) for each in (ruleset, shorter))
        opened, closed = (
            one.get("allow", EMPTY) - other.get("allow", EMPTY) for one, other in ((after, before), (before, after))
        )
        if witness := (opened | closed).witness():
            return Loss(way.context.packet(witness), True)
        moved = FlowSet.union_all(found - after.get(fate, EMPTY) for fate, found in before.items())
        if refused is None and (witness := moved.witness()):
            refused = Loss(way.context.packet(witness), False)
    return refused


def reason(rule: Rule, is_met: bool) -> str:
    """Why the fates are the same without the rule."""
    match rule.target:
        case Log() | Mark():
            return COUNTS
        case Return():
            return TWICE_ADMITTED
        case Jump():
            return EMPTY_CHAIN
        case _:
            return TWICE_REFUSED if is_met else NEVER_MET


def fate(decision: Decision) -> str:
    """The verdict in the words of a fate."""
    last = decision.why[-1].rule
    if last is not None and isinstance(last.target, Reject):
        return f"reject:{last.target.how}"
    return decision.verdict.value


# Every region.


@pytest.mark.parametrize("case", IDLE)
def test_the_corners_of_every_region_are_judged_as_the_policy_says(case: str) -> None:
    for one, family in ((one, family) for one in loaded(case) for family in FAMILIES):
        seen: set[tuple[str, str, FlowSet]] = set()
        for way in one.walks(family):
            for met, packets in way.fates.items():
                # A region seen before, in another context of the hook, is tried by one packet of each box.
                all_corners = (way.context.hook, met, packets) not in seen
                seen.add((way.context.hook, met, packets))
                for corner in corners(packets, all_corners):
                    packet = way.context.packet(corner)
                    told = f"{one.node.name}: {describe(packet)}"
                    assert fate(decide(one.ruleset, packet)) == met, told
                    assert one.fate(packet) == met, told


@pytest.mark.parametrize("case", IDLE)
def test_what_every_policy_opens_is_open(case: str) -> None:
    for one, family in ((one, family) for one in loaded(case) for family in FAMILIES):
        _, broadcast, neighbour, _ = STRAY[family]
        usual = [context for context in contexts([card.name for card in one.node.interfaces]) if not context.dnat]
        for context, known in ((context, known) for context in usual for known in KNOWN_WIRES[family]):
            packet = context.packet(Packet(family, neighbour, broadcast, known.protocol, known.port))
            assert fate(decide(one.ruleset, packet)) == one.fate(packet), f"{one.node.name}: {describe(packet)}"


def corners(packets: FlowSet, all_corners: bool) -> set[Packet]:
    """The first packet of every box, and perhaps, from there, both ends of every interval of each dimension."""
    found: set[Packet] = set()
    for family, *sides in packets.boxes():
        first = [side[0][0] for side in sides]
        points = [first]
        for at, side in enumerate(sides if all_corners else ()):
            points += [[*first[:at], end, *first[at + 1 :]] for pair in side for end in pair]
        found |= {Packet(family, source, destination, *wire(family, key)) for source, destination, key in points}
    return found


def wire(family: Family, key: int) -> tuple[int, int]:
    """Protocol and port of a key; only some protocols have ports."""
    protocol, value = key >> VALUE_BITS, key & VALUE_LAST
    return protocol, value if protocol in (*WITH_PORTS, ICMP[family]) else 0
