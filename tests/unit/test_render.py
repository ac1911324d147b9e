"""The printer: every match, target and set as the restore tools spell it, and read back as what it was."""

from __future__ import annotations

import pytest

from netpolicy.packet.addresses import Family
from netpolicy.source import Source
from netpolicy.targets.iptables.normal import normal_table
from netpolicy.targets.iptables.read import read
from netpolicy.targets.iptables.render import render, rule_text, set_text, table_text
from netpolicy.targets.iptables.rules import (
    Accept,
    AddressList,
    AddressRange,
    Chain,
    Drop,
    Fragment,
    Goto,
    IcmpIs,
    InSet,
    Interface,
    Jump,
    Limit,
    Log,
    Mark,
    Match,
    Network,
    OriginalDestination,
    OriginalPort,
    OriginalProtocol,
    PortIn,
    ProtocolIs,
    Reject,
    Return,
    Rule,
    Ruleset,
    Side,
    StateIn,
    Table,
    Target,
)

V4, V6 = Family.V4, Family.V6
SRC, DST = Side.SOURCE, Side.DESTINATION
TCP, UDP = ProtocolIs(6), ProtocolIs(17)
MANY = ((22, 22), (80, 88))

MATCHES: list[tuple[Family, tuple[Match, ...], str]] = [
    (V4, (Interface(SRC, "eth0"),), "-i eth0"),
    (V4, (Interface(DST, "eth0", negated=True),), "! -o eth0"),
    (V4, (Network(SRC, 0x0A000000, 8),), "-s 10.0.0.0/8"),
    (V6, (Network(DST, 1, 128, negated=True),), "! -d ::1/128"),
    (V4, (AddressRange(SRC, 0x0A000001, 0x0A000006),), "-m iprange --src-range 10.0.0.1-10.0.0.6"),
    (V6, (AddressRange(DST, 1, 6, negated=True),), "-m iprange ! --dst-range ::1-::6"),
    (V4, (TCP,), "-p tcp"),
    (V4, (UDP,), "-p udp"),
    (V4, (ProtocolIs(132),), "-p sctp"),
    (V4, (ProtocolIs(1),), "-p icmp"),
    (V6, (ProtocolIs(58),), "-p icmpv6"),
    (V4, (ProtocolIs(47, negated=True),), "! -p 47"),
    (V4, (ProtocolIs(51),), "-p 51"),
    (V6, (ProtocolIs(51),), "-m ah"),
    (V4, (PortIn(DST, ((22, 22),)), TCP), "-p tcp -m tcp --dport 22"),
    (V4, (PortIn(SRC, ((22, 23),), negated=True), UDP), "-p udp -m udp ! --sport 22:23"),
    (V4, (PortIn(DST, MANY), TCP), "-p tcp -m multiport --dports 22,80:88"),
    (V6, (PortIn(SRC, MANY, negated=True), TCP), "-p tcp -m multiport ! --sports 22,80:88"),
    (V4, (IcmpIs(8), ProtocolIs(1)), "-p icmp -m icmp --icmp-type 8"),
    (V4, (IcmpIs(3, 4, negated=True), ProtocolIs(1)), "-p icmp -m icmp ! --icmp-type 3/4"),
    (V6, (IcmpIs(128, 0), ProtocolIs(58)), "-p icmpv6 -m icmp6 --icmpv6-type 128/0"),
    (V4, (InSet(SRC, "s"),), "-m set --match-set s src"),
    (V6, (InSet(DST, "s6", negated=True),), "-m set ! --match-set s6 dst"),
    (
        V4,
        (StateIn(frozenset({"INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED", "SNAT", "DNAT"})),),
        "-m conntrack --ctstate INVALID,NEW,RELATED,ESTABLISHED,UNTRACKED,SNAT,DNAT",
    ),
    (V4, (StateIn(frozenset({"NEW"}), negated=True),), "-m conntrack ! --ctstate NEW"),
    (V4, (OriginalProtocol(6),), "-m conntrack --ctproto 6"),
    (V4, (OriginalProtocol(6, negated=True),), "-m conntrack ! --ctproto 6"),
    (V4, (OriginalPort((22, 22)),), "-m conntrack --ctorigdstport 22"),
    (V4, (OriginalPort((22, 29), negated=True),), "-m conntrack ! --ctorigdstport 22:29"),
    (V4, (OriginalDestination(0x0A000001, 32),), "-m conntrack --ctorigdst 10.0.0.1/32"),
    (V6, (OriginalDestination(0, 64, negated=True),), "-m conntrack ! --ctorigdst ::/64"),
]
TARGETS: list[tuple[Target, str]] = [
    (Return(), " -j RETURN"),
    (Accept(), " -j ACCEPT"),
    (Drop(), " -j DROP"),
    (Reject("icmp-admin-prohibited"), " -j REJECT --reject-with icmp-admin-prohibited"),
    (Jump("V"), " -j V"),
    (Goto("V"), " -g V"),
    (Log("np:x "), ' -j LOG --log-prefix "np:x "'),
    (Mark(), ""),
]


def ruleset(family: Family, rule: Rule) -> Ruleset:
    """A ruleset with that rule in a chain of its own, and one set of each family."""
    built_in = tuple(Chain(name, (), "ACCEPT") for name in ("INPUT", "FORWARD", "OUTPUT"))
    end = Rule((), Drop())
    tables = {
        one: normal_table(
            Table(one, (*built_in, Chain("U", (rule, end) if one is family else (end,)), Chain("V", (end,))))
        )
        for one in Family
    }
    sets = (AddressList("s", V4, "hash:ip", ((1, 1),)), AddressList("s6", V6, "hash:ip", ((1, 1),)))
    return Ruleset(tables[V4], tables[V6], sets)


def read_again(written: Ruleset) -> Ruleset:
    found, problems = read({name: Source(name, text) for name, text in render(written).items()})
    assert problems == []
    assert found is not None
    return found


@pytest.mark.parametrize(("family", "matches", "text"), MATCHES, ids=[text for *_, text in MATCHES])
def test_a_match_is_printed_and_read_again(family: Family, matches: tuple[Match, ...], text: str) -> None:
    rule = Rule(matches, Drop())
    assert rule_text(rule, family) == f" {text} -j DROP"
    assert rule_text(Rule(matches[::-1], Drop()), family) == f" {text} -j DROP"
    assert read_again(ruleset(family, rule)) == ruleset(family, rule)


@pytest.mark.parametrize(("target", "text"), TARGETS, ids=[text or "none" for _, text in TARGETS])
def test_a_target_is_printed_and_read_again(target: Target, text: str) -> None:
    assert rule_text(Rule((), target), V4) == text
    assert read_again(ruleset(V4, Rule((), target))) == ruleset(V4, Rule((), target))


def test_matches_stand_in_one_order_behind_what_they_need() -> None:
    every = (
        *(Interface(SRC, "a"), Network(SRC, 0, 1), AddressRange(DST, 1, 2), TCP, PortIn(DST, ((1, 1),))),
        *(InSet(SRC, "s"), StateIn(frozenset({"NEW"})), OriginalProtocol(6), OriginalDestination(1, 32)),
        *(OriginalPort((1, 1)), Limit("5/sec", 7)),
    )
    text = (
        " -i a -s 0.0.0.0/1 -m iprange --dst-range 0.0.0.1-0.0.0.2 -p tcp -m tcp --dport 1 -m set --match-set s src"
        " -m conntrack --ctstate NEW -m conntrack --ctproto 6 -m conntrack --ctorigdst 0.0.0.1/32"
        ' -m conntrack --ctorigdstport 1 -m limit --limit 5/sec --limit-burst 7 -j LOG --log-prefix "x "'
    )
    for order in (every, every[::-1]):
        assert rule_text(Rule(order, Log("x ")), V4) == text
    kinds: tuple[Match, ...] = (Interface(SRC, "a"), ProtocolIs(1), IcmpIs(8), InSet(SRC, "s"))
    text = " -i a -p icmp -m icmp --icmp-type 8 -m set --match-set s src -j DROP"
    assert rule_text(Rule(kinds[::-1], Drop()), V4) == text


def test_a_comment_is_quoted_where_it_must_be() -> None:
    for comment, text in (
        ("np:1,2.a/b-c_d", "np:1,2.a/b-c_d"),
        ("two words", '"two words"'),
        ('a"b', '"a\\"b"'),
        ("a\\b", '"a\\\\b"'),
        ('a\\b\\ "c"d', '"a\\\\b\\\\ \\"c\\"d"'),
    ):
        rule = Rule((), Drop(), comment)
        assert rule_text(rule, V4) == f" -m comment --comment {text} -j DROP"
        assert read_again(ruleset(V4, rule)) == ruleset(V4, rule)


def test_a_table_declares_its_chains_first() -> None:
    table = Table(V4, (Chain("INPUT", (Rule((), Jump("U")),), "ACCEPT"), Chain("U", (Rule((), Drop()),))))
    assert table_text(table) == ("*filter\n:INPUT ACCEPT [0:0]\n:U - [0:0]\n-A INPUT -j U\n-A U -j DROP\nCOMMIT\n")


def sized(count: int) -> str:
    return set_text(AddressList("s", V4, "hash:ip", ((1, count),) if count else ())).splitlines()[0]


@pytest.mark.parametrize(
    ("count", "hashsize", "maxelem"),
    [(0, 64, 1), (1, 64, 1), (64, 64, 64), (65, 128, 65), (128, 128, 128), (129, 256, 129)],
)
def test_a_set_has_room_for_its_members(count: int, hashsize: int, maxelem: int) -> None:
    assert sized(count) == f"create s hash:ip family inet hashsize {hashsize} maxelem {maxelem} -exist"


def test_members_of_a_set_are_addresses_or_networks() -> None:
    pairs = ((1, 3), (8, 15))
    listed = set_text(AddressList("s", V4, "hash:ip", pairs)).splitlines()[1:]
    assert listed == [f"add s 0.0.0.{at} -exist" for at in (1, 2, 3, *range(8, 16))]
    listed = set_text(AddressList("n", V6, "hash:net", pairs)).splitlines()
    assert listed[0] == "create n hash:net family inet6 hashsize 64 maxelem 3 -exist"
    assert listed[1:] == ["add n ::1/128 -exist", "add n ::2/127 -exist", "add n ::8/125 -exist"]


def test_what_only_others_write_is_not_printed() -> None:
    with pytest.raises(ValueError, match="only others"):
        rule_text(Rule((Fragment(),), Drop()), V4)
