"""Minimising finds the flows that cover another by blocks; the slow twin looks at every flow that is kept."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from netpolicy.flow.holders import Holders
from netpolicy.flow.minimise import FEW_PORTS, MOST_STATEMENTS, minimise
from netpolicy.flow.model import Effect, Flow
from netpolicy.packet.addresses import EVERYWHERE, FAMILIES, AddressSet
from netpolicy.packet.intervals import Intervals, canonical
from netpolicy.packet.ports import ANY_PORT, PortSet, Protocol

PAIRS = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(lambda pair: (min(pair), max(pair)))
RANGES = st.lists(PAIRS, min_size=1, max_size=7).map(canonical)
NEAR = canonical([(1, 2), (4, 9)])
ADDRESSES = st.one_of(
    st.just(EVERYWHERE), st.just(AddressSet(NEAR, NEAR)), RANGES.map(lambda ranges: AddressSet(ranges, ranges))
)
PORTS = st.one_of(
    st.just(ANY_PORT),
    st.just(PortSet.ports(Protocol.TCP, [(1, 1)])),
    st.just(PortSet.ports(Protocol.TCP, [(1, FEW_PORTS + 1)])),
    st.lists(PAIRS, min_size=1, max_size=3).map(lambda pairs: PortSet.ports(Protocol.TCP, pairs)),
    PAIRS.map(lambda pair: PortSet.ports(Protocol.TCP, [(pair[0], pair[1] + FEW_PORTS)])),
)


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    """A flow as `plan` makes it: all its sides have the same families."""
    families = draw(st.sampled_from([*((one,) for one in FAMILIES), *[FAMILIES] * 3]))
    lost: dict[str, Intervals] = {f"v{family.value}": () for family in FAMILIES if family not in families}
    sources, destinations, ports = draw(ADDRESSES), draw(ADDRESSES), draw(PORTS)
    return Flow(
        effect=draw(st.sampled_from([Effect.ALLOW, Effect.ALLOW, Effect.DENY])),
        sources=replace(sources, **lost),
        destinations=replace(destinations, **lost),
        ports=replace(ports, **lost),
        statements=(draw(st.sampled_from("abcdefghijklmnop")),),
        log=draw(st.sampled_from([*[""] * 9, "5/second"])),
    )


def slowly(given_flows: list[Flow], *, idle_denies: bool) -> tuple[Flow, ...]:
    """What `minimise` answers, in the plainest words."""
    ordered = sorted(given_flows, key=_rank)
    denied = _absorbed([one for one in ordered if one.effect is Effect.DENY])
    allowed = [one for one in ordered if one.effect is Effect.ALLOW and not any(deny.covers(one) for deny in denied)]
    if not idle_denies:
        denied = [deny for deny in denied if deny.log or any(_meet(deny, allow) for allow in allowed)]
    return (*denied, *_absorbed(allowed))


def _rank(flow: Flow) -> tuple[object, ...]:
    sizes = (-flow.sources.size(), -flow.destinations.size(), -flow.ports.size())
    return (not flow.log, *sizes, flow.statements, flow.head, flow.tail)


def _absorbed(ordered: list[Flow]) -> list[Flow]:
    kept: list[Flow] = []
    for flow in ordered:
        wide_first = sorted(range(len(kept)), key=lambda at: kept[at].ports.size() <= FEW_PORTS)
        for at in wide_first if not flow.log else ():
            joined = tuple(sorted({*kept[at].statements, *flow.statements}))
            if kept[at].covers(flow) and len(joined) <= MOST_STATEMENTS:
                kept[at] = replace(kept[at], statements=joined)
                break
        else:
            kept.append(flow)
    return kept


def _meet(one: Flow, other: Flow) -> bool:
    return bool(one.ports & other.ports) and bool(one.destinations & other.destinations and one.sources & other.sources)


@given(st.lists(flows(), max_size=60), st.booleans())
def test_minimise_is_its_slow_twin(given_flows: list[Flow], idle_denies: bool) -> None:
    assert minimise(given_flows, idle_denies=idle_denies) == slowly(given_flows, idle_denies=idle_denies)


def test_equal_flows_carry_as_many_statements_as_fit() -> None:
    one = Flow(Effect.ALLOW, EVERYWHERE, EVERYWHERE, ANY_PORT, ())
    alike = [replace(one, statements=(f"{at:02}",)) for at in range(2 * MOST_STATEMENTS + 1)]
    assert [len(flow.statements) for flow in minimise(alike)] == [MOST_STATEMENTS, MOST_STATEMENTS, 1]
    assert minimise(alike) == slowly(alike, idle_denies=True)


def test_few_flows_are_looked_at_for_each_flow() -> None:
    """Were each compared with all that are kept, many different statements would take many minutes."""
    ports, holders = PortSet.ports(Protocol.TCP, [(22, 22)]), Holders()
    networks = [AddressSet(v4=((at << 8, at << 8 | 255),)) for at in range(100)]
    for at, network in enumerate(networks):
        holders.add(Flow(Effect.ALLOW, network, EVERYWHERE, ports, ()), at)
    for at, network in enumerate(networks):
        assert holders.of(Flow(Effect.ALLOW, network, EVERYWHERE, ports, ())) == [at]


def test_a_flow_of_many_ports_takes_statements_before_one_of_few() -> None:
    """What has few ports is wanted alone, with a counter of its own."""
    near, one = AddressSet(((1, 9),)), AddressSet(((3, 3),))
    few = Flow(Effect.ALLOW, EVERYWHERE, EVERYWHERE, PortSet.ports(Protocol.TCP, [(1, FEW_PORTS)]), ("few",))
    many = Flow(Effect.ALLOW, near, EVERYWHERE, PortSet.ports(Protocol.TCP, [(1, FEW_PORTS + 1)]), ("many",))
    narrow = Flow(Effect.ALLOW, one, EVERYWHERE, PortSet.ports(Protocol.TCP, [(1, 1)]), ("narrow",))
    flows = [replace(flow, ports=replace(flow.ports, v6=())) for flow in (few, many, narrow)]
    assert [flow.statements for flow in minimise(flows)] == [("few",), ("many", "narrow")]


def test_a_flow_is_found_by_its_own_sides() -> None:
    sides = [AddressSet(((at, at),), ((at, at),)) for at in (1, 9)]
    ports = PortSet.ports(Protocol.TCP, [(22, 22)])
    there, back = (Flow(Effect.ALLOW, one, other, ports, ()) for one, other in (sides, sides[::-1]))
    holders = Holders()
    holders.add(there, 0)
    assert (holders.of(there), holders.of(back)) == ([0], [])
    six = replace(there, sources=AddressSet((), sides[0].v6), destinations=AddressSet((), sides[1].v6))
    assert holders.of(replace(six, ports=PortSet((), ports.v6))) == [0]
    assert holders.of(replace(there, sources=AddressSet())) == []


def test_a_flow_of_many_ranges_is_found_by_the_first_of_all_its_packets() -> None:
    ports = PortSet.ports(Protocol.TCP, [(22, 22)])
    scattered = ((127, 128), (130, 130), (132, 132), (134, 134), (136, 136))
    holders = Holders()
    holders.add(Flow(Effect.ALLOW, AddressSet(scattered), EVERYWHERE, ports, ()), 0)
    for at in (127, 128, 136):
        assert holders.of(Flow(Effect.ALLOW, AddressSet(((at, at),)), EVERYWHERE, ports, ())) == [0]
