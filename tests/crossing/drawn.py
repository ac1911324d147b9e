"""Random rulesets whose matches hit what crosses: text for the tools, and the value that the text means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import strategies as st

from netpolicy.packet.addresses import address_text, network_text, networks
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.intervals import canonical
from netpolicy.packet.packets import ICMP_OF
from netpolicy.targets.iptables import rules as r
from netpolicy.targets.iptables.normal import BUILT_IN
from netpolicy.targets.iptables.options import REJECT_WITH
from netpolicy.targets.iptables.render import rule_text
from tests.crossing import places
from tests.crossing.probe import RARE
from tests.crossing.spelled import spelled
from tests.draws import pick, several

PORTS = (0, 1, 21, 22, 23, 79, 80, 81, 443, 444, 8080, 9000, 9003, 9004, 32768, 65534, 65535)
KINDS = {Family.V4: ((8, 0), (0, 0), (3, 3), (3, 4), (5, 1), (11, 0), (13, 0), (17, 0), (40, 7)),
         Family.V6: ((128, 0), (129, 0), (1, 4), (1, 3), (2, 0), (3, 0), (135, 0), (143, 0), (200, 7))}  # fmt: skip
STATES = ("NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED", "DNAT", "SNAT")
MACS = (*places.PEER_MACS, places.INNER_MAC, places.PEER_MACS[1] + 1)
NUMBERS = (6, 17, 132, 50, 47, 99, 100)
CARDS = ("eth1", "eth10", "docker0", "lo", "eth1+", "eth+", "docker+", "l+", "eth", "eth10+", "+")
OUTSIDE, INSIDE = (*places.PEERS, *places.SIDE_PEERS), places.INNER
EVERYBODY = (*places.OWN["eth1"], *places.OWN["eth10"], *OUTSIDE, *INSIDE, 0x07, 0x14, 0x080B)
FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG")
# Chains behind the built-in ones, each before those that it may lead to. OUTPUT has its own: a rule that asks for an
# Ethernet address is refused wherever OUTPUT leads to.
FURTHER = {"INPUT": ("in-a", "in-b", "all"), "FORWARD": ("in-a", "in-b", "all"), "OUTPUT": ("out-a", "all")}
_BEHIND = {"in-a": ("in-b", "all"), "in-b": ("all",), "out-a": ("all",), "all": ("end",), "end": ()}
_LINES = {"INPUT": (4, 9), "FORWARD": (4, 9), "OUTPUT": (4, 9), "end": (0, 2)}
_WITH_MAC = ("INPUT", "FORWARD", "in-a", "in-b")
_TRACKED = ("state", "state", "original port", "original destination", "original protocol")


Asked = tuple[r.Match, str]
"""A match, and its words where our own printer has none for it."""


@dataclass(frozen=True, slots=True)
class Line:
    """A rule as it is written, and the rules that it stands for."""

    words: str
    rules: tuple[r.Rule, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A ruleset as it is written and as it is meant."""

    texts: dict[Family, str]
    ruleset: r.Ruleset

    @property
    def count(self) -> int:
        """How many rules it has."""
        return sum(len(chain.rules) for family in FAMILIES for chain in self.ruleset.table(family).chains)


def set_names(family: Family) -> tuple[str, str]:
    return f"ips{family.value}", f"nets{family.value}"


@st.composite
def rulesets(draw: st.DrawFn, *, tracked: bool) -> Drawn:
    """Both families, and their sets."""
    made = {family: draw(tables(family, tracked=tracked)) for family in FAMILIES}
    sets = tuple(one for family in FAMILIES for one in draw(lists(family)))
    (text4, v4), (text6, v6) = made[Family.V4], made[Family.V6]
    return Drawn({Family.V4: text4, Family.V6: text6}, r.Ruleset(v4, v6, sets))


@st.composite
def lists(draw: st.DrawFn, family: Family) -> list[r.AddressList]:
    """One set of each type, of addresses that cross."""
    hosts = [places.at(family, low) for low in several(draw, EVERYBODY, 0, 5)]
    found = []
    for name, kind in zip(set_names(family), ("hash:ip", "hash:net"), strict=True):
        more = [_network(draw, family) for _ in range(draw(st.integers(0, 2)))] if kind == "hash:net" else []
        spread = [(first, first + (1 << family.bits - length) - 1) for first, length in more]
        found.append(r.AddressList(name, family, kind, canonical([*((one, one) for one in hosts), *spread])))
    return found


@st.composite
def tables(draw: st.DrawFn, family: Family, *, tracked: bool) -> tuple[str, r.Table]:
    chains, lines = [], ["*filter"]
    written = []
    for name in (*BUILT_IN, *_BEHIND):
        behind = FURTHER.get(name, _BEHIND.get(name, ()))
        count = draw(st.integers(*_LINES.get(name, (2, 5))))
        inside = [draw(any_line(family, name, behind, tracked=tracked)) for _ in range(count)]
        policy = pick(draw, ("ACCEPT", "DROP")) if name in BUILT_IN else ""
        chains.append(r.Chain(name, tuple(rule for line in inside for rule in line.rules), policy))
        lines.append(f":{name} {policy or '-'} [0:0]")
        written += [f"-A {name}{line.words}" for line in inside]
    return "\n".join([*lines, *written, "COMMIT", ""]), r.Table(family, tuple(chains))


@st.composite
def any_line(draw: st.DrawFn, family: Family, chain: str, behind: tuple[str, ...], *, tracked: bool) -> Line:
    """A rule that the tools take."""
    kinds = ["source", "destination", "interface", *("protocol",) * 4, "set", "range"]
    kinds += _TRACKED if tracked else ()
    kinds += ["mac", "mac"] if chain in _WITH_MAC else []
    kinds += ["fragment"] if family is Family.V4 else []
    # A rule that asks nothing ends all that comes after it, so there are few.
    most = pick(draw, (1, 1, 2, 2, 3, 0))
    found = [one for kind in several(draw, kinds, min(1, most), most) for one in _asked(draw, family, chain, kind)]
    asked = [match for match, words in found if not words]
    foreign = [(words, match) for match, words in found if words]
    target = _target(draw, family, behind, asked)
    if isinstance(target, r.Log) and draw(st.booleans()):
        asked.append(r.Limit("5/sec", 5))
    comment = pick(draw, ("", "", "np:default", "two words"))
    either = _either(draw, asked)
    rule = r.Rule((*asked, *(match for _, match in foreign)), target, comment)
    rules = [rule] if either is None else [r.Rule((*rule.matches, one), target, comment) for one in either]
    words = rule_text(r.Rule(tuple(asked), r.Mark()), family) + "".join(f" {text}" for text, _ in foreign)
    words += "" if either is None else f" -m multiport --ports {_listed(either[0].ports)}"
    words = spelled(draw, family, words) + rule_text(r.Rule((), target, comment), family)
    return Line(words, tuple(rules))


def _asked(draw: st.DrawFn, family: Family, chain: str, kind: str) -> list[Asked]:
    """Matches of a kind, each with the words that only others write."""
    negated = draw(st.integers(0, 2)) == 2
    side = pick(draw, tuple(r.Side))
    match kind:
        case "source":
            return [(r.Network(r.Side.SOURCE, *_network(draw, family), negated), "")]
        case "destination":
            return [(r.Network(r.Side.DESTINATION, *_network(draw, family), negated), "")]
        case "interface":
            return [(_interface(draw, chain, negated), "")]
        case "set":
            return [(r.InSet(side, pick(draw, set_names(family)), negated), "")]
        case "range":
            first, last = sorted(places.at(family, pick(draw, EVERYBODY)) for _ in range(2))
            return [(r.AddressRange(side, first, last, negated), "")]
        case "mac":
            mac = pick(draw, MACS)
            return [(r.SourceMac(mac, negated), f"-m mac{_not(negated)} --mac-source {places.mac_text(mac)}")]
        case "fragment":
            return [(r.Fragment(negated), f"{_not(negated)} -f".strip())]
        case "protocol":
            return _protocol(draw, family, negated)
        case _:
            return [(_conntrack(draw, family, kind, negated), "")]


def _conntrack(draw: st.DrawFn, family: Family, kind: str, negated: bool) -> r.Match:
    match kind:
        case "original port":
            return r.OriginalPort(_interval(draw), negated)
        case "original destination":
            return r.OriginalDestination(*_network(draw, family), negated)
        case "original protocol":
            return r.OriginalProtocol(pick(draw, (6, 17, 132, ICMP_OF[family])), negated)
        case _:
            return r.StateIn(frozenset(several(draw, STATES, 1, 3)), negated)


def _protocol(draw: st.DrawFn, family: Family, negated: bool) -> list[Asked]:
    match pick(draw, ("number", "ports", "ports", "several", "icmp", "icmp", "flags")):
        case "ports":
            return _ports(draw)
        case "several":
            ports = canonical(_interval(draw) for _ in range(draw(st.integers(2, 4))))
            asked = r.PortIn(pick(draw, tuple(r.Side)), ports, negated)
            # Of one interval it is no list, and not every protocol has a match of its own for that.
            return [(r.ProtocolIs(pick(draw, (6, 17, 132, *RARE))), ""), *([(asked, "")] if len(ports) > 1 else [])]
        case "icmp":
            kind, code = pick(draw, KINDS[family])
            return [
                (r.ProtocolIs(ICMP_OF[family]), ""),
                (r.IcmpIs(kind, pick(draw, (None, code, code + 1)), negated), ""),
            ]
        case "flags":
            return [(r.ProtocolIs(6), ""), _flags(draw, negated)]
        case _:
            return [(r.ProtocolIs(pick(draw, (*NUMBERS, ICMP_OF[family])), negated), "")]


def _ports(draw: st.DrawFn) -> list[Asked]:
    found: list[Asked] = [(r.ProtocolIs(pick(draw, (6, 17, 132))), "")]
    for side in several(draw, tuple(r.Side), 1, 2):
        one = _interval(draw)
        # What holds for all, negated, is loaded by iptables-nft 1.8.9 as no match, and refused by `read`.
        found.append((r.PortIn(side, (one,), draw(st.booleans()) and one != (0, 65535)), ""))
    return found


def _flags(draw: st.DrawFn, negated: bool) -> Asked:
    if draw(st.booleans()):
        return r.TcpFlags(0x17, 0x02, negated), f"-m tcp{_not(negated)} --syn"
    mask = several(draw, FLAGS, 1, 4)
    raised = [one for one in mask if draw(st.booleans())]
    words = f"--tcp-flags {','.join(mask)} {','.join(raised) or 'NONE'}"
    return r.TcpFlags(_bits(mask), _bits(raised), negated), f"-m tcp{_not(negated)} {words}"


def _either(draw: st.DrawFn, asked: list[r.Match]) -> tuple[r.PortIn, r.PortIn] | None:
    """Ports of which a packet has one at either end; only text says it in one rule."""
    protocols = [one for one in asked if isinstance(one, r.ProtocolIs) and not one.negated and one.number in (6, 17)]
    if not protocols or draw(st.integers(0, 4)) < 4:
        return None
    ports = canonical(_interval(draw) for _ in range(2))
    return r.PortIn(r.Side.SOURCE, ports), r.PortIn(r.Side.DESTINATION, ports)


def _listed(ports: tuple[tuple[int, int], ...]) -> str:
    return ",".join(str(first) if first == last else f"{first}:{last}" for first, last in ports)


def _bits(names: list[str]) -> int:
    return sum(1 << FLAGS.index(one) for one in names)


def _not(negated: bool) -> str:
    return " !" if negated else ""


def _network(draw: st.DrawFn, family: Family) -> tuple[int, int]:
    length = family.bits - pick(draw, (0, 0, 1, 2, 3, 4, 8, 12))
    host = family.bits - length
    return places.at(family, pick(draw, EVERYBODY)) >> host << host, length


def _interface(draw: st.DrawFn, chain: str, negated: bool) -> r.Interface:
    only = {"INPUT": r.Side.SOURCE, "OUTPUT": r.Side.DESTINATION}
    side = only[chain] if chain in only else pick(draw, tuple(r.Side))
    name = pick(draw, CARDS)
    # Of `! +`, iptables-legacy prints back `+`.
    return r.Interface(side, name, negated and name != "+")


def _interval(draw: st.DrawFn) -> tuple[int, int]:
    first = pick(draw, PORTS)
    last = first if draw(st.booleans()) else pick(draw, PORTS)
    return min(first, last), max(first, last)


def _target(draw: st.DrawFn, family: Family, behind: tuple[str, ...], asked: list[r.Match]) -> r.Target:
    kinds = [
        "accept",
        "accept",
        "drop",
        "reject",
        "return",
        "log",
        "mark",
        *(["jump", "jump", "goto"] if behind else []),
    ]
    match pick(draw, kinds):
        case "accept":
            return r.Accept()
        case "drop":
            return r.Drop()
        case "reject":
            return r.Reject(pick(draw, REJECT_WITH[family][: None if r.ProtocolIs(6) in asked else -1]))
        case "jump":
            return r.Jump(pick(draw, behind))
        case "goto":
            return r.Goto(pick(draw, behind))
        case "log":
            return r.Log("np: ")
        case "mark":
            return r.Mark()
        case _:
            return r.Return()


def sets_text(ruleset: r.Ruleset) -> str:
    """What makes the sets hold their members, whatever they held."""
    lines = []
    for one in ruleset.sets:
        kind = "inet" if one.family is Family.V4 else "inet6"
        lines += [f"create {one.name} {one.kind} family {kind} maxelem 65536 -exist", f"flush {one.name}"]
        members = _hosts(one) if one.kind == "hash:ip" else _networks(one)
        lines += [f"add {one.name} {member} -exist" for member in members]
    return "".join(f"{line}\n" for line in lines)


def _networks(one: r.AddressList) -> Iterator[str]:
    return (network_text(one.family, *network) for network in networks(one.family, one.members))


def _hosts(one: r.AddressList) -> Iterator[str]:
    return (address_text(one.family, at) for first, last in one.members for at in range(first, last + 1))
