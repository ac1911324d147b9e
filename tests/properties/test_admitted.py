"""What a ruleset admits as a set of packets is what `decide` says of each packet, whatever the chains and matches."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from netpolicy.packet.addresses import FAMILIES, Family
from netpolicy.packet.diagram import FALSE, intersection, union
from netpolicy.packet.grid import Atoms, Grid
from netpolicy.packet.intervals import union as in_either
from netpolicy.packet.packets import Packet, State, describe
from netpolicy.packet.packetset import Axis, PacketSet
from netpolicy.targets.iptables import rules as r
from netpolicy.targets.iptables.admitted import HOOKS, address_sets, admitted, judged
from netpolicy.targets.iptables.decide import Verdict, decide
from tests.draws import pick, several

FURTHER = ("a", "b", "c")
ADDRESSES = (8, 9, 10, 11, 13)
PORTS = (0, 3, 4, 5, 768, 772)
CARDS = ("eth0", "eth1", "lo", "e")
TEXTS = ("limit --limit 3/min", "mark --mark 0x1")
MAC = 0x020000000001
SET = ((9, 9), (11, 12))


@st.composite
def rulesets(draw: st.DrawFn) -> r.Ruleset:
    """Every hook of both families, and chains behind them; none leads back to one before it."""
    v4, v6 = (draw(tables(family)) for family in FAMILIES)
    sets = tuple(r.AddressList("s", family, "hash:ip", SET) for family in FAMILIES)
    return r.Ruleset(v4, v6, sets)


@st.composite
def tables(draw: st.DrawFn, family: Family) -> r.Table:
    found = []
    for place, name in enumerate((*HOOKS, *FURTHER)):
        further = (*HOOKS, *FURTHER)[max(place + 1, len(HOOKS)) :]
        rules = [draw(any_rule(family, further)) for _ in range(draw(st.integers(0, 4)))]
        policy = pick(draw, ("ACCEPT", "DROP")) if name in HOOKS else ""
        found.append(r.Chain(name, tuple(rules), policy))
    return r.Table(family, tuple(found))


@st.composite
def any_rule(draw: st.DrawFn, family: Family, further: tuple[str, ...]) -> r.Rule:
    plain: tuple[r.Target, ...] = (r.Return(), r.Drop(), r.Accept(), r.Reject("tcp-reset"), r.Log("x"), r.Mark())
    ways = [way for name in further for way in (r.Jump(name), r.Goto(name))] * 2
    target = pick(draw, (*plain, *ways))
    asked = [pick(draw, matches(family, draw(st.booleans()))) for _ in range(draw(st.integers(0, 2)))]
    return r.Rule((*asked, r.Limit("1/sec")) if isinstance(target, r.Log) else tuple(asked), target)


def matches(family: Family, negated: bool) -> list[r.Match]:
    """Every kind of match."""
    found: list[r.Match] = []
    for side in r.Side:
        found += [r.Network(side, 10, length, negated) for length in (0, family.bits - 1, family.bits)]
        found += [r.AddressRange(side, 9, 11, negated), r.InSet(side, "s", negated)]
        found += [r.PortIn(side, ports, negated) for ports in (((0, 4),), ((3, 3), (772, 65535)))]
        found += [r.Interface(side, name, negated) for name in ("eth0", "eth+", "+")]
    found += [r.ProtocolIs(number, negated) for number in (0, 6, 1, 58, 47)]
    found += [r.IcmpIs(3, None, negated), r.IcmpIs(3, 4, negated)]
    states = (["NEW"], ["INVALID", "DNAT"], ["ESTABLISHED", "SNAT"], ["UNTRACKED"])
    found += [r.StateIn(frozenset(some), negated) for some in states]
    found += [r.OriginalPort((4, 5), negated), r.OriginalProtocol(6, negated)]
    found += [r.OriginalDestination(10, length, negated) for length in (family.bits - 1, family.bits)]
    found += [r.TcpFlags(0x17, 0x02, negated), r.TcpFlags(0x02, 0x00, negated), r.SourceMac(MAC, negated)]
    return [*found, r.Fragment(negated), *(r.Opaque(text, negated) for text in TEXTS)]


@st.composite
def packets(draw: st.DrawFn, family: Family) -> Packet:
    """A packet at the edges of what the matches ask."""
    hook = pick(draw, tuple(HOOKS))
    protocol = pick(draw, (6, 33, 1, 58, 47))
    return Packet(
        family,
        pick(draw, ADDRESSES),
        pick(draw, ADDRESSES),
        protocol=protocol,
        port=pick(draw, PORTS),
        source_port=pick(draw, PORTS),
        in_interface="" if hook == "OUTPUT" else pick(draw, CARDS),
        out_interface="" if hook == "INPUT" else pick(draw, CARDS),
        state=pick(draw, tuple(State)),
        dnat=draw(st.booleans()),
        original_destination=pick(draw, (None, *ADDRESSES)),
        original_port=pick(draw, (None, *PORTS)),
        flags=pick(draw, (0x02, 0x12, 0x00, 0x10)),
        mac=pick(draw, (None, MAC, MAC + 1)),
        fragment=draw(st.booleans()),
        holds=frozenset(several(draw, TEXTS, 0, 2)),
        original_protocol=pick(draw, (None, 6, 17)),
        snat=draw(st.booleans()),
    )


def asked_about(draw: st.DataObject, family: Family) -> list[Packet]:
    return [draw.draw(packets(family)) for _ in range(25)]


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_a_packet_is_admitted_exactly_when_decide_allows_it(data: st.DataObject) -> None:
    ruleset = data.draw(rulesets())
    found = admitted(ruleset)
    for packet in (one for family in FAMILIES for one in asked_about(data, family)):
        decision = decide(ruleset, packet)
        assert (packet in found) is (decision.verdict is Verdict.ALLOW), f"{describe(packet)}\n{decision.why}"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_packet_is_lost_and_none_has_two_fates(data: st.DataObject) -> None:
    ruleset = data.draw(rulesets())
    for family, hook in ((family, hook) for family in FAMILIES for hook in HOOKS):
        fates = judged(ruleset, family, hook)
        here = PacketSet.where(family, HOOKS[hook]).of(family)
        apart = (fates.admitted, fates.dropped, fates.rejected)
        assert union(union(*apart[:2]), apart[2]) is here
        assert all(intersection(a, b) is FALSE for a in apart for b in apart if a is not b)
        assert fates.back is FALSE


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_witness_is_decided_as_its_set_says(data: st.DataObject) -> None:
    ruleset = data.draw(rulesets())
    for family, hook in ((family, hook) for family in FAMILIES for hook in HOOKS):
        fates = judged(ruleset, family, hook)
        for verdict, node in (
            (Verdict.ALLOW, fates.admitted),
            (Verdict.DROP, fates.dropped),
            (Verdict.REJECT, fates.rejected),
        ):
            found = PacketSet.only(family, node)
            packet = found.witness()
            assert (packet is None) is (node is FALSE)
            if packet is not None:
                assert packet in found
                assert decide(ruleset, packet).verdict is verdict, describe(packet)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_on_a_grid_it_is_the_same(data: st.DataObject) -> None:
    ruleset = data.draw(rulesets())
    own = tuple(several_of(data, ADDRESSES))
    grids = {family: Grid(family, Atoms.of(family.last, address_sets(ruleset, family)), own) for family in FAMILIES}
    found = admitted(ruleset, grids)
    for packet in (one for family in FAMILIES for one in asked_about(data, family)):
        grid = grids[packet.family]
        original = packet.original_destination
        # A coordinate of the grid is the number of an atom; no original destination is one more than the last.
        placed = replace(
            packet,
            source=grid.number(packet.source),
            destination=grid.number(packet.destination),
            original_destination=grid.last + 1 if original is None else grid.number(original),
        )
        assert (placed in found) is (decide(ruleset, packet).verdict is Verdict.ALLOW), describe(packet)
    # An atom of own addresses alone stands for none: no witness is asked for there.
    ends = (Axis.SOURCE, Axis.DESTINATION, Axis.ORIGINAL_DESTINATION)
    for family, grid in grids.items():
        carried = in_either(grid.every, ((grid.last + 1, grid.last + 1),))
        asked = {axis: carried if axis is Axis.ORIGINAL_DESTINATION else grid.every for axis in ends}
        met = found & PacketSet.where(family, asked, grid)
        assert (met.witness(grids) is None) is (not met)


def several_of(data: st.DataObject, known: tuple[int, ...]) -> list[int]:
    return [one for one in known if data.draw(st.booleans())]
