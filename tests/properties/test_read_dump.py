"""However a ruleset is spelled, a dump of it is read as the strict reader reads our own text."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

from hypothesis import given, settings
from hypothesis import strategies as st

from netpolicy.packet.addresses import FAMILIES, Family
from netpolicy.packet.packets import Packet, State
from netpolicy.source import Source
from netpolicy.targets.iptables.decide import decide
from netpolicy.targets.iptables.read import read
from netpolicy.targets.iptables.read_dump import read_dump
from netpolicy.targets.iptables.render import table_text
from netpolicy.targets.iptables.tokens import Line, lines
from tests.drawn_rules import SETS, tables
from tests.draws import pick

OTHER = {Family.V4: "v6", Family.V6: "v4"}
EMPTY = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
KINDS = {Family.V4: "inet", Family.V6: "inet6"}
MEMBERS = {Family.V4: "10.0.0.1", Family.V6: "2001:db8::1"}
LONG = {
    "-s": ("--source", "--src"),
    "-d": ("--destination", "--dst"),
    "-i": ("--in-interface",),
    "-o": ("--out-interface",),
    "-p": ("--protocol", "--proto"),
    "-m": ("--match",),
    "-j": ("--jump",),
    "-g": ("--goto",),
    "--sport": ("--source-port",),
    "--dport": ("--destination-port",),
    "--sports": ("--source-ports",),
    "--dports": ("--destination-ports",),
}
TRANSPORT = ("tcp", "udp", "sctp")
WITHOUT = {"SNAT", "DNAT"}
Words = list[str]


def sets_text() -> str:
    """Two sets of each family, the first with a member."""
    made = [(family, name) for family in FAMILIES for name in SETS[family]]
    created = [f"create {name} hash:ip family {KINDS[family]}\n" for family, name in made]
    return "".join([*created, *(f"add {SETS[family][0]} {MEMBERS[family]}\n" for family in FAMILIES)])


def options(words: Words) -> list[Words]:
    """The words of a rule behind its chain, in groups: an option with its `!` before it and its values behind."""
    groups: list[Words] = []
    for at, word in enumerate(words):
        opened = at and groups and groups[-1] == ["!"]
        free = at and words[at - 1] in ("--comment", "--log-prefix")
        if word == "!" or (word.startswith("-") and not opened and not free):
            groups.append([word])
        else:
            groups[-1].append(word)
    return groups


def respelled(draw: st.DrawFn, line: Line, *, windows: bool) -> str:
    """The line as another tool or person might write it."""
    raw = [token.span.text for token in line.tokens]
    end = " \r" if windows else ""
    if raw[0] != "-A":
        return " ".join(raw) + end
    groups = [spelled(draw, group) for group in options(raw[2:])]
    groups = by_state_match(draw, groups)
    groups = without_implied(draw, groups)
    if draw(st.booleans()):
        groups = target_first(groups)
    counted = pick(draw, ("", "", "[12:3456] "))
    own = pick(draw, ([], [], [["-c", "1", "2"]]))
    words = [word for group in (*own, *groups) for word in group]
    return f"{counted}{pick(draw, ('-A', '--append'))} {raw[1]} {pick(draw, (' ', chr(9))).join(words)}{end}"


def spelled(draw: st.DrawFn, group: Words) -> Words:
    mark, (name, *values) = (group[:1], group[1:]) if group[0] == "!" else ([], group)
    if name in ("-s", "-d") and "/" in values[0] and draw(st.booleans()):
        network = ip_network(values[0])
        values = [f"{network.network_address}/{network.netmask}"]
    name = pick(draw, (name, *LONG.get(name, ())))
    negated = bool(mark)
    if negated and draw(st.booleans()):
        return [name, "!", *values]
    if len(values) == 1 and '"' not in values[0] and draw(st.booleans()):
        if name.startswith("--"):
            return [*mark, f"{name}={values[0]}"]
        return [*mark, f"{name}{values[0]}"]
    return [*mark, name, *values]


def by_state_match(draw: st.DrawFn, groups: list[Words]) -> list[Words]:
    """Some states asked by the older match, which knows fewer of them."""
    found: list[Words] = []
    for group in groups:
        text = " ".join(group)
        plain = "--ctstate" in text and not WITHOUT & set(text.replace("=", " ").replace(",", " ").split())
        alone = plain and "conntrack" in "".join(found[-1:][0])
        if alone and draw(st.booleans()):
            found[-1] = [word.replace("conntrack", "state") for word in found[-1]]
            found.append([word.replace("--ctstate", "--state") for word in group])
        else:
            found.append(group)
    return found


def without_implied(draw: st.DrawFn, groups: list[Words]) -> list[Words]:
    """Without a match that the protocol implies, where nothing else could take its options."""
    text = " ".join(word for group in groups for word in group)
    if "multiport" in text or draw(st.booleans()):
        return groups
    implied = {f"{name}{mark}{module}" for name in ("-m", "--match") for mark in (" ", "=", "") for module in TRANSPORT}
    return [group for group in groups if " ".join(group) not in implied]


def target_first(groups: list[Words]) -> list[Words]:
    begins = ("-j", "-g", "--jump", "--goto")
    at = next((at for at, group in enumerate(groups) if group[0].startswith(begins)), len(groups))
    return groups[at:] + groups[:at]


@st.composite
def spellings(draw: st.DrawFn, family: Family) -> tuple[str, str]:
    """A table in our text, and in another."""
    text = table_text(draw(tables(family)))
    windows = draw(st.booleans())
    other = "\n".join(respelled(draw, line, windows=windows) for line in lines(Source("ours", text), []))
    return text, f"# Generated by somebody\n{other}\n"


@st.composite
def packets(draw: st.DrawFn, family: Family) -> Packet:
    """Any packet that comes in, more often with what rules ask for."""
    address = st.integers(0, family.last)
    number = st.sampled_from((0, 1, 22, 80, 443, 65535)) | st.integers(0, 65535)
    return Packet(
        family,
        draw(address),
        draw(address),
        protocol=pick(draw, (6, 17, 132, 33, 136, 1, 58, 51)),
        port=draw(number),
        source_port=draw(number),
        in_interface=pick(draw, ("eth0", "lo", "veth.101")),
        state=pick(draw, tuple(State)),
        dnat=draw(st.booleans()),
        original_destination=draw(st.none() | address),
        original_port=draw(st.none() | number),
    )


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(FAMILIES))
def test_a_dump_in_any_spelling_is_read_as_our_text(data: st.DataObject, family: Family) -> None:
    ours, others = data.draw(spellings(family))
    texts = {f"rules.v{family.value}": ours, f"rules.{OTHER[family]}": EMPTY, "sets.ipset": sets_text()}
    strict, refused = read({name: Source(name, text) for name, text in texts.items()})
    dump, problems = read_dump(Source("dump", others), family, Source("sets", sets_text()))
    assert refused == []
    assert strict is not None
    assert problems == []
    assert dump is not None
    assert dump.table == strict.table(family)
    assert dump.coverage.opaque == 0
    for packet in (data.draw(packets(family)) for _ in range(5)):
        assert decide(dump.ruleset, packet) == decide(strict, packet)


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from(FAMILIES))
def test_ports_of_either_side_are_those_of_one_or_the_other(data: st.DataObject, family: Family) -> None:
    """`multiport --ports`, and a list of addresses, hold for what one of their parts holds for."""
    ports = data.draw(st.lists(st.sampled_from((22, 80, 443)), min_size=1, max_size=3, unique=True))
    negated = data.draw(st.booleans())
    host = {Family.V4: ("10.0.0.1", "10.0.0.2"), Family.V6: ("::1", "::2")}[family]
    listed = f"{'! ' * negated}--ports {','.join(map(str, ports))}"
    text = f"*filter\n-A INPUT -p tcp -s {','.join(host)} -m multiport {listed} -j DROP\nCOMMIT\n"
    dump, problems = read_dump(Source("dump", text), family)
    assert problems == []
    assert dump is not None
    packet = replace(data.draw(packets(family)), protocol=data.draw(st.sampled_from((6, 17))))
    packet = replace(packet, source=data.draw(st.sampled_from((1, 3))) | (10 << 24 if family is Family.V4 else 0))
    either = packet.port in ports or packet.source_port in ports
    from_host = packet.source & 0xFF in (1, 2)
    dropped = packet.protocol == 6 and from_host and either is not negated
    assert (decide(dump.ruleset, packet).verdict.value == "drop") is dropped


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_text_of_known_words_breaks_the_reader(data: st.DataObject) -> None:
    """Any order of words is read or refused at places inside of the text, never a crash."""
    vocabulary = [*LONG, *(long for some in LONG.values() for long in some), "!", "-f", "-c", "--set", "--ports", "-4"]
    vocabulary += ["tcp", "22", "10.0.0.1", "10.0.0.1/255.0.1.0", "conntrack", "set", "limit", "recent", "multiport"]
    vocabulary += ["--ctstate", "NEW", "INVALID", "--state", "mac", "--mac-source", "icmp", "--icmp-type", "any"]
    vocabulary += ["comment", "--comment"]
    vocabulary += ["LOG", "REJECT", "NFQUEUE", "--queue-num", "ACCEPT", "U", "--limit", "3/min", "--jump=DROP", "-ptcp"]
    words = data.draw(st.lists(st.sampled_from(vocabulary), max_size=12))
    text = f"*filter\n:U - [0:0]\n-A INPUT {' '.join(words)}\nCOMMIT\n"
    dump, problems = read_dump(Source("dump", text), data.draw(st.sampled_from(FAMILIES)))
    assert (dump is None) is bool(problems)
    for problem in problems:
        assert problem.span is not None
        assert problem.span.line == 3
        assert 0 <= problem.span.start <= problem.span.end <= len(text)
