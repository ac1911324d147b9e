"""The reader at the edges of what it understands: the last value that is good and the first that is not."""

from __future__ import annotations

import pytest

from netpolicy.packet.addresses import Family
from netpolicy.source import Source
from netpolicy.targets.iptables.read import read
from netpolicy.targets.iptables.rules import (
    AddressList,
    Drop,
    IcmpIs,
    InSet,
    Interface,
    Limit,
    Log,
    Match,
    Network,
    OriginalPort,
    PortIn,
    ProtocolIs,
    Reject,
    Rule,
    Side,
    StateIn,
)
from tests.unit.test_read import TCP, faults, files, rule_of, table, understood

SRC, DST = Side.SOURCE, Side.DESTINATION
FIFTEEN = ",".join(str(port) for port in range(1, 31, 2))
SEVEN_RANGES = ",".join(f"{port}:{port + 1}" for port in range(1, 28, 4))


def first_hint(line: str, family: Family = Family.V4) -> str:
    """The hint of the first thing that is wrong with a line."""
    text = table(f"-A U {line}")
    return read(files(v4=text) if family is Family.V4 else files(v6=text))[1][0].hint


GOOD: list[tuple[str, tuple[Match, ...]]] = [
    ("-i fifteen-letters", (Interface(SRC, "fifteen-letters"),)),
    (f"-m set --match-set {'s' * 31} src", (InSet(SRC, "s" * 31),)),
    (f"-p tcp -m multiport --dports {FIFTEEN}", (PortIn(DST, tuple((at, at) for at in range(1, 31, 2))), TCP)),
    (
        f"-p tcp -m multiport --dports {SEVEN_RANGES},99",
        (PortIn(DST, (*((at, at + 1) for at in range(1, 28, 4)), (99, 99))), TCP),
    ),
    ("-p tcp --dport 0", (PortIn(DST, ((0, 0),)), TCP)),
    ("-p tcp --dport 65535", (PortIn(DST, ((65535, 65535),)), TCP)),
    ("-p 255", (ProtocolIs(255),)),
    ("-s 10.0.0.1/1", (Network(SRC, 0, 1),)),
    ("-p icmp -m icmp --icmp-type 254/255", (IcmpIs(254, 255), ProtocolIs(1))),
    ("-p icmp -m icmp --icmp-type 0/0", (IcmpIs(0, 0), ProtocolIs(1))),
    ("-m conntrack --ctorigdstport 65535", (OriginalPort((65535, 65535)),)),
    ("-m conntrack --ctstate INVALID,UNTRACKED", (StateIn(frozenset({"INVALID", "UNTRACKED"})),)),
]


@pytest.mark.parametrize(("line", "matches"), GOOD, ids=[line for line, _ in GOOD])
def test_the_last_good_value_is_read(line: str, matches: tuple[Match, ...]) -> None:
    sets = f"create {'s' * 31} hash:ip family inet\nadd {'s' * 31} 10.0.0.1\n"
    ruleset = understood(files(v4=table(f"-A U {line} -j DROP"), sets=sets))
    chain = ruleset.v4.chain("U")
    assert chain is not None
    assert chain.rules[0] == Rule(matches, Drop())


BAD = [
    "-i sixteen--letters",
    f"-m set --match-set {'s' * 32} src",
    f"-p tcp -m multiport --dports {FIFTEEN},99",
    f"-p tcp -m multiport --dports {SEVEN_RANGES},99,101",
    "-p 256",
    "-p icmp -m icmp --icmp-type 1/2/3",
    "-p icmp -m icmp --icmp-type 254/256",
    "-m conntrack --ctorigdstport 65536",
    "-s 10.0.0.0/255.0.255.0",
    "-m iprange --src-range 10.0.0.1-10.0.0.2-10.0.0.3",
    "-p tcp --dport 1:2:3",
    "-p tcp -m multiport --dports :5,6",
    "! -j LOG",
    "-j REJECT ! --reject-with icmp-port-unreachable",
    "-j LOG ! --log-prefix x",
    "-m comment ! --comment x",
    "-m limit --limit 5/sec ! --limit-burst 4",
]


@pytest.mark.parametrize("line", BAD)
def test_the_first_bad_value_is_refused(line: str) -> None:
    assert [code for code, _ in faults(files(v4=table(f"-A U {line} ")))] == ["NP601"]


@pytest.mark.parametrize(("kind", "good"), [("254", True), ("255", True), ("256", False)])
def test_icmpv6_has_a_type_255(kind: str, good: bool) -> None:
    text = table(f"-A U -p icmpv6 -m icmp6 --icmpv6-type {kind} -j DROP")
    assert (faults(files(v6=text)) == []) is good


def test_bytes_of_a_text_are_counted() -> None:
    assert rule_of(f"-m comment --comment {'c' * 255}").comment == "c" * 255
    assert rule_of(f"-j LOG --log-prefix {'c' * 29}").target == Log("c" * 29)
    assert faults(files(v4=table(f"-A U -m comment --comment {'c' * 256}"))) == [("NP601", "c" * 256)]
    assert faults(files(v4=table(f"-A U -j LOG --log-prefix {'c' * 30}"))) == [("NP601", "c" * 30)]


def test_free_text_may_be_spelled_as_an_option() -> None:
    assert rule_of("-j LOG --log-prefix -j").target == Log("-j")
    assert rule_of("-m comment --comment -j -j DROP") == Rule((), Drop(), "-j")


def test_a_burst_has_edges_too() -> None:
    for burst in (1, 10_000):
        line = f"-m limit --limit 5/sec --limit-burst {burst} -j LOG"
        assert rule_of(line).matches == (Limit("5/sec", burst),)
    text = table("-A U -m limit --limit 5/sec --limit-burst 10001 -j LOG")
    assert faults(files(v4=text)) == [("NP601", "10001")]


def test_a_quote_that_a_backslash_leaves_open_is_not_closed() -> None:
    for line in ('-m comment --comment "a\\', '-m comment --comment "a\\"', '-m comment --comment "\\'):
        assert [code for code, _ in faults(files(v4=table(f"-A U {line}")))] == ["NP601"]


@pytest.mark.parametrize("target", ["ACCEPT", "DROP", "LOG", "REJECT", "RETURN"])
def test_no_chain_is_called_like_a_target(target: str) -> None:
    assert ("NP601", f":{target}") in faults(files(v4=table(f":{target} - [0:0]")))


@pytest.mark.parametrize(
    ("name", "good"), [("W" * 28, True), ("W" * 29, False), ("-W", False), ("!W", False), ("", False)]
)
def test_name_of_a_chain(name: str, good: bool) -> None:
    assert faults(files(v4=table(f":{name} - [0:0]"))) == ([] if good else [("NP601", f":{name}")])


@pytest.mark.parametrize("state", ["NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED", "SNAT", "DNAT"])
def test_every_state_is_known(state: str) -> None:
    assert rule_of(f"-m conntrack --ctstate {state}").matches == (StateIn(frozenset({state})),)


ANSWERS = {
    Family.V4: ("port-unreachable net-unreachable host-unreachable proto-unreachable", "net host admin", "icmp"),
    Family.V6: ("port-unreachable no-route addr-unreachable policy-fail reject-route", "adm", "icmp6"),
}


@pytest.mark.parametrize("family", ANSWERS)
def test_every_answer_of_a_family_is_known(family: Family) -> None:
    plain, prohibited, kind = ANSWERS[family]
    for how in (*plain.split(), *(f"{one}-prohibited" for one in prohibited.split())):
        line = f"-j REJECT --reject-with {kind}-{how}"
        assert rule_of(line, family).target == Reject(f"{kind}-{how}")


def test_every_protocol_with_ports_takes_a_list_of_them() -> None:
    for number in (6, 17, 33, 132, 136):
        matches = rule_of(f"-p {number} -m multiport --dports 5,7").matches
        assert matches == (PortIn(DST, ((5, 5), (7, 7))), ProtocolIs(number))
    for module, number in (("tcp", 6), ("udp", 17), ("sctp", 132)):
        assert rule_of(f"-p {number} -m {module} --dport 5").matches == (PortIn(DST, ((5, 5),)), ProtocolIs(number))


def test_an_extension_header_is_no_protocol_of_ipv6() -> None:
    for number in (43, 44, 51, 60):
        assert faults(files(v6=table(f"-A U -p {number} -j DROP"))) == [("NP601", str(number))]
        assert rule_of(f"-p {number} -j DROP").matches == (ProtocolIs(number),)
    assert rule_of("-m ah -j DROP", Family.V6).matches == (ProtocolIs(51),)
    assert faults(files(v4=table("-A U -m ah -j DROP"))) == [("NP601", "ah")]


def test_what_is_known_is_told_of_the_right_family() -> None:
    known = "known are tcp, udp, sctp, {}, multiport, comment, conntrack, iprange, limit, set"
    assert first_hint("-m nothing-like-it -j DROP") == known.format("icmp")
    assert first_hint("-m nothing-like-it -j DROP", Family.V6) == known.format("icmp6")
    assert first_hint("-m conntrak -j DROP") == "did you mean `conntrack`?"
    assert first_hint("--dprot 22 -j DROP") == "did you mean `--dport`?"
    assert first_hint("--nothing-like-it -j DROP") == "this option is not supported"
    assert first_hint("--ctstate NEW -j DROP") == "write `-m conntrack` before it"
    assert first_hint("--log-prefix x -j DROP") == "write `-j LOG` before it"


def test_a_ruleset_has_both_families() -> None:
    problem = read({name: text for name, text in files().items() if name != "rules.v6"})[1][0]
    assert (problem.code, problem.hint) == ("NP603", "a ruleset has rules for both families")


def test_what_a_file_of_another_name_may_be_called() -> None:
    problem = read(files() | {"rules.v5": Source("rules.v5", "words")})[1][0]
    assert problem.message == "`rules.v5` is no file of a ruleset"
    assert problem.hint == "known are rules.v4, rules.v6, sets.ipset"
    assert problem.span is not None
    assert (problem.span.start, problem.span.end) == (0, 0)


SET_LINES = [
    ("create a hash:ip initval 0x12345678", True),
    ("create a hash:ip initval 0x1", True),
    ("create a hash:ip initval 0x123456789", False),
    ("create a hash:ip initval 0x", False),
    ("create a hash:ip initval 12345678", False),
    ("create a hash:ip hashsize 1024 maxelem 65536 bucketsize 12", True),
    ("create a hash:ip hashsize ²", False),
    ("create a hash:ip -! -exist", True),
    ("create a hash:ip maxelem", False),
    ("add s 10.0.0.2 -!", True),
    ("add s", False),
    ("add s 10.0.0.2 10.0.0.3", False),
    ("add s 10.0.0.0/30", True),
    ("add s 0.0.0.0/1", False),
    ("add s 0.0.0.1", True),
]


@pytest.mark.parametrize(("line", "good"), SET_LINES)
def test_line_of_a_set(line: str, good: bool) -> None:
    found = faults(
        files(sets=f"create s hash:ip family inet\nadd s 10.0.0.1\ncreate s6 hash:ip family inet6\n{line}\n")
    )
    assert (found == []) is good


def test_members_of_every_shape() -> None:
    text = (
        "create a hash:net family inet\nadd a 10.0.0.0/30\nadd a 10.0.0.9-10.0.0.10\nadd a 192.168.0.1\n"
        "create b hash:net family inet6\nadd b ::4/126\n"
    )
    assert understood(files(sets=text)).sets == (
        AddressList(
            "a",
            Family.V4,
            "hash:net",
            ((0x0A000000, 0x0A000003), (0x0A000009, 0x0A00000A), (0xC0A80001, 0xC0A80001)),
        ),
        AddressList("b", Family.V6, "hash:net", ((4, 7),)),
    )


def test_an_option_of_a_set_may_be_meant_otherwise() -> None:
    for option, hint in (("maxelm", "did you mean `maxelem`?"), ("timeout", "this option is not supported")):
        assert read(files(sets=f"create a hash:ip {option} 5\n"))[1][0].hint == hint


def test_a_set_that_is_not_there_may_be_meant_otherwise() -> None:
    problem = read(files(sets="create members hash:ip\nadd membres 10.0.0.1\n"))[1][0]
    assert problem.hint == "did you mean `members`?"
    assert read(files(sets="add other 10.0.0.1\n"))[1][0].hint == "a `create` line stands before its members"
