"""Random iptables rules of every match and target that can be emitted, as values."""

from __future__ import annotations

from hypothesis import strategies as st

from netpolicy.packet.addresses import Family
from netpolicy.packet.intervals import Intervals, canonical
from netpolicy.targets.iptables import rules as r
from netpolicy.targets.iptables.normal import BUILT_IN, normal, normal_table, rate_period
from netpolicy.targets.iptables.options import REJECT_WITH
from tests.draws import pick, several

SETS = {Family.V4: ("np4-a", "np4-b"), Family.V6: ("np6-a", "np6-b")}
PORT_EDGES = (0, 1, 22, 80, 443, 32768, 65534, 65535)
ALWAYS: Intervals = ((0, 65535),)
MANY_PORTS = (33, 136)  # dccp and udplite, which only multiport can read
TCP = 6
DAY = 24 * 3600 * 10_000  # in the kernel's ticks
# All that iptables can hold in a text: quotes, backslashes and blanks, but no line end.
TEXTS = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")) | st.sampled_from("\"'\\!- "), min_size=1)


@st.composite
def tables(draw: st.DrawFn, family: Family) -> r.Table:
    """A filter table: a jump into our chain, and random rules in two chains that lead to a third."""
    rules = draw(st.lists(rules_of(family), min_size=6, max_size=14))
    more = draw(st.lists(rules_of(family), max_size=6))
    drop = r.Rule((), r.Drop(), "np:default")
    chains = [r.Chain(name, (), pick(draw, ("ACCEPT", "DROP"))) for name in BUILT_IN]
    chains[0] = r.Chain("INPUT", (r.Rule((), r.Jump("NETPOLICY-IN")),), chains[0].policy)
    chains += [
        r.Chain("NETPOLICY-IN", (r.Rule((), r.Jump("NP-IN-1")),)),
        r.Chain("NP-IN-1", (*rules, r.Rule((), r.Goto("NP-IN-2")))),
        r.Chain("NP-IN-2", (*more, drop)),
        r.Chain("NP-END", (drop,)),
    ]
    return normal_table(r.Table(family, tuple(chains)))


@st.composite
def rules_of(draw: st.DrawFn, family: Family) -> r.Rule:
    """A rule that the tools take and print back as it is."""
    matches: list[r.Match] = []
    for side in r.Side:
        matches += [_network(draw, family, side)] if _one_in(draw, 3) else []
        matches += [_interface(draw, side)] if _one_in(draw, 5) else []
        matches += [_range(draw, family, side)] if _one_in(draw, 6) else []
        matches += [r.InSet(side, pick(draw, SETS[family]), draw(st.booleans()))] if _one_in(draw, 4) else []
    matches += _protocol(draw, family)
    matches += _conntrack(draw, family)
    target = _target(draw, family, matches)
    if isinstance(target, r.Log) and draw(st.booleans()):
        rate = f"{draw(st.integers(1, 90))}/{pick(draw, ('sec', 'min', 'hour', 'day'))}"
        # The kernel keeps no burst that takes more than a day to come back.
        most = DAY // (rate_period(rate) or DAY)
        matches.append(r.Limit(rate, draw(st.integers(1, min(most, 10_000)))))
    return r.Rule(normal(matches), target, _text(draw, 100) if draw(st.booleans()) else "")


def _one_in(draw: st.DrawFn, many: int) -> bool:
    return draw(st.integers(1, many)) == many


def _text(draw: st.DrawFn, last: int) -> str:
    return draw(TEXTS).encode()[:last].decode(errors="ignore") or "x"


def _address(draw: st.DrawFn, family: Family) -> int:
    return draw(st.integers(0, (1 << family.bits) - 1))


def _network(draw: st.DrawFn, family: Family, side: r.Side) -> r.Network:
    length = draw(st.integers(1, family.bits) | st.just(family.bits))
    host = family.bits - length
    return r.Network(side, _address(draw, family) >> host << host, length, draw(st.booleans()))


def _interface(draw: st.DrawFn, side: r.Side) -> r.Interface:
    return r.Interface(
        side, pick(draw, ("lo", "eth0", "eth+", "a", "a23456789012345", "veth.10+")), draw(st.booleans())
    )


def _range(draw: st.DrawFn, family: Family, side: r.Side) -> r.AddressRange:
    first, last = sorted((_address(draw, family), _address(draw, family)))
    return r.AddressRange(side, first, last, draw(st.booleans()))


def _ports(draw: st.DrawFn, most: int) -> Intervals:
    port = st.sampled_from(PORT_EDGES) | st.integers(0, 65535)
    pairs = draw(st.lists(st.tuples(port, port), min_size=1, max_size=most))
    return canonical((min(pair), max(pair)) for pair in pairs)


def _protocol(draw: st.DrawFn, family: Family) -> list[r.Match]:
    kinds = ["none", "number", "ports", "ports", "icmp", "ah" if family is Family.V6 else "number"]
    match pick(draw, kinds):
        case "number":
            banned = (0, 43, 44, 51, 60) if family is Family.V6 else (0,)
            number = draw(st.integers(1, 255).filter(lambda number: number not in banned))
            return [r.ProtocolIs(number, draw(st.booleans()))]
        case "ports":
            return _with_ports(draw)
        case "icmp":
            code = draw(st.none() | st.integers(0, 254))
            kind = r.IcmpIs(draw(st.integers(0, 254)), code, draw(st.booleans()))
            return [r.ProtocolIs(1 if family is Family.V4 else 58), kind]
        case "ah":
            return [r.ProtocolIs(51)]
        case _:
            return []


def _with_ports(draw: st.DrawFn) -> list[r.Match]:
    number = pick(draw, (6, 17, 132, *MANY_PORTS))
    found: list[r.Match] = [r.ProtocolIs(number)]
    for side in several(draw, tuple(r.Side), 1, 2):
        ports = _ports(draw, pick(draw, (1, 7)))
        if len(ports) > 1 or (number not in MANY_PORTS and ports != ALWAYS):
            found.append(r.PortIn(side, ports, draw(st.booleans())))
    return found


def _conntrack(draw: st.DrawFn, family: Family) -> list[r.Match]:
    found: list[r.Match] = []
    if _one_in(draw, 3):
        states = several(draw, ("NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED", "SNAT", "DNAT"), 1, 4)
        found.append(r.StateIn(frozenset(states), draw(st.booleans())))
    if _one_in(draw, 6):
        found.append(r.OriginalPort(_ports(draw, 1)[0], draw(st.booleans())))
    if _one_in(draw, 6):
        place = _network(draw, family, r.Side.DESTINATION)
        found.append(r.OriginalDestination(place.network, place.length, place.negated))
    if _one_in(draw, 6):
        found.append(r.OriginalProtocol(draw(st.integers(1, 255)), draw(st.booleans())))
    return found


def _target(draw: st.DrawFn, family: Family, matches: list[r.Match]) -> r.Target:
    kinds = ["return", "drop", "reject", "jump", "goto", "log", "mark"]
    match pick(draw, kinds):
        case "drop":
            return r.Drop()
        case "reject":
            return r.Reject(pick(draw, REJECT_WITH[family][: None if r.ProtocolIs(TCP) in matches else -1]))
        case "jump":
            return r.Jump("NP-END")
        case "goto":
            return r.Goto("NP-END")
        case "log":
            return r.Log(_text(draw, 29))
        case "mark":
            return r.Mark()
        case _:
            return r.Return()
