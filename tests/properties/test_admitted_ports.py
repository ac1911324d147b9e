"""The ports that a ruleset is said to admit are those that `decide` lets in, and no others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from hypothesis import HealthCheck, given, settings

from netpolicy.packet.addresses import FAMILIES, AddressSet, Family
from netpolicy.packet.flowset import EMPTY, FlowSet
from netpolicy.packet.intervals import contains
from netpolicy.packet.packets import Packet, State, describe
from netpolicy.packet.ports import PortSet
from netpolicy.targets.iptables.admitted_ports import Admission, admitted_ports, published_ports
from netpolicy.targets.iptables.decide import PROTOCOLS_WITH_PORTS, Decision, Verdict, decide
from netpolicy.targets.iptables.rules import Return, Ruleset
from tests.compiling import compiled, rulesets
from tests.regions import Context, box, fates
from tests.strategies import Case, cases

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
# Others, and servers of DHCP.
SOURCE_PORTS = (40000, 67, 547)
CARDS = ("eth0", "eth1", "docker0")
PORTED = PortSet.union_all([PortSet.protocol(number) for number in PROTOCOLS_WITH_PORTS])


def loaded(case: Case, *, inline: bool) -> dict[str, Ruleset]:
    return rulesets(compiled({"cluster.yaml": case.cluster_text, "policy.netpol": case.policy_text}, inline=inline))


def is_admitted(found: Iterable[Admission], packet: Packet, destination: int, port: int) -> bool:
    """True when the packet is told as admitted."""
    return any(
        one.protocol == packet.protocol
        and contains(one.ports, port)
        and contains(one.destinations, destination)
        and contains(one.sources, packet.source)
        for one in found
    )


def gets_in(ruleset: Ruleset, packet: Packet) -> list[Decision]:
    """The decisions by which the packet gets in, from some source port and by some interface."""
    ways = (
        replace(packet, source_port=port, in_interface=card)
        for port in SOURCE_PORTS
        for card in {*CARDS, packet.in_interface}
    )
    decisions = (decide(ruleset, way) for way in ways)
    return [one for one in decisions if one.verdict is Verdict.ALLOW]


def let_on(decision: Decision) -> str:
    """The comment of the last rule that let the packet go on."""
    rules = [step.rule for step in decision.why if step.rule is not None]
    return next((rule.comment for rule in reversed(rules) if isinstance(rule.target, Return)), "")


def corners(one: Admission) -> Iterator[Packet]:
    """Packets at the edges of what is told as admitted."""
    for ports in one.ports:
        for port in set(ports):
            for destination in (one.destinations[0][0], one.destinations[-1][1]):
                for source in (one.sources[0][0], one.sources[-1][1]):
                    yield Packet(one.family, source, destination, one.protocol, port, 40000, in_interface="eth0")


def beside(packet: Packet) -> Iterator[Packet]:
    """The packet with one thing a step aside."""
    last = packet.family.last
    for step in (-1, 1):
        yield replace(packet, port=min(max(packet.port + step, 0), 0xFFFF))
        yield replace(packet, source=min(max(packet.source + step, 0), last))
        yield replace(packet, destination=min(max(packet.destination + step, 0), last))
    yield replace(packet, protocol=6 if packet.protocol != 6 else 17)


def agree(ruleset: Ruleset, found: Iterable[Admission], packet: Packet) -> None:
    told = is_admitted(found, packet, packet.destination, packet.port)
    decisions = gets_in(ruleset, packet)
    assert told is bool(decisions), f"{describe(packet)}: {told=} {decisions=}"


@settings(max_examples=50, suppress_health_check=SLOW)
@given(cases())
def test_a_port_is_told_as_admitted_if_and_only_if_it_is(case: Case) -> None:
    """For the packets of the case, and for those at the edges of all that is told."""
    rules = loaded(case, inline=False)
    told = {id(one): {of: admitted_ports(one, of) for of in FAMILIES} for one in rules.values()}
    for node, packet in case.packets:
        incoming = packet.in_interface not in ("", "lo") and not packet.out_interface
        if incoming and packet.state is State.NEW and packet.protocol in PROTOCOLS_WITH_PORTS:
            agree(rules[node], told[id(rules[node])][packet.family], packet)
    for ruleset in {id(one): one for one in rules.values()}.values():
        for found in told[id(ruleset)].values():
            for one in found[:6]:
                for packet in corners(one):
                    by = {let_on(each) for each in gets_in(ruleset, packet)}
                    comment = "np:baseline" if one.is_baseline else f"np:{','.join(one.statements)}"
                    assert comment in by, f"{describe(packet)}: {by}"
                for packet in beside(next(corners(one))):
                    agree(ruleset, found, packet)


def told_set(found: Iterable[Admission]) -> FlowSet:
    ports = ((one, PortSet.ports(one.protocol, one.ports).of(one.family)) for one in found)
    return FlowSet.union_all([box(one.family, one.sources, one.destinations, keys) for one, keys in ports])


def ported(family: Family) -> FlowSet:
    whole = AddressSet.whole(family)
    return box(family, whole, whole, PORTED.of(family))


@settings(max_examples=30, suppress_health_check=SLOW)
@given(cases(count=0))
def test_nothing_is_told_twice_or_left_out(case: Case) -> None:
    """As sets: what a walk by other code through every chain lets pass, in every context. Boxes do not overlap."""
    for inline in (False, True):
        for ruleset in {id(one): one for one in loaded(case, inline=inline).values()}.values():
            for family in FAMILIES:
                allowed = [
                    fates(ruleset, family, Context(in_interface=card, source_port=port)).get("allow", EMPTY)
                    for port in SOURCE_PORTS
                    for card in ("eth0", "docker0")
                ]
                found = admitted_ports(ruleset, family)
                assert told_set(found) == FlowSet.union_all(allowed) & ported(family)
                for place, one in enumerate(found):
                    for other in found[place + 1 :]:
                        apart = one.statements != other.statements or one.is_baseline != other.is_baseline
                        assert apart or not (told_set([one]) & told_set([other]))


@settings(max_examples=40, suppress_health_check=SLOW)
@given(cases())
def test_a_published_port_is_told_if_and_only_if_a_statement_lets_it_through(case: Case) -> None:
    rules = loaded(case, inline=False)
    for node, packet in case.packets:
        if packet.dnat and packet.state is State.NEW and packet.protocol in PROTOCOLS_WITH_PORTS:
            assert packet.original_destination is not None and packet.original_port is not None
            found = published_ports(rules[node], packet.family)
            told = is_admitted(found, packet, packet.original_destination, packet.original_port)
            by = {let_on(one) for one in gets_in(rules[node], packet)} - {"", "np:baseline", "np:default"}
            assert told is bool(by), f"{describe(packet)}: {told=} {by=}"
