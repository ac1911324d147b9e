"""The reader of iptables text: every match and target, kernel output as well as our own, and every refusal."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netpolicy.diagnostic import Diagnostic
from netpolicy.packet.addresses import Family
from netpolicy.source import Source
from netpolicy.targets.iptables.normal import normal, normal_rate, rate_period
from netpolicy.targets.iptables.protocols import NUMBERS
from netpolicy.targets.iptables.read import read
from netpolicy.targets.iptables.rules import (
    Accept,
    AddressList,
    AddressRange,
    Drop,
    Foreign,
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
    Target,
)

SAVED = Path(__file__).parent / "saved"
BUILT_IN = ":INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
EMPTY = f"*filter\n{BUILT_IN}COMMIT\n"
SETS = "create s hash:ip family inet\nadd s 10.0.0.1\ncreate s6 hash:ip family inet6\n"
SRC, DST = Side.SOURCE, Side.DESTINATION
TCP = ProtocolIs(6)


def files(v4: str = EMPTY, v6: str = EMPTY, sets: str = SETS) -> dict[str, Source]:
    texts = {"rules.v4": v4, "rules.v6": v6, "sets.ipset": sets}
    return {name: Source(name, text) for name, text in texts.items()}


def table(body: str) -> str:
    """A filter table with these lines: chain lines may stand among them, `U` and `V` are declared and end in DROP."""
    return f"*filter\n{BUILT_IN}:U - [0:0]\n:V - [0:0]\n{body}\n-A U -j DROP\n-A V -j DROP\nCOMMIT\n"


def faults(texts: dict[str, Source]) -> list[tuple[str, str]]:
    """Code and underlined text of every error; each has a message and a hint fit to print."""
    ruleset, problems = read(texts)
    assert (ruleset is None) == bool(problems)
    for problem in problems:
        assert problem.hint
        assert problem.message[0] in "`abcdefghijklmnopqrstuvwxyz0123456789-"
        assert "\n" not in problem.message + problem.hint
    return [(problem.code, problem.span.text if problem.span else "") for problem in problems]


def understood(texts: dict[str, Source]) -> Ruleset:
    ruleset, problems = read(texts)
    assert problems == []
    assert ruleset is not None
    return ruleset


def rule_of(line: str, family: Family = Family.V4) -> Rule:
    """The rule that this one line in chain U is read as."""
    text = table(f"-A U {line}")
    ruleset = understood(files(v4=text) if family is Family.V4 else files(v6=text))
    chain = ruleset.table(family).chain("U")
    assert chain is not None
    assert chain.rules[0].line == 7
    return chain.rules[0]


def saved(rules: str, sets: str) -> dict[str, Source]:
    names = {"rules.v4": f"{rules}.v4", "rules.v6": f"{rules}.v6", "sets.ipset": f"{sets}.ipset"}
    return {name: Source(file, (SAVED / file).read_text()) for name, file in names.items()}


V4_MATCHES: list[tuple[str, tuple[Match, ...]]] = [
    ("-s 10.0.0.1", (Network(SRC, 0x0A000001, 32),)),
    ("-s 10.0.0.1/32", (Network(SRC, 0x0A000001, 32),)),
    ("! -d 10.0.0.77/24", (Network(DST, 0x0A000000, 24, negated=True),)),
    ("-d 10.0.0.0/255.255.0.0", (Network(DST, 0x0A000000, 16),)),
    ("-s 0.0.0.0/0 -p all -i +", ()),
    ("-i eth0 ! -o br+", (Interface(DST, "br+", negated=True), Interface(SRC, "eth0"))),
    ("-p 6", (TCP,)),
    ("! -p esp", (ProtocolIs(50, negated=True),)),
    ("-p vrrp", (ProtocolIs(112),)),
    ("-p tcp -m tcp --dport 22", (PortIn(DST, ((22, 22),)), TCP)),
    ("-p tcp --dport 22", (PortIn(DST, ((22, 22),)), TCP)),
    ("-p tcp -m multiport --dports 22", (PortIn(DST, ((22, 22),)), TCP)),
    ("-p tcp -m multiport --dports 80,81", (PortIn(DST, ((80, 81),)), TCP)),
    ("-p tcp -m tcp --dport 80:81", (PortIn(DST, ((80, 81),)), TCP)),
    ("-p tcp -m tcp --dport 60000:", (PortIn(DST, ((60000, 65535),)), TCP)),
    ("-p tcp -m tcp --dport :9", (PortIn(DST, ((0, 9),)), TCP)),
    ("-p tcp -m tcp --dport 0:65535", (TCP,)),
    ("-p tcp -m tcp", (TCP,)),
    (
        "-p udp -m udp ! --sport 67:68 --dport 53",
        (PortIn(DST, ((53, 53),)), PortIn(SRC, ((67, 68),), negated=True), ProtocolIs(17)),
    ),
    (
        "-p udp -m multiport --dports 53,54:60 -m udp --sport 9",
        (PortIn(DST, ((53, 60),)), PortIn(SRC, ((9, 9),)), ProtocolIs(17)),
    ),
    ("-p sctp -m multiport ! --sports 1,3:4", (PortIn(SRC, ((1, 1), (3, 4)), negated=True), ProtocolIs(132))),
    ("-p icmp -m icmp --icmp-type 3/4", (IcmpIs(3, 4), ProtocolIs(1))),
    ("-p icmp --icmp-type 8", (IcmpIs(8), ProtocolIs(1))),
    ("-p icmp -m icmp ! --icmp-type 0/0", (IcmpIs(0, 0, negated=True), ProtocolIs(1))),
    ("-m iprange --src-range 10.0.0.3-10.0.0.9", (AddressRange(SRC, 0x0A000003, 0x0A000009),)),
    ("-m iprange ! --dst-range 10.0.0.3", (AddressRange(DST, 0x0A000003, 0x0A000003, negated=True),)),
    ("-m set --match-set s src", (InSet(SRC, "s"),)),
    ("-m set ! --match-set s dst -m set --match-set s src", (InSet(DST, "s", negated=True), InSet(SRC, "s"))),
    ("-m conntrack --ctstate RELATED,ESTABLISHED", (StateIn(frozenset({"ESTABLISHED", "RELATED"})),)),
    ("-m conntrack ! --ctstate DNAT", (StateIn(frozenset({"DNAT"}), negated=True),)),
    (
        "-m conntrack --ctstate DNAT --ctorigdstport 41000:61000",
        (OriginalPort((41000, 61000)), StateIn(frozenset({"DNAT"}))),
    ),
    ("-m conntrack ! --ctorigdstport 22", (OriginalPort((22, 22), negated=True),)),
    (
        "-m conntrack --ctproto 6 --ctorigdst 10.0.0.5",
        (OriginalDestination(0x0A000005, 32), OriginalProtocol(6)),
    ),
    ("-m conntrack ! --ctproto udp ! --ctorigdst 10.0.0.5/8", (
        OriginalDestination(0x0A000000, 8, negated=True),
        OriginalProtocol(17, negated=True),
    )),
]  # fmt: skip

V6_MATCHES: list[tuple[str, tuple[Match, ...]]] = [
    ("-s fe80::/10", (Network(SRC, 0xFE80 << 112, 10),)),
    ("! -d 2001:db8::00a2/128", (Network(DST, (0x20010DB8 << 96) + 0xA2, 128, negated=True),)),
    ("-d 2001:db8::/ffff:ffff::", (Network(DST, 0x20010DB8 << 96, 32),)),
    ("-p icmpv6 -m icmp6 --icmpv6-type 135", (IcmpIs(135), ProtocolIs(58))),
    ("-p ipv6-icmp -m icmp6 ! --icmpv6-type 1/3", (IcmpIs(1, 3, negated=True), ProtocolIs(58))),
    ("-m iprange --src-range ::3-::9", (AddressRange(SRC, 3, 9),)),
    ("-m set --match-set s6 src", (InSet(SRC, "s6"),)),
    ("-m conntrack --ctorigdst ::1", (OriginalDestination(1, 128),)),
]

TARGETS: list[tuple[str, Target]] = [
    ("-j RETURN", Return()),
    ("-j ACCEPT", Accept()),
    ("-j DROP", Drop()),
    ("-j REJECT", Reject("icmp-port-unreachable")),
    ("-j REJECT --reject-with icmp-admin-prohibited", Reject("icmp-admin-prohibited")),
    ("-j V", Jump("V")),
    ("-g V", Goto("V")),
    ("-j LOG", Log("")),
    ('-j LOG --log-prefix "np:1a2b3c4d "', Log("np:1a2b3c4d ")),
    ("-j LOG --log-prefix -x", Log("-x")),
    ("", Mark()),
]


@pytest.mark.parametrize(("line", "matches"), V4_MATCHES, ids=[line for line, _ in V4_MATCHES])
def test_match_of_ipv4(line: str, matches: tuple[Match, ...]) -> None:
    assert rule_of(f"{line} -j DROP") == Rule(matches, Drop())


@pytest.mark.parametrize(("line", "matches"), V6_MATCHES, ids=[line for line, _ in V6_MATCHES])
def test_match_of_ipv6(line: str, matches: tuple[Match, ...]) -> None:
    assert rule_of(f"{line} -j DROP", Family.V6) == Rule(matches, Drop())


@pytest.mark.parametrize(("line", "target"), TARGETS, ids=[line for line, _ in TARGETS])
def test_target(line: str, target: Target) -> None:
    assert rule_of(line) == Rule((), target)


def test_reject_of_ipv6_answers_in_its_own_family() -> None:
    assert rule_of("-j REJECT", Family.V6).target == Reject("icmp6-port-unreachable")
    assert rule_of("-p tcp -j REJECT --reject-with tcp-reset", Family.V6).target == Reject("tcp-reset")


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("--limit 5/sec", Limit("5/sec", 5)),
        ("--limit 5/second --limit-burst 7", Limit("5/sec", 7)),
        ("--limit-burst 7 --limit 60/minute", Limit("1/sec", 7)),
    ],
)
def test_limit(text: str, limit: Limit) -> None:
    assert rule_of(f'-m limit {text} -j LOG --log-prefix "x "') == Rule((limit,), Log("x "))


@pytest.mark.parametrize(
    ("word", "comment"),
    [
        ("np:s1", "np:s1"),
        ('"np:s1,s2 three"', "np:s1,s2 three"),
        (r'"a \"q\" b\\c it\'s"', 'a "q" b\\c it\'s'),
        ('a"b c"', "ab c"),
        ('""', ""),
        (r"a\b", r"a\b"),
        (r'a\b"c d"', r"a\bc d"),
        ('"-j"', "-j"),
        ("-s", "-s"),
        ('"tab\there"', "tab\there"),
    ],
)
def test_quotes_and_escapes_of_a_comment(word: str, comment: str) -> None:
    assert rule_of(f"-m comment --comment {word} -j DROP") == Rule((), Drop(), comment)


def test_closing_quote_ends_the_word_as_in_iptables_restore() -> None:
    assert rule_of('-m comment --comment "x"-j DROP') == Rule((), Drop(), "x")


def test_counters_tabs_comments_and_blank_lines_say_nothing() -> None:
    plain = understood(files(v4=table("-A U -p tcp -j RETURN")))
    decorated = table("# a word\n\n[12:34] -A\tU  -p tcp   -j RETURN  \n# Warning: more").replace(" [0:0]", " [7:9]", 2)
    assert understood(files(v4=f"# Generated\n{decorated}# Completed\n")) == plain


@pytest.mark.parametrize("backend", ["legacy", "nft"])
def test_what_the_kernel_prints_back_equals_what_was_written(backend: str) -> None:
    assert understood(saved(backend, "kernel")) == understood(saved("written", "written"))


def test_saved_text_holds_every_match_and_target() -> None:
    """The comparison with the kernel's text is empty for what the texts do not contain; some only others write."""
    ruleset = understood(saved("legacy", "kernel"))
    rules = [rule for side in (ruleset.v4, ruleset.v6) for chain in side.chains for rule in chain.rules]
    assert {type(match) for rule in rules for match in rule.matches} == set(Match.__args__) - set(Foreign.__args__)
    assert {type(rule.target) for rule in rules} == set(Target.__args__)


def test_chains_are_the_built_in_ones_then_by_name() -> None:
    text = f"*filter\n:B - [0:0]\n:A - [0:0]\n{BUILT_IN}COMMIT\n".replace("OUTPUT ACCEPT", "OUTPUT DROP")
    chains = understood(files(v4=text)).v4.chains
    assert [(chain.name, chain.policy) for chain in chains] == [
        ("INPUT", "ACCEPT"),
        ("FORWARD", "ACCEPT"),
        ("OUTPUT", "DROP"),
        ("A", ""),
        ("B", ""),
    ]


def test_sets_as_written_and_as_saved() -> None:
    written, kernel = understood(saved("written", "written")), understood(saved("written", "kernel"))
    assert written.sets == kernel.sets
    assert written.sets[0] == AddressList(
        "np-dea-1a2b3c4d",
        Family.V4,
        "hash:ip",
        ((0x0A000001, 0x0A000001), (0x0A000004, 0x0A000007), (0x0A000100, 0x0A000103)),
    )
    assert [(one.name, one.family, one.kind) for one in written.sets[1:]] == [
        ("np-dea6-5e6f", Family.V6, "hash:ip"),
        ("np-net-99", Family.V4, "hash:net"),
        ("np-net6-77", Family.V6, "hash:net"),
    ]


def test_a_ruleset_without_a_sets_file_has_no_sets() -> None:
    assert understood({name: text for name, text in files().items() if name != "sets.ipset"}).sets == ()


# Each line goes into chain U; the underlined text is what stands in brackets «».
BAD_LINES = [
    ("-s «10.0.0.300» -j DROP", "NP601"),
    ("-s «10.1» -j DROP", "NP601"),
    ("-s «fe80::1» -j DROP", "NP601"),
    ("-s «db.example» -j DROP", "NP601"),
    ("-s «10.0.0.1,10.0.0.2» -j DROP", "NP601"),
    ("-s 10.0.0.0/«33» -j DROP", "NP601"),
    ("-s 10.0.0.0/«08» -j DROP", "NP601"),
    ("-s 10.0.0.0/«255.0.255.0» -j DROP", "NP601"),
    ("-s «10.0.0.0/8/8» -j DROP", "NP601"),
    ("! -s «0.0.0.0/0» -j DROP", "NP601"),
    ("-s 10.0.0.1 «-s» 10.0.0.2 -j DROP", "NP601"),
    ("-d «!» 10.0.0.1 -j DROP", "NP601"),
    ("-i «seventeen-letters» -j DROP", "NP601"),
    ("! -i «+» -j DROP", "NP601"),
    ("-p «tpc» -j DROP", "NP601"),
    ("-p «256» -j DROP", "NP601"),
    ("! -p «0» -j DROP", "NP601"),
    ("«--dport» 22 -p tcp -j DROP", "NP601"),
    ("-p tcp --dport «ssh» -j DROP", "NP601"),
    ("-p tcp --dport «65536» -j DROP", "NP601"),
    ("-p tcp --dport «080» -j DROP", "NP601"),
    ("-p tcp --dport «5:1» -j DROP", "NP601"),
    ("-p tcp --dport «:» -j DROP", "NP601"),
    ("-p tcp ! --dport «0:65535» -j DROP", "NP601"),
    ("! -p tcp -m «tcp» --dport 5 -j DROP", "NP601"),
    ("-p udp -m «tcp» --dport 5 -j DROP", "NP601"),
    ("-p gre -m «multiport» --dports 5,6 -j DROP", "NP601"),
    ("-p tcp -m tcp --dport 1 -m tcp «--dport» 2 -j DROP", "NP601"),
    ("-p tcp -m multiport --dports 1,2 «--sport» 4 -j DROP", "NP601"),
    ("-p tcp -m multiport --dports 1,2 «--sports» 4 -j DROP", "NP601"),
    ("-p tcp -m multiport --dports 1,«x» -j DROP", "NP601"),
    ("-p tcp -m multiport --dports 1,«5:» -j DROP", "NP601"),
    ("-p tcp -m multiport --dports «1,2,3,4,5,6,7,8,9,10,11,12,13,14:15,16» -j DROP", "NP601"),
    ("-p icmp -m icmp --icmp-type «echo-request» -j DROP", "NP601"),
    ("-p icmp -m icmp --icmp-type «255» -j DROP", "NP601"),
    ("-p icmp -m icmp --icmp-type 3/«256» -j DROP", "NP601"),
    ("-p icmp -m «icmp6» --icmpv6-type 1 -j DROP", "NP601 NP601"),
    ("-m iprange --src-range «10.0.0.9-10.0.0.1» -j DROP", "NP601"),
    ("-m «set» -j DROP", "NP601"),
    ("-m set --match-set s «both» -j DROP", "NP601"),
    ("-m set --match-set s src «--match-set» s dst -j DROP", "NP601"),
    ("-m set --match-set «t» src -j DROP", "NP602"),
    ("-m set ! --match-set «s6» src -j DROP", "NP602"),
    ("«--ctstate» NEW -j DROP", "NP601"),
    ("-m conntrack --ctstate NEW,«related» -j DROP", "NP601"),
    ("-m conntrack --ctproto «0» -j DROP", "NP601"),
    ("-m conntrack --ctorigdstport «9:1» -j DROP", "NP601"),
    ("-m conntrack «--ctdir» ORIGINAL -j DROP", "NP601"),
    ("-m conntrack --ctstate «INVALID» --ctorigdstport 80 -j DROP", "NP602"),
    ("-m conntrack ! --ctstate «DNAT» --ctorigdst 10.0.0.1 -j DROP", "NP602"),
    ("-m limit --limit «5/year» -j LOG", "NP601"),
    ("-m limit --limit «20000/sec» -j LOG", "NP601"),
    ("-m limit --limit 5/sec --limit-burst «0» -j LOG", "NP601"),
    ("-m limit ! «--limit» 5/sec -j LOG", "NP601"),
    ("-m «limit» --limit-burst 4 -j LOG", "NP601"),
    ("-m «limit» --limit 5/sec -j DROP", "NP602"),
    ("-m «comment» -j DROP", "NP601"),
    ("-m comment --comment a -m «comment» --comment b", "NP601"),
    (f"-m comment --comment «{'é' * 128}»", "NP601"),
    ("-m comment --comment «\"a b -j DROP»", "NP601"),
    ("-m «addrtype» --dst-type LOCAL ! --src-type LOCAL -j DROP", "NP601"),
    ("-m «state» --state NEW -j DROP", "NP601"),
    ("-f «--fragment» -j DROP", "NP601 NP601"),
    ("-j «MARK» --set-mark 1", "NP601 NP602"),
    ("-j «NOWHERE»", "NP602"),
    ("-g «DROP»", "NP602"),
    ("-j «INPUT»", "NP602"),
    ("-j DROP -j «V»", "NP601"),
    ("! «-j» DROP", "NP601"),
    ("«-j»", "NP601"),
    ("-p tcp «!»", "NP601"),
    ("-j DROP «#» no comment here", "NP601"),
    ('«"-j"» DROP', "NP601"),
    ("-j REJECT --reject-with «icmp6-no-route»", "NP601"),
    ("-j REJECT --reject-with «tcp-reset»", "NP602"),
    ("! -p tcp -j REJECT --reject-with «tcp-reset»", "NP602"),
    ("-j DROP «--reject-with» tcp-reset", "NP601"),
    ("-j LOG --log-prefix «\"\"»", "NP601"),
    ("-j LOG --log-prefix «012345678901234567890123456789»", "NP601"),
    ("-j LOG «--log-level» 7", "NP601"),
]  # fmt: skip


@pytest.mark.parametrize(("marked", "codes"), BAD_LINES, ids=[line for line, _ in BAD_LINES])
def test_word_that_is_not_understood_is_underlined(marked: str, codes: str) -> None:
    before, _, rest = marked.partition("«")
    text = rest.partition("»")[0]
    found = read(files(v4=table(f"-A U {before}{rest.replace('»', '')}")))[1]
    assert sorted(one.code for one in found) == codes.split()
    places = [(one.span.line, one.span.column, one.span.text) for one in found if one.span]
    assert (7, len(f"-A U {before}") + 1, text) in places


BAD_TABLES = [
    ("", [("NP603", "")]),
    ("*filter\n" + BUILT_IN, [("NP603", "*filter")]),
    (BUILT_IN, [("NP603", line) for line in BUILT_IN.splitlines()] + [("NP603", "")]),
    (EMPTY + "-A INPUT -j DROP\n", [("NP603", "-A INPUT -j DROP")]),
    (EMPTY + EMPTY, [("NP603", "*filter"), *[("NP603", line.split()[0]) for line in BUILT_IN.splitlines()]]),
    ("*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n" + EMPTY, [("NP601", "*nat")]),
    ("*nat\n" + EMPTY, [("NP601", "*nat"), ("NP603", "*nat")]),
    (EMPTY.replace(":OUTPUT ACCEPT [0:0]\n", ""), [("NP603", "*filter")]),
    (EMPTY.replace("COMMIT", "COMMIT now"), [("NP601", "now")]),
    (EMPTY.replace("*filter", "*filter x"), [("NP601", "x")]),
    (EMPTY.replace("INPUT ACCEPT", "INPUT RETURN"), [("NP601", "RETURN")]),
    (EMPTY.replace("INPUT ACCEPT", "INPUT -"), [("NP601", "-")]),
    (EMPTY.replace("INPUT ACCEPT [0:0]", "INPUT"), [("NP601", ":INPUT")]),
    (EMPTY.replace("INPUT ACCEPT [0:0]", "INPUT ACCEPT [0:]"), [("NP601", "[0:]")]),
    (table(":W ACCEPT [0:0]"), [("NP601", "ACCEPT")]),
    (table(":DROP - [0:0]"), [("NP601", ":DROP")]),
    (table(f":{'W' * 29} - [0:0]"), [("NP601", f":{'W' * 29}")]),
    (table(":U - [0:0]"), [("NP603", ":U")]),
    (table("-A W -j DROP"), [("NP603", "W")]),
    (table("-I U -j DROP"), [("NP601", "-I")]),
    (table("-P INPUT DROP"), [("NP601", "-P")]),
    (table("[1:2]"), [("NP601", "[1:2]")]),
    (table("-A INPUT -o eth0 -j DROP"), [("NP601", "-o")]),
    (table("-A OUTPUT ! -i eth0 -j DROP"), [("NP601", "-i")]),
    (table("  # x"), [("NP601", "#")]),
    (EMPTY.replace("\n", "\r\n"), [("NP601", "\r")]),
]


@pytest.mark.parametrize(("text", "expected"), BAD_TABLES)
def test_table_that_is_not_whole(text: str, expected: list[tuple[str, str]]) -> None:
    assert faults(files(v4=text)) == expected
    assert faults(files(v6=text)) == expected


BAD_SETS = [
    ("create a list:set", [("NP601", "list:set")]),
    ("create a", [("NP601", "a")]),
    ("create a hash:ip timeout 5 family inet6\nadd a ::1", [("NP601", "timeout")]),
    ("create a hash:ip family inet7\nadd a 10.0.0.1", [("NP601", "inet7")]),
    ("create a hash:ip hashsize many", [("NP601", "many")]),
    ("create a hash:ip maxelem", [("NP601", "maxelem")]),
    ("create a hash:ip initval 0xzz", [("NP601", "0xzz")]),
    ("create a hash:ip\ncreate a hash:ip", [("NP603", "a")]),
    ("add a 10.0.0.1", [("NP603", "a")]),
    ("create a hash:ip\nadd a 10.0.0.300", [("NP601", "10.0.0.300")]),
    ("create a hash:ip\nadd a 10.0.0.9-10.0.0.1", [("NP601", "10.0.0.9-10.0.0.1")]),
    ("create a hash:ip\nadd a 0.0.0.0", [("NP601", "0.0.0.0")]),
    ("create a hash:net\nadd a 0.0.0.0/0", [("NP601", "0.0.0.0/0")]),
    ("create a hash:net\nadd a 0.0.0.0-255.255.255.255", [("NP601", "0.0.0.0-255.255.255.255")]),
    ("create a hash:net\nadd a 10.0.0.0/8 nomatch", [("NP601", "nomatch")]),
    ("create a hash:ip family inet6\nadd a ::4/126", [("NP601", "::4/126")]),
    ("create a hash:net family inet6\nadd a ::1-::4", [("NP601", "::1-::4")]),
    ("create a hash:ip family inet6\nadd a 10.0.0.1", [("NP601", "10.0.0.1")]),
    ("create a hash:ip family inet6\nadd a fe80::1%eth0", [("NP601", "fe80::1%eth0")]),
    ("destroy a", [("NP601", "destroy")]),
    ("-exist", [("NP601", "-exist")]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), BAD_SETS)
def test_set_that_is_not_understood(text: str, expected: list[tuple[str, str]]) -> None:
    assert faults(files(sets=text)) == expected


@pytest.mark.parametrize("name", ["rules.v4", "rules.v6"])
def test_missing_rules_are_an_error(name: str) -> None:
    problems: list[Diagnostic] = read({key: text for key, text in files().items() if key != name})[1]
    assert [(one.code, one.message) for one in problems] == [("NP603", f"`{name}` is missing")]


def test_file_of_another_name_is_an_error() -> None:
    assert faults(files() | {"rules.v5": Source("rules.v5", "")}) == [("NP601", "")]


def test_all_errors_of_a_ruleset_are_told_at_once() -> None:
    text = table("-A U -s x -p y --what z -j DROP\n-A U -j Q\n-A W -i 1")
    assert faults(files(v4=text, v6=text, sets="nonsense")) == [
        ("NP601", "nonsense"),
        *[("NP601", "x"), ("NP601", "y"), ("NP601", "--what"), ("NP603", "W"), ("NP602", "Q")] * 2,
    ]


SAFE_ENDS = [
    ":G - [0:0]\n-A INPUT -g G\n-A G -j DROP",
    ":G - [0:0]\n-A INPUT -g G\n-A G -s 10.0.0.1 -j RETURN\n-A G -j REJECT",
    ":G - [0:0]\n-A INPUT -g G\n-A G -p tcp -j REJECT --reject-with tcp-reset\n-A G -j REJECT",
    ":G - [0:0]\n-A INPUT -g G\n-A G -p tcp -j RETURN\n-A G -g U",
    ":G - [0:0]\n-A INPUT -j G\n-A G -p tcp -j DROP",
    ":G - [0:0]\n-A INPUT -g G\n-A G -m comment --comment end -j DROP",
]
OPEN_ENDS = [
    (":G - [0:0]\n-A INPUT -g G", "G"),
    (":G - [0:0]\n-A INPUT -g G\n-A G -j RETURN", "-A G -j RETURN"),
    (":G - [0:0]\n-A INPUT -g G\n-A G -j DROP\n-A G -j ACCEPT", "-A G -j ACCEPT"),
    (":G - [0:0]\n-A INPUT -g G\n-A G -p tcp -j DROP", "-A G -p tcp -j DROP"),
    (":G - [0:0]\n-A INPUT -g G\n-A G -p tcp -g U", "-A G -p tcp -g U"),
    (":G - [0:0]\n-A INPUT -g G\n-A G -j U", "-A G -j U"),
    (":G - [0:0]\n-A INPUT -g G\n-A G -j LOG", "-A G -j LOG"),
    (":G - [0:0]\n-A INPUT -g G\n-A G -j DROP\n-A G -m comment --comment x", "-A G -m comment --comment x"),
    (":G - [0:0]\n:H - [0:0]\n-A INPUT -g H\n-A H -g G\n-A G -p tcp -j DROP", "-A G -p tcp -j DROP"),
]


@pytest.mark.parametrize("body", SAFE_ENDS)
def test_goto_chain_that_ends_in_a_refusal_is_read(body: str) -> None:
    understood(files(v4=table(body)))


@pytest.mark.parametrize(("body", "end"), OPEN_ENDS)
def test_goto_chain_that_runs_out_is_refused(body: str, end: str) -> None:
    assert faults(files(v4=table(body))) == [("NP602", end)]


def test_unreadable_end_of_a_goto_chain_is_told_once() -> None:
    assert faults(files(v4=table(":G - [0:0]\n-A INPUT -g G\n-A G --what -j DROP"))) == [("NP601", "--what")]


@pytest.mark.parametrize(
    ("body", "closing"),
    [
        (":A - [0:0]\n-A A -j A", ["A"]),
        (":A - [0:0]\n:B - [0:0]\n-A INPUT -j A\n-A A -j B\n-A B -s 10.0.0.1 -j A", ["A"]),
        (":A - [0:0]\n:B - [0:0]\n-A A -g B\n-A B -g A", ["A"]),
        (":A - [0:0]\n:B - [0:0]\n-A A -j A\n-A A -j B\n-A B -j B", ["A", "B"]),
    ],
)
def test_chain_loop_is_refused(body: str, closing: list[str]) -> None:
    assert faults(files(v4=table(body))) == [("NP602", name) for name in closing]


def test_chain_loop_names_the_way() -> None:
    body = ":A - [0:0]\n:B - [0:0]\n:C - [0:0]\n-A A -j B\n-A B -j C\n-A C -j B\n"
    assert [one.message for one in read(files(v4=table(body)))[1]] == ["chain loop: B -> C -> B"]
    itself = table(":A - [0:0]\n-A A -j A")
    assert [one.message for one in read(files(v4=itself))[1]] == ["chain loop: A -> A"]


def test_chain_entered_twice_is_no_loop() -> None:
    understood(files(v4=table("-A INPUT -j U\n-A INPUT -j U\n-A FORWARD -j U\n-A U -j V")))


def test_long_way_of_chains_is_read() -> None:
    body = "\n".join(f":C{i} - [0:0]" for i in range(3001)) + "\n"
    understood(files(v4=table(body + "\n".join(f"-A C{i} -j C{i + 1}" for i in range(3000)))))


@pytest.mark.parametrize(
    ("rate", "shown"),
    [
        # Each as iptables-save 1.8.9 prints it.
        ("60/min", "1/sec"),
        ("7/min", "7/min"),
        ("3600/hour", "1/sec"),
        ("90/minute", "90/min"),
        ("10000/second", "10000/sec"),
        ("24/day", "1/hour"),
        ("25/day", "25/day"),
        ("120/h", "2/min"),
        ("1440/d", "1/min"),
        ("7/s", "7/sec"),
    ],
)
def test_rate_is_spelled_as_the_kernel_spells_it(rate: str, shown: str) -> None:
    assert normal_rate(rate) == shown


@given(st.integers(1, 10_000), st.sampled_from(["sec", "minute", "hour", "day"]))
def test_normal_rate_is_stable(number: int, unit: str) -> None:
    shown = normal_rate(f"{number}/{unit}")
    assert rate_period(shown) is not None
    assert normal_rate(shown) == shown


@given(st.permutations([*V4_MATCHES[0][1], *V4_MATCHES[20][1], *V4_MATCHES[26][1], *V4_MATCHES[32][1]]))
def test_order_of_matches_never_matters(matches: list[Match]) -> None:
    assert normal(matches) == normal(reversed(matches))
    assert normal(normal(matches)) == normal(matches)
    assert set(normal(matches)) == set(matches)


def test_all_ports_say_nothing_only_beside_a_protocol_with_ports() -> None:
    ports = PortIn(DST, ((0, 65535),))
    assert normal([ports, TCP]) == (TCP,)
    assert normal([ports]) == (ports,)
    assert normal([ports, ProtocolIs(6, negated=True)]) == (ports, ProtocolIs(6, negated=True))


def test_ports_that_are_not_matched_are_spelled_as_those_that_are_where_they_reach_an_end() -> None:
    """iptables-nft-save prints `! --dport 0:9` as `--dport 10:65535`."""
    for wrong, right in (((0, 9), (10, 65535)), ((10, 65535), (0, 9))):
        assert normal([PortIn(Side.SOURCE, (wrong,), True), TCP]) == normal([PortIn(Side.SOURCE, (right,)), TCP])
    for kept in (((1, 9),), ((0, 65535),), ((0, 9), (20, 65535))):
        assert PortIn(Side.SOURCE, kept, True) in normal([PortIn(Side.SOURCE, kept, True), TCP])


def test_every_protocol_name_of_the_save_tools_is_a_number() -> None:
    assert all(0 <= number <= 255 for number in NUMBERS.values())
    assert [name for name, number in NUMBERS.items() if not number] == ["all"]


@given(st.text(alphabet=st.sampled_from('-A U!sjpmg:*"\\10./x \t\n#[]COMIT'), max_size=60))
def test_no_text_makes_the_reader_fail_or_stay_silent(body: str) -> None:
    ruleset, problems = read(files(v4=table(body), sets=body))
    assert (ruleset is None) == bool(problems)
