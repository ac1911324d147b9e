"""The reader of dumps by others: every match and its negation, what stays opaque, and every refusal."""

import pytest

from netpolicy.packet.addresses import FAMILIES, Family
from netpolicy.packet.packets import Packet
from netpolicy.source import Source
from netpolicy.targets.iptables.decide import Verdict, decide
from netpolicy.targets.iptables.dump import Coverage, Dump
from netpolicy.targets.iptables.family_of import family_of
from netpolicy.targets.iptables.normal import normal
from netpolicy.targets.iptables.read_dump import TABLES, read_dump
from netpolicy.targets.iptables.rules import (
    Accept,
    AddressList,
    AddressRange,
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
    Opaque,
    OriginalDestination,
    OriginalPort,
    OriginalProtocol,
    PortIn,
    ProtocolIs,
    Reject,
    Return,
    Rule,
    Side,
    SourceMac,
    StateIn,
    Target,
    TcpFlags,
)

SRC, DST = Side.SOURCE, Side.DESTINATION
V4, V6 = FAMILIES
TCP, UDP, ICMP, ICMPV6 = (ProtocolIs(number) for number in (6, 17, 1, 58))
NEVER = ProtocolIs(0, negated=True)
TEN = 10 << 24
SETS = (
    "create s hash:ip family inet hashsize 1024\nadd s 10.0.0.1\n"
    "create s6 hash:net family inet6\nadd s6 2001:db8::/64\n"
    "create timed hash:ip family inet timeout 60\nadd timed 10.0.0.1 timeout 3\n"
    "create pairs hash:ip,port family inet\nadd pairs 10.0.0.1,tcp:22\n"
)


def dump_of(text: str, family: Family = V4, sets: str | None = None) -> Dump:
    found, problems = read_dump(Source("dump", text), family, Source("sets", sets) if sets is not None else None)
    assert problems == []
    assert found is not None
    return found


def filtering(*lines: str) -> str:
    """A filter table with these lines."""
    return "\n".join(["*filter", ":INPUT ACCEPT [0:0]", ":U - [0:0]", *lines, "COMMIT", ""])


def rules_of(line: str, family: Family = V4, sets: str | None = SETS) -> tuple[Rule, ...]:
    """The rules that this one line in chain U is read as."""
    chain = dump_of(filtering(f"-A U {line}"), family, sets).table.chain("U")
    assert chain is not None
    assert all(rule.line == 4 for rule in chain.rules)
    return chain.rules


def matches_of(line: str, family: Family = V4, sets: str | None = SETS) -> tuple[Match, ...]:
    (rule,) = rules_of(f"{line} -j DROP", family, sets)
    assert rule.target == Drop()
    return rule.matches


def faults(text: str, family: Family = V4, sets: str | None = None) -> list[tuple[str, int, str]]:
    """Code, line and underlined text of every error; each has a message and a hint."""
    found, problems = read_dump(Source("dump", text), family, Source("sets", sets) if sets is not None else None)
    assert (found is None) == bool(problems)
    assert all(problem.hint and problem.message for problem in problems)
    return [(one.code, one.span.line, one.span.text) for one in problems if one.span]


V4_MATCHES: list[tuple[str, tuple[Match, ...]]] = [
    ("-s 10.0.0.1", (Network(SRC, TEN + 1, 32),)),
    ("! -d 10.0.0.0/8", (Network(DST, TEN, 8, negated=True),)),
    ("-d ! 10.0.0.0/255.0.0.0", (Network(DST, TEN, 8, negated=True),)),
    ("--source 10/8 --dst=10.0.0.1", (Network(SRC, TEN, 8), Network(DST, TEN + 1, 32))),
    ("-s10.0.0.1 -ptcp -ieth0", (Network(SRC, TEN + 1, 32), TCP, Interface(SRC, "eth0"))),
    ("-s 0/0", ()),
    ("! -s 0.0.0.0/0", (Network(SRC, 0, 0, negated=True),)),
    ("-s 10.9.9.9/255.0.255.0", (Opaque("-s 10.0.9.0/255.0.255.0"),)),
    ("! -s 10.0.9.0/255.0.255.0", (Opaque("-s 10.0.9.0/255.0.255.0", negated=True),)),
    ("! -i eth0 -o eth+", (Interface(SRC, "eth0", negated=True), Interface(DST, "eth+"))),
    ("-i ! lo", (Interface(SRC, "lo", negated=True),)),
    ("-i +", ()),
    ("! -i +", (Opaque("-i +", negated=True),)),
    ("-p TCP", (TCP,)),
    ("-p ip", ()),
    ("-p ! udp", (ProtocolIs(17, negated=True),)),
    ("! -p all", (NEVER,)),
    ("-f", (Fragment(),)),
    ("! -f", (Fragment(negated=True),)),
    ("-p tcp -m tcp", (TCP,)),
    ("-p tcp --dport 22", (TCP, PortIn(DST, ((22, 22),)))),
    ("-m tcp --dport 22 -p 6", (TCP, PortIn(DST, ((22, 22),)))),
    ("-p tcp -m tcp ! --sport 1:5", (TCP, PortIn(SRC, ((1, 5),), negated=True))),
    ("-p tcp -m tcp --sport ! 1:5", (TCP, PortIn(SRC, ((1, 5),), negated=True))),
    ("-p udp -m udp --source-port :5 --destination-port 9:", (UDP, PortIn(SRC, ((0, 5),)), PortIn(DST, ((9, 65535),)))),
    ("-p udp -m udp --sport :", (UDP,)),
    ("-p udp -m udp ! --sport :", (UDP, Opaque("udp --sport 0:65535", negated=True))),
    ("-p sctp -m sctp --dport 1", (ProtocolIs(132), PortIn(DST, ((1, 1),)))),
    ("-p udplite --dport 1", (ProtocolIs(136), PortIn(DST, ((1, 1),)))),
    ("-p dccp ! --dport 7", (ProtocolIs(33), PortIn(DST, ((7, 7),), negated=True))),
    ("-p tcp --dport ssh", (TCP, Opaque("tcp --dport ssh"))),
    ("-p tcp -m tcp ! --dport ssh --sport 1", (TCP, Opaque("tcp --dport ssh", negated=True), PortIn(SRC, ((1, 1),)))),
    ("-p tcp -m multiport --dports 1,3:5", (TCP, PortIn(DST, ((1, 1), (3, 5))))),
    ("-p tcp -m multiport ! --sports 1,3", (TCP, PortIn(SRC, ((1, 1), (3, 3)), negated=True))),
    ("-p tcp -m multiport --dport 1,3", (TCP, PortIn(DST, ((1, 1), (3, 3))))),
    ("-p tcp -m multiport --dports www,3", (TCP, Opaque("multiport --dports www,3"))),
    (
        "-p tcp -m multiport ! --ports 1,3",
        (TCP, PortIn(SRC, ((1, 1), (3, 3)), negated=True), PortIn(DST, ((1, 1), (3, 3)), negated=True)),
    ),
    ("-p tcp --syn", (TCP, TcpFlags(0x17, 0x02))),
    ("-p tcp -m tcp ! --syn", (TCP, TcpFlags(0x17, 0x02, negated=True))),
    ("-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN", (TCP, TcpFlags(0x17, 0x02))),
    ("-p tcp -m tcp --tcp-flags ! ALL NONE", (TCP, TcpFlags(0x3F, 0, negated=True))),
    ("-p tcp -m tcp --tcp-option 8 --dport 1", (TCP, Opaque("tcp --tcp-option 8"), PortIn(DST, ((1, 1),)))),
    ("-p tcp -m tcp --dport 1 -m tcp --dport 1:2", (TCP, Opaque("tcp --dport 1"), Opaque("tcp --dport 1:2"))),
    ("-p sctp -m sctp --chunk-types any INIT", (ProtocolIs(132), Opaque("sctp --chunk-types any INIT"))),
    ("-p icmp --icmp-type 8", (ICMP, IcmpIs(8))),
    ("-p icmp -m icmp ! --icmp-type echo-request", (ICMP, IcmpIs(8, negated=True))),
    ("-p icmp -m icmp --icmp-type fragmentation-needed", (ICMP, IcmpIs(3, 4))),
    ("-p icmp -m icmp --icmp-type TOS-host-redirect", (ICMP, IcmpIs(5, 3))),
    ("-p icmp -m icmp --icmp-type 3/4", (ICMP, IcmpIs(3, 4))),
    ("-p icmp -m icmp --icmp-type any", (ICMP,)),
    ("-p icmp -m icmp --icmp-type 255/0", (ICMP,)),
    ("-p icmp -m icmp ! --icmp-type any", (ICMP, NEVER)),
    ("-p icmp -m icmp --icmp-type 3/0:4", (ICMP, Opaque("icmp --icmp-type 3/0:4"))),
    ("-m state --state ESTABLISHED,RELATED", (StateIn(frozenset({"ESTABLISHED", "RELATED"})),)),
    ("-m state ! --state new", (StateIn(frozenset({"NEW"}), negated=True),)),
    ("-m state --state ! INVALID", (StateIn(frozenset({"INVALID"}), negated=True),)),
    ("-m conntrack ! --ctstate DNAT", (StateIn(frozenset({"DNAT"}), negated=True),)),
    ("-m conntrack --ctproto TCP", (OriginalProtocol(6),)),
    ("-m conntrack ! --ctorigdst 10.0.0.0/8", (OriginalDestination(TEN, 8, negated=True),)),
    ("-m conntrack --ctorigdstport 1:2", (OriginalPort((1, 2)),)),
    (
        "-m conntrack --ctstate NEW --ctorigdstport 1 ! --ctorigsrc 10.0.0.1",
        (StateIn(frozenset({"NEW"})), OriginalPort((1, 1)), Opaque("conntrack ! --ctorigsrc 10.0.0.1")),
    ),
    (
        "-m conntrack --ctstate INVALID,NEW --ctorigdstport 1",
        (Opaque("conntrack --ctstate INVALID,NEW --ctorigdstport 1"),),
    ),
    ("-m conntrack ! --ctstate NEW --ctproto 6", (Opaque("conntrack ! --ctstate NEW --ctproto 6"),)),
    ("-m conntrack ! --ctdir REPLY", (Opaque("conntrack ! --ctdir REPLY"),)),
    ("-m iprange --src-range 10.0.0.1-10.0.0.9", (AddressRange(SRC, TEN + 1, TEN + 9),)),
    ("-m iprange ! --dst-range 10.0.0.1", (AddressRange(DST, TEN + 1, TEN + 1, negated=True),)),
    ("-m iprange --src-range 10.0.0.9-10.0.0.1", (NEVER,)),
    ("-m iprange ! --src-range 10.0.0.9-10.0.0.1", ()),
    ("-m mac --mac-source 02:00:00:00:00:0A", (SourceMac(0x02000000000A),)),
    ("-m mac ! --mac-source 2:0:0:0:0:a", (SourceMac(0x02000000000A, negated=True),)),
    ("-m mac --mac 02:00:00:00:00:0a", (SourceMac(0x02000000000A),)),
    ("-m mac --mac-source XX:XX:XX:XX:XX:XX", (Opaque("mac --mac-source XX:XX:XX:XX:XX:XX"),)),
    ("-m set --match-set s src", (InSet(SRC, "s"),)),
    ("-m set ! --match-set s dst", (InSet(DST, "s", negated=True),)),
    ("-m set --set s dst", (InSet(DST, "s"),)),
    ("-m set ! --match-set s src,dst", (Opaque("set --match-set s src,dst", negated=True),)),
    ("-m set --match-set s6 src", (Opaque("set --match-set s6 src"),)),
    ("-m set --match-set timed src", (Opaque("set --match-set timed src"),)),
    ("-m set --match-set pairs src", (Opaque("set --match-set pairs src"),)),
    ("-m set --match-set s src --return-nomatch", (Opaque("set --match-set s src --return-nomatch"),)),
    ("-m limit --limit 3/minute", (Opaque("limit --limit 3/min"),)),
    ("-m limit --limit 3/min --limit-burst 5", (Opaque("limit --limit 3/min"),)),
    ("-m limit --limit 2 --limit-burst 7", (Opaque("limit --limit 2/sec --limit-burst 7"),)),
    ("-m limit", (Opaque("limit --limit 3/hour"),)),
    ("-m addrtype ! --dst-type LOCAL", (Opaque("addrtype --dst-type LOCAL", negated=True),)),
    ("-m addrtype --dst-type ! LOCAL", (Opaque("addrtype --dst-type LOCAL", negated=True),)),
    ("-m mark ! --mark 0x1/0xff", (Opaque("mark --mark 0x1/0xff", negated=True),)),
    ("-m connmark ! --mark 0x1", (Opaque("connmark ! --mark 0x1"),)),
    ("-m recent --set --name a --rsource", (Opaque("recent --set --name a --rsource"),)),
    ('-m string --string "a \\"b" --algo bm', (Opaque('string --string "a \\"b" --algo bm'),)),
    ("-m limit -m recent --limit 1/s --set", (Opaque("limit --limit 1/sec"), Opaque("recent --set"))),
    ("-m owner -m tcp -p tcp --dport 1 --uid-owner 0", (TCP, PortIn(DST, ((1, 1),)), Opaque("owner --uid-owner 0"))),
    ("-m policy --dir in --pol ipsec --proto esp", (Opaque("policy --dir in --pol ipsec --proto esp"),)),
    ("-m protocolid:0", (Opaque("protocolid:0"),)),
    ("-c 1 2 -s 10.0.0.1", (Network(SRC, TEN + 1, 32),)),
    ("-c 1,2", ()),
]

V6_MATCHES: list[tuple[str, tuple[Match, ...]]] = [
    ("-s 2001:db8::1", (Network(SRC, 0x20010DB8 << 96 | 1, 128),)),
    ("! -d fe80::/ffc0::", (Network(DST, 0xFE80 << 112, 10, negated=True),)),
    ("-s ::1/::ffff", (Opaque("-s ::1/::ffff"),)),
    ("-p icmpv6 --icmpv6-type 135", (ICMPV6, IcmpIs(135))),
    ("-p ipv6-icmp -m icmp6 ! --icmpv6-type neighbor-solicitation", (ICMPV6, IcmpIs(135, negated=True))),
    ("-p ipv6-icmp -m icmpv6 --icmpv6-type no-route", (ICMPV6, IcmpIs(1, 0))),
    ("-p ipv6-icmp -m icmp6 --icmpv6-type 255", (ICMPV6, IcmpIs(255))),
    ("-m ah", (ProtocolIs(51),)),
    ("-m ah ! --ahspi 5", (Opaque("ah ! --ahspi 5"),)),
    ("-p 44", (Opaque("-p 44"),)),
    ("-m set --match-set s6 dst", (InSet(DST, "s6"),)),
    ("-m frag --fraglast", (Opaque("frag --fraglast"),)),
]


@pytest.mark.parametrize(("line", "expected"), V4_MATCHES)
def test_every_match_of_ipv4(line: str, expected: tuple[Match, ...]) -> None:
    assert matches_of(line) == normal(expected)


@pytest.mark.parametrize(("line", "expected"), V6_MATCHES)
def test_every_match_of_ipv6(line: str, expected: tuple[Match, ...]) -> None:
    assert matches_of(line, V6) == normal(expected)


def test_a_set_without_its_members_is_opaque() -> None:
    assert matches_of("-m set --match-set s src", sets=None) == (Opaque("set --match-set s src"),)


def test_sets_of_the_other_family_are_not_part_of_the_dump() -> None:
    assert dump_of(filtering(), sets=SETS).sets == (AddressList("s", V4, "hash:ip", ((TEN + 1, TEN + 1),)),)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-j ACCEPT", Accept()),
        ("--jump=DROP", Drop()),
        ("-jRETURN", Return()),
        ("-j U", Jump("U")),
        ("--goto U", Goto("U")),
        ("-j REJECT", Reject("icmp-port-unreachable")),
        ("-j REJECT --reject-with host-unreach", Reject("icmp-host-unreachable")),
        ("-p tcp -j REJECT --reject-with tcp-rst", Reject("tcp-reset")),
        ('-j LOG --log-prefix "--x " --log-level debug --log-tcp-options', Log("--x ")),
        ("-j LOG --log-ip-options --log-level 4", Log("")),
        ("-j NFLOG --nflog-group 1 --nflog-prefix -x", Mark()),
        ("-j MARK --set-xmark 0x1/0xffffffff", Mark()),
        ("-j TRACE", Mark()),
        ("-m comment --comment x", Mark()),
    ],
)
def test_every_target(line: str, expected: Target) -> None:
    text = "\n".join(["*filter", ":V - [0:0]", ":U - [0:0]", f"-A V {line}", "COMMIT"])
    chain = dump_of(text).table.chain("V")
    assert chain is not None
    assert [rule.target for rule in chain.rules] == [expected]


def test_comments_are_kept_and_match_nothing() -> None:
    assert rules_of('-m comment --comment "a b" -m comment --comment -c -j DROP') == (Rule((), Drop(), "a b; -c"),)


def test_a_limit_beside_log_decides_nothing() -> None:
    assert rules_of("-m limit --limit 2/m -j LOG") == (Rule(normal((Limit("2/m"),)), Log("")),)
    assert dump_of(filtering("-A U -m limit --limit 2/m -j LOG")).coverage == Coverage(1)


def test_a_list_of_addresses_is_a_rule_for_each_pair() -> None:
    found = rules_of("-s 10.0.0.1,10.0.0.2 -d 10.0.0.3,10.0.0.4 -j DROP")
    pairs = [(TEN + 1, TEN + 3), (TEN + 1, TEN + 4), (TEN + 2, TEN + 3), (TEN + 2, TEN + 4)]
    expected = (Rule(normal((Network(SRC, a, 32), Network(DST, b, 32))), Drop()) for a, b in pairs)
    assert found == tuple(expected)


def test_ports_of_either_side_are_two_rules() -> None:
    ports = ((1, 1), (3, 5))
    expected = tuple(Rule(normal((TCP, PortIn(side, ports))), Drop()) for side in Side)
    assert rules_of("-p tcp -m multiport --ports 1,3:5 -j DROP") == expected


def verdict(dump: Dump, *, holds: tuple[str, ...] = (), port: int = 22) -> Verdict:
    packet = Packet(V4, TEN + 1, TEN + 2, 6, port, in_interface="eth0", holds=frozenset(holds))
    return decide(dump.ruleset, packet).verdict


def test_a_program_lets_pass_or_drops() -> None:
    found = dump_of(filtering("-A INPUT -j NFQUEUE --queue-num 3", "-A INPUT -j REJECT"))
    assert verdict(found) is Verdict.DROP
    assert verdict(found, holds=("-j NFQUEUE --queue-num 3 accepts",)) is Verdict.ALLOW
    assert found.coverage == Coverage(2, 1, (("-j NFQUEUE --queue-num 3 accepts", 1),))


@pytest.mark.parametrize("target", ["TARPIT --tarpit", "NOBODY --knows this"])
def test_an_unknown_target_accepts_drops_or_goes_on(target: str) -> None:
    found = dump_of(filtering(f"-A INPUT -j {target}", "-A INPUT -j REJECT"))
    assert verdict(found) is Verdict.REJECT
    assert verdict(found, holds=(f"-j {target} accepts",)) is Verdict.ALLOW
    assert verdict(found, holds=(f"-j {target} drops",)) is Verdict.DROP


@pytest.mark.parametrize(("policy", "expected"), [("ACCEPT", Verdict.ALLOW), ("DROP", Verdict.DROP)])
def test_a_chain_entered_by_goto_that_runs_out_meets_the_policy(policy: str, expected: Verdict) -> None:
    lines = ["-A INPUT -g U", "-A INPUT -j REJECT", "-A U -p udp -j DROP"]
    found = dump_of(filtering(*lines).replace("INPUT ACCEPT", f"INPUT {policy}"))
    assert verdict(found) is expected


def test_a_chain_entered_by_goto_comes_back_behind_the_jump() -> None:
    lines = [":V - [0:0]", "-A INPUT -j V", "-A INPUT -p tcp -j REJECT", "-A V -g U", "-A V -j DROP"]
    assert verdict(dump_of(filtering(*lines))) is Verdict.REJECT


def test_an_opaque_text_is_the_same_question_in_every_rule() -> None:
    lines = ["-A INPUT -m mark --mark 0x1 -j DROP", "-A INPUT -m mark ! --mark 0x1 -j REJECT"]
    found = dump_of(filtering(*lines))
    assert verdict(found) is Verdict.REJECT
    assert verdict(found, holds=("mark --mark 0x1",)) is Verdict.DROP
    assert found.coverage.texts == (("mark --mark 0x1", 2),)


def test_the_coverage_is_said_in_a_line() -> None:
    lines = ["-A U -j DROP"] * 1200 + ["-A U -m owner --uid-owner 0 -j ACCEPT", "-A U -m owner --uid-owner 1 -j MARK"]
    found = dump_of(filtering(*lines)).coverage
    assert str(found) == "1,202 rules: 1,201 exact, 1 opaque"
    assert found.exact == 1201


def test_counters_windows_line_ends_comments_and_blanks_say_nothing() -> None:
    plain = filtering("-A U -s 10.0.0.1 -j DROP")
    text = plain.replace("-A U", "[1:2] -A\tU").replace("COMMIT", "  # x\n\nCOMMIT  ").replace("\n", "\r\n")
    assert dump_of(f"# Generated by x\r\n{text}# Completed").table == dump_of(plain).table


def test_other_commands_of_the_restore_tools_fill_a_table() -> None:
    lines = ["-N V", "-P INPUT DROP", "-A V -j DROP", "-I V -j ACCEPT", "-I V 2 -j RETURN", "-6 -A U -j DROP"]
    found = dump_of(filtering(*lines)).table
    chains = {chain.name: (chain.policy, [rule.target for rule in chain.rules]) for chain in found.chains}
    assert chains["V"] == ("", [Accept(), Return(), Drop()])
    assert chains["INPUT"][0] == "DROP"
    assert chains["U"] == ("", [])


def test_built_in_chains_that_are_not_declared_accept() -> None:
    found = dump_of("*nat\n:PREROUTING ACCEPT\n-A PREROUTING -j DNAT --to-destination 10.0.0.1\nCOMMIT\n").table
    assert [(chain.name, chain.policy) for chain in found.chains] == [
        ("INPUT", "ACCEPT"),
        ("FORWARD", "ACCEPT"),
        ("OUTPUT", "ACCEPT"),
    ]


@pytest.mark.parametrize("table", TABLES)
def test_every_table_is_checked_for_form(table: str) -> None:
    text = f"*{table}\n-A OUTPUT -s example.net -j ACCEPT\nCOMMIT\n" + ("" if table == "filter" else filtering())
    expected = [("NP603", 2, "OUTPUT")] if "OUTPUT" not in TABLES[table] else []
    assert faults(text) == [("NP601", 2, "example.net"), *expected]


INCOMPATIBLE = "# Table `filter' is incompatible, use 'nft' tool."
SIXTEEN = "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16"
FAULTY_RULES = [
    ("-s host.example.net -j DROP", [("NP601", "host.example.net")]),
    ("-s <private_ip> -j DROP", [("NP601", "<private_ip>")]),
    ("-s 10.0.0.300", [("NP601", "10.0.0.300")]),
    ("-s 10.0.0.0/33", [("NP601", "33")]),
    ("-s 2001:db8::1", [("NP601", "2001:db8::1")]),
    ("! -s 10.0.0.1,10.0.0.2", [("NP601", "10.0.0.1,10.0.0.2")]),
    ("-s 10.0.0.1 -s 10.0.0.2", [("NP601", "-s")]),
    ("! -s ! 10.0.0.1", [("NP601", "!")]),
    ("-i interface0123456", [("NP601", "interface0123456")]),
    ("-p tpc", [("NP601", "tpc")]),
    ("-p tcp --dprot 22", [("NP601", "--dprot")]),
    ("-p tcp --dport 65536", [("NP601", "65536")]),
    ("-p tcp --dport 5:4", [("NP601", "5:4")]),
    ("-p tcp --sport -1", [("NP601", "-1")]),
    ("--dport 22", [("NP601", "--dport")]),
    ("-m tcp", [("NP601", "tcp")]),
    ("! -p tcp -m tcp", [("NP601", "tcp")]),
    ("-p tcp -m tcp --tcp-flags SYN,FOO SYN", [("NP601", "FOO")]),
    ("-p tcp -m tcp --tcp-flags SYN", [("NP601", "--tcp-flags")]),
    ("-p tcp -m multiport --dports 1 --sports 2", [("NP601", "--sports")]),
    (f"-p tcp -m multiport --dports {SIXTEEN}", [("NP601", SIXTEEN)]),
    ("-p tcp -m multiport", [("NP601", "multiport")]),
    ("-p icmp -m icmp --icmp-type echo-requst", [("NP601", "echo-requst")]),
    ("-p icmp -m icmp", [("NP601", "icmp")]),
    ("-p icmpv6 -m icmp6 --icmpv6-type 1", [("NP601", "icmp6"), ("NP601", "--icmpv6-type")]),
    ("-m state --state OPEN", [("NP601", "OPEN")]),
    ("-m state --state SNAT", [("NP601", "SNAT")]),
    ("-m conntrack --ctstate NEW,OPEN", [("NP601", "OPEN")]),
    ("-m iprange --src-range 10.0.0.1-10.0.0.9-10.0.0.8", [("NP601", "10.0.0.1-10.0.0.9-10.0.0.8")]),
    ("-m mac --mac-source 42:01:02:03:04", [("NP601", "42:01:02:03:04")]),
    ("-m set --match-set s here", [("NP601", "here")]),
    ("-m limit ! --limit 3/s", [("NP601", "--limit")]),
    ("-m limit --limit 3/s --limit-burst 0", [("NP601", "0")]),
    ("-m comment --comment", [("NP601", "--comment")]),
    ("-j REJECT --reject-with nothing", [("NP601", "nothing")]),
    ("-j REJECT --reject-with tcp-reset", [("NP601", "tcp-reset")]),
    ("-j LOG --log-level bad", [("NP601", "bad")]),
    ("-j ACCEPT --to 1", [("NP601", "--to")]),
    ("-m mark --mark 1 -j ACCEPT --to 1", [("NP601", "--to")]),
    ("-j", [("NP601", "-j")]),
    ("-j DROP -j DROP", [("NP601", "DROP")]),
    ("! -j DROP", [("NP601", "-j")]),
    ("-s 10.0.0.1 !", [("NP601", "!")]),
    ("DROP", [("NP601", "DROP")]),
    ('"-j" DROP', [("NP601", '"-j"')]),
    ("-c 1", [("NP601", "-c")]),
    ("-c a b", [("NP601", "a")]),
    ('-m comment --comment "open', [("NP601", '"open')]),
    ("-j MISSING", [("NP602", "MISSING")]),
    ("-g MISSING", [("NP602", "MISSING")]),
    ("-j DNAT", [("NP602", "DNAT")]),
    ("-j DNAT --to-destination 10.0.0.1", [("NP602", "DNAT")]),
    ("-j INPUT", [("NP602", "INPUT")]),
    ("-j U", [("NP602", "U")]),
]


@pytest.mark.parametrize(("line", "expected"), FAULTY_RULES)
def test_a_rule_that_no_tool_loads_is_an_error_at_its_word(line: str, expected: list[tuple[str, str]]) -> None:
    assert faults(filtering(f"-A U {line}")) == [(code, 4, text) for code, text in expected]


def test_what_only_one_chain_or_family_has() -> None:
    assert faults(filtering("-A INPUT -o eth0 -j DROP")) == [("NP601", 4, "-o")]
    assert faults(filtering("-A U -f -j DROP"), V6) == [("NP601", 4, "-f")]
    assert faults(filtering("-A U -p icmp -m icmp --icmp-type 8"), V6)[0] == ("NP601", 4, "icmp")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [("NP603", 1, "")]),
        ("root@host:~# iptables-save\n" + filtering(), [("NP603", 1, "root@host:~# iptables-save")]),
        ("# Table `filter' is incompatible, use 'nft' tool.\n", [("NP603", 1, INCOMPATIBLE)]),
        (filtering() + "exit\n", [("NP603", 5, "exit")]),
        ("*filter\n:INPUT ACCEPT [0:0]\n", [("NP603", 1, "*filter")]),
        ("*nat\n*filter\nCOMMIT\n", [("NP603", 1, "*nat")]),
        (filtering() + filtering(), [("NP603", 5, "*filter")]),
        ("*nat\nCOMMIT\n*nat\nCOMMIT\n", [("NP603", 3, "*nat")]),
        ("*filtre\nCOMMIT\n", [("NP601", 1, "*filtre")]),
        (filtering(":U - [0:0]"), [("NP603", 4, "U")]),
        (filtering(":X ACCEPT [0:0]"), [("NP601", 4, "ACCEPT")]),
        (filtering(":OUTPUT QUEUE [0:0]"), [("NP601", 4, "QUEUE")]),
        (filtering(":X - [a:b]"), [("NP601", 4, "[a:b]")]),
        (filtering(": -"), [("NP601", 4, "")]),
        (filtering("-A X -j DROP"), [("NP603", 4, "X")]),
        (filtering("-I U 3 -j DROP"), [("NP601", 4, "U")]),
        (filtering("-D U -j DROP"), [("NP601", 4, "-D")]),
        (filtering("iptables -A U -j DROP"), [("NP601", 4, "iptables")]),
        (filtering(":V -", "-A U -j V", "-A V -g U"), [("NP602", 6, "U")]),
        (filtering("-A U -s x -d y", "-A U -p z"), [("NP601", 4, "x"), ("NP601", 5, "z")]),
        ("*filter\r\n:INPUT ACCEPT\rCOMMIT\r\n", [("NP601", 2, "\r")]),
    ],
)
def test_a_text_that_is_not_whole_is_an_error_at_its_line(text: str, expected: list[tuple[str, int, str]]) -> None:
    assert faults(text)[: len(expected)] == expected


def test_a_line_of_no_set_is_an_error() -> None:
    assert faults(filtering(), sets="crate s hash:ip\n") == [("NP601", 1, "crate s hash:ip")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Generated by iptables-save v1.8.9 on Thu\n-A INPUT -s ::1", V4),
        ("# Generated by ip6tables-save v1.4.21 on Thu\n", V6),
        ("# Generated by ip6tables-nft-save v1.8.9 (nf_tables)\n", V6),
        ("-A INPUT ! -s 10.0.0.0/8 -j DROP", V4),
        ("-A INPUT -s fe80::/10 -j DROP", V6),
        ("-A INPUT -d ! ::1 -j DROP", V6),
        ("-A INPUT -p icmp -m icmp --icmp-type 8 -j DROP", V4),
        ("-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 8 -j DROP", V6),
        ("-A INPUT -j REJECT --reject-with icmp6-adm-prohibited", V6),
        ("-A INPUT -j REJECT --reject-with icmp-port-unreachable", V4),
        ("*filter\n-A INPUT -p tcp --dport 22 -j DROP\nCOMMIT\n", None),
        ("-A INPUT -s 10.0.0.1\n-A INPUT -s ::1\n", None),
        ('-A INPUT -m comment --comment " -s 10.0.0.1 "\n# -s 10.0.0.1\n', None),
    ],
)
def test_the_family_of_a_text(text: str, expected: Family | None) -> None:
    assert family_of(Source("dump", text)) is expected
