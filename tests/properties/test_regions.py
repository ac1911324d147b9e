"""Two readings of a ruleset agree on every packet: by sets of packets and their fates, and one packet at a time."""

from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netpolicy.packet.addresses import Family
from netpolicy.packet.flowset import FlowSet
from netpolicy.packet.packets import Packet, State, describe
from netpolicy.targets.iptables import rules as r
from netpolicy.targets.iptables.decide import decide
from tests.compiling import compiled, rulesets
from tests.draws import pick
from tests.regions import Context, fates, placed, whole
from tests.strategies import Case, cases

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
FURTHER = ("a", "b", "c")
ADDRESSES = (8, 9, 10, 11, 13)
PORTS = (0, 3, 4, 5, 768, 772)
CARDS = ("eth0", "eth1", "lo")
SET = ((9, 9), (11, 12))


def agree(ruleset: r.Ruleset, found: dict[str, FlowSet], packet: Packet) -> None:
    """The packet is in the set of one fate only, the one that it meets."""
    _, member = placed(packet)
    met = [fate.partition(":")[0] for fate, packets in found.items() if member in packets]
    decision = decide(ruleset, packet)
    assert met == [decision.verdict.value], f"{describe(packet)}\n{decision.why}\n{ruleset}"


# Compiled policies.


@settings(max_examples=60, suppress_health_check=SLOW)
@given(cases(count=15), st.booleans())
def test_of_compiled_policies(case: Case, inline: bool) -> None:
    pipeline = compiled({"cluster.yaml": case.cluster_text, "policy.netpol": case.policy_text}, inline=inline)
    loaded = rulesets(pipeline)
    cards = {node.name: {card.name for card in node.interfaces} for node in case.cluster.nodes}
    for node, packet in case.packets:
        # Such a packet is judged by its translated destination, which no set tells.
        if packet.dnat and packet.in_interface not in cards[node] and packet.out_interface in cards[node]:
            continue
        context, _ = placed(packet)
        agree(loaded[node], fates(loaded[node], packet.family, context), packet)


# Any chains, with every match and target that a ruleset may have.


@st.composite
def chains(draw: st.DrawFn, hook: str) -> tuple[r.Chain, ...]:
    """A built-in chain with three more behind it; none leads back to one before it."""
    names = (hook, *FURTHER)
    found = []
    for place, name in enumerate(names):
        rules = [draw(any_rule(hook, names[place + 1 :])) for _ in range(draw(st.integers(0, 4)))]
        found.append(r.Chain(name, tuple(rules), "" if place else pick(draw, ("ACCEPT", "DROP"))))
    return tuple(found)


@st.composite
def any_rule(draw: st.DrawFn, hook: str, further: tuple[str, ...]) -> r.Rule:
    plain: tuple[r.Target, ...] = (r.Return(), r.Drop(), r.Accept(), r.Reject("tcp-reset"), r.Log("x"), r.Mark())
    ways = [way for name in further for way in (r.Jump(name), r.Goto(name))] * 2
    target = pick(draw, (*plain, *ways))
    asked = [pick(draw, matches(hook, draw(st.booleans()))) for _ in range(draw(st.integers(0, 2)))]
    return r.Rule((*asked, r.Limit("1/sec")) if isinstance(target, r.Log) else tuple(asked), target)


def matches(hook: str, negated: bool) -> list[r.Match]:
    """Every kind of match that a set of the hook's packets tells."""
    originals = [
        r.OriginalPort((4, 5), negated),
        r.OriginalDestination(10, 31, negated),
        r.OriginalProtocol(6, negated),
    ]
    kinds = [r.IcmpIs(3, None, negated), r.IcmpIs(3, 4, negated)]
    found: list[r.Match] = [*(kinds if hook == "INPUT" else originals)]
    for side in r.Side if hook == "INPUT" else (r.Side.SOURCE,):
        found += [r.Network(side, 10, length, negated) for length in (0, 31, 32)]
        found += [r.AddressRange(side, 9, 11, negated), r.InSet(side, "s", negated)]
        found += [r.PortIn(side, ports, negated) for ports in (((0, 4),), ((3, 3), (772, 65535)))]
    found += [r.Interface(side, name, negated) for side in r.Side for name in ("eth0", "eth+", "+")]
    found += [r.ProtocolIs(number, negated) for number in (0, 6, 1, 47)]
    found += [
        r.StateIn(frozenset(states), negated) for states in (["NEW"], ["INVALID", "DNAT"], ["ESTABLISHED", "SNAT"])
    ]
    return found


@st.composite
def any_contexts(draw: st.DrawFn, hook: str) -> Context:
    card, port, state = pick(draw, CARDS), pick(draw, PORTS), pick(draw, tuple(State))
    if hook == "INPUT":
        return Context(card, state=state, source_port=port)
    return Context(card, pick(draw, CARDS), state, port, dnat=True)


def members() -> Iterator[Packet]:
    """Packets at all edges that the matches have."""
    wires = [(protocol, port) for protocol in (6, 33, 1) for port in PORTS]
    for source, destination, wire in product(ADDRESSES, ADDRESSES, (*wires, (58, 0), (47, 0))):
        yield Packet(Family.V4, source, destination, *wire)


def ruleset_of(built: tuple[r.Chain, ...]) -> r.Ruleset:
    return r.Ruleset(
        r.Table(Family.V4, built), r.Table(Family.V6, ()), (r.AddressList("s", Family.V4, "hash:ip", SET),)
    )


CONTEXTS = [
    Context("eth0", source_port=4),
    Context("eth1", state=State.INVALID, source_port=3),
    Context("lo", "eth0", source_port=772, dnat=True),
    Context("eth0", "lo", State.ESTABLISHED, dnat=True),
]


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("negated", [False, True])
def test_of_every_match(context: Context, negated: bool) -> None:
    for match in matches(context.hook, negated):
        ruleset = ruleset_of((r.Chain(context.hook, (r.Rule((match,), r.Drop()),), "ACCEPT"),))
        found = fates(ruleset, Family.V4, context)
        for member in members():
            agree(ruleset, found, context.packet(member))


@settings(max_examples=80)
@given(st.data(), st.sampled_from(["INPUT", "FORWARD"]))
def test_of_any_chains(data: st.DataObject, hook: str) -> None:
    ruleset = ruleset_of(data.draw(chains(hook)))
    context = data.draw(any_contexts(hook))
    found = fates(ruleset, Family.V4, context)
    for member in members():
        agree(ruleset, found, context.packet(member))
    # No packet is lost, and none is in two places.
    assert FlowSet.union_all(found.values()) == whole(Family.V4)
    assert sum(packets.size() for packets in found.values()) == whole(Family.V4).size()
