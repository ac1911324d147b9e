"""The naive evaluator: the laws of chains, and every match on packets at both sides of its edge."""

from dataclasses import replace
from ipaddress import ip_address
from itertools import pairwise

import pytest

from netpolicy.packet.addresses import Family
from netpolicy.packet.packets import Packet, State
from netpolicy.source import Source
from netpolicy.targets.iptables.decide import Verdict, decide, deciding, hook, matches
from netpolicy.targets.iptables.read import read
from netpolicy.targets.iptables.rules import (
    Chain,
    Drop,
    IcmpIs,
    InSet,
    Jump,
    Limit,
    Match,
    OriginalProtocol,
    PortIn,
    ProtocolIs,
    Rule,
    Ruleset,
    Side,
    StateIn,
    Table,
)

ALLOW, DROP, REJECT = Verdict.ALLOW, Verdict.DROP, Verdict.REJECT
BUILT_IN = ":INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
SETS = """\
create s hash:ip
add s 10.0.0.1
add s 10.0.0.5-10.0.0.7
create n hash:net
add n 192.0.2.0/24
create s6 hash:net family inet6
add s6 2001:db8::/32
"""


def number(text: str) -> int:
    return int(ip_address(text))


PACKET = Packet(Family.V4, number("10.0.0.1"), number("10.0.0.2"), 6, port=22, source_port=40000, in_interface="eth0")
PACKET6 = replace(PACKET, family=Family.V6, source=number("2001:db8::1"), destination=number("2001:db8::2"))


def ruleset(body: str = "", v6: str = "", chains: str = BUILT_IN) -> Ruleset:
    """The filter tables with these lines; chains that they name are declared."""
    texts = {"sets.ipset": SETS}
    for name, lines in (("rules.v4", body), ("rules.v6", v6)):
        words = lines.split()
        named = {word for before, word in pairwise(words) if before in ("-A", "-j", "-g")}
        own = named - {"INPUT", "OUTPUT", "FORWARD", "DROP", "REJECT", "ACCEPT", "RETURN", "LOG"}
        declared = "".join(f":{chain} - [0:0]\n" for chain in sorted(own))
        texts[name] = f"*filter\n{chains}{declared}{lines}\nCOMMIT\n"
    found, problems = read({name: Source(name, text) for name, text in texts.items()})
    assert problems == []
    assert found is not None
    return found


def way(body: str, packet: Packet = PACKET) -> tuple[Verdict, list[str]]:
    """The verdict and the way: `CHAIN:n` is the chain's n-th rule, `CHAIN.` its end."""
    rules = ruleset(body)
    decision = decide(rules, packet)
    steps = []
    for step in decision.why:
        chain = rules.v4.chain(step.chain)
        assert chain is not None
        # By identity: equal rules of one chain are different steps.
        place = [at for at, rule in enumerate(chain.rules, 1) if rule is step.rule]
        steps.append(f"{step.chain}:{place[0]}" if step.rule else f"{step.chain}.")
    return decision.verdict, steps


LAWS = {
    "no_rule_is_the_policy": ("", ALLOW, ["INPUT."]),
    "first_match_decides": ("-A INPUT -p udp -j ACCEPT\n-A INPUT -j DROP\n-A INPUT -j ACCEPT", DROP, ["INPUT:2"]),
    "every_match_of_a_rule_holds": ("-A INPUT -p tcp -s 10.0.0.9 -j DROP", ALLOW, ["INPUT."]),
    "accept_ends": ("-A INPUT -j ACCEPT\n-A INPUT -j DROP", ALLOW, ["INPUT:1"]),
    "reject_ends": ("-A INPUT -j REJECT\n-A INPUT -j DROP", REJECT, ["INPUT:1"]),
    "accept_in_a_user_chain_ends": ("-A INPUT -j A\n-A INPUT -j DROP\n-A A -j ACCEPT", ALLOW, ["INPUT:1", "A:1"]),
    "log_goes_on": ("-A INPUT -j LOG\n-A INPUT -j DROP", DROP, ["INPUT:1", "INPUT:2"]),
    "mark_goes_on": (
        "-A INPUT -m comment --comment x\n-A INPUT -j DROP",
        DROP,
        ["INPUT:1", "INPUT:2"],
    ),
    "return_from_a_jump_comes_back_to_the_next_rule": (
        "-A INPUT -j A\n-A INPUT -j DROP\n-A A -j RETURN\n-A A -j ACCEPT",
        DROP,
        ["INPUT:1", "A:1", "INPUT:2"],
    ),
    "running_out_of_a_jump_comes_back_to_the_next_rule": (
        "-A INPUT -j A\n-A INPUT -j REJECT\n-A A -p udp -j DROP",
        REJECT,
        ["INPUT:1", "A.", "INPUT:2"],
    ),
    "return_from_a_goto_skips_the_chain_that_went": (
        "-A INPUT -j A\n-A INPUT -j REJECT\n-A A -g B\n-A A -j ACCEPT\n-A B -s 10.0.0.1 -j RETURN\n-A B -j DROP",
        REJECT,
        ["INPUT:1", "A:1", "B:1", "INPUT:2"],
    ),
    "return_from_a_goto_out_of_a_built_in_chain_is_the_policy": (
        "-A INPUT -g B\n-A INPUT -j REJECT\n-A B -s 10.0.0.1 -j RETURN\n-A B -j DROP",
        ALLOW,
        ["INPUT:1", "B:1", "INPUT."],
    ),
    "goto_after_goto_keeps_the_return_point": (
        "-A INPUT -j A\n-A INPUT -j REJECT\n-A A -g B\n-A B -g C\n-A B -j DROP\n-A C -p tcp -j RETURN\n-A C -j DROP",
        REJECT,
        ["INPUT:1", "A:1", "B:1", "C:1", "INPUT:2"],
    ),
    "jump_inside_a_goto_returns_into_it": (
        "-A INPUT -g B\n-A B -j C\n-A B -j DROP\n-A C -j RETURN",
        DROP,
        ["INPUT:1", "B:1", "C:1", "B:2"],
    ),
    "nested_returns_go_back_one_chain_each": (
        "-A INPUT -j A\n-A INPUT -j DROP\n-A A -j B\n-A A -j REJECT\n-A B -j C\n-A B -j RETURN\n-A C -j RETURN",
        REJECT,
        ["INPUT:1", "A:1", "B:1", "C:1", "B:2", "A:2"],
    ),
    "a_chain_may_be_entered_again": (
        "-A INPUT -j A\n-A INPUT -j A\n-A INPUT -j DROP\n-A A -j RETURN",
        DROP,
        ["INPUT:1", "A:1", "INPUT:2", "A:1", "INPUT:3"],
    ),
    "return_in_a_built_in_chain_is_the_policy": (
        "-A INPUT -j RETURN\n-A INPUT -j DROP",
        ALLOW,
        ["INPUT:1", "INPUT."],
    ),
    "limit_on_log_decides_nothing": (
        "-A INPUT -m limit --limit 1/sec -j LOG\n-A INPUT -p tcp -j DROP",
        DROP,
        ["INPUT:1", "INPUT:2"],
    ),
    "log_of_another_packet_is_no_step": (
        "-A INPUT -p udp -m limit --limit 1/sec -j LOG\n-A INPUT -j DROP",
        DROP,
        ["INPUT:2"],
    ),
}


@pytest.mark.parametrize("law", LAWS)
def test_law_of_chains(law: str) -> None:
    body, verdict, steps = LAWS[law]
    assert way(body) == (verdict, steps)


def test_policy_of_the_built_in_chain_decides_at_its_end() -> None:
    for text in ("", "-A INPUT -j RETURN", "-A INPUT -g B\n-A B -p tcp -j RETURN\n-A B -j REJECT"):
        rules = ruleset(text, chains=BUILT_IN.replace("INPUT ACCEPT", "INPUT DROP"))
        decision = decide(rules, PACKET)
        assert decision.verdict is DROP
        assert (decision.why[-1].chain, decision.why[-1].rule) == ("INPUT", None)


def test_deciding_rule_carries_its_line_and_comment() -> None:
    last = decide(ruleset("-A INPUT -m comment --comment np:s1 -j DROP"), PACKET).why[-1]
    assert last.rule is not None
    assert (last.chain, last.rule.comment, last.rule.line) == ("INPUT", "np:s1", 5)


def test_a_rule_that_only_counts_or_logs_decides_nothing() -> None:
    for body in ("-A INPUT -m comment --comment np:ruleset", "-A INPUT -j LOG"):
        assert deciding(ruleset(body), PACKET) is None
    decided = deciding(ruleset("-A INPUT -j LOG\n-A INPUT -j DROP"), PACKET)
    assert decided is not None
    assert decided.line == 6


@pytest.mark.parametrize(
    ("incoming", "outgoing", "chain"), [("eth0", "", "INPUT"), ("", "eth0", "OUTPUT"), ("eth0", "br0", "FORWARD")]
)
def test_interfaces_tell_the_hook(incoming: str, outgoing: str, chain: str) -> None:
    packet = replace(PACKET, in_interface=incoming, out_interface=outgoing)
    assert hook(packet) == chain
    for name in ("INPUT", "OUTPUT", "FORWARD"):
        assert decide(ruleset(f"-A {name} -j DROP"), packet).verdict is (DROP if name == chain else ALLOW)


def test_packet_without_an_interface_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="interface"):
        decide(ruleset(), replace(PACKET, in_interface=""))


def test_each_family_has_its_own_table() -> None:
    rules = ruleset("-A INPUT -j DROP", v6="-A INPUT -j REJECT")
    assert decide(rules, PACKET).verdict is DROP
    assert decide(rules, PACKET6).verdict is REJECT


def udp(port: int) -> Packet:
    return replace(PACKET, protocol=17, port=port)


def icmp(kind: int, code: int = 0) -> Packet:
    return replace(PACKET, protocol=1, port=kind << 8 | code, source_port=0)


def state(one: State, *, dnat: bool = False, snat: bool = False) -> Packet:
    return replace(PACKET, state=one, dnat=dnat, snat=snat)


TRANSLATED = replace(PACKET, dnat=True, original_destination=number("203.0.113.7"), original_port=41000, port=8080)
FORWARDED = replace(PACKET, out_interface="br0")
PLAIN = PACKET

# A match, packets that have it, packets that do not.
MATCHES: list[tuple[str, list[Packet], list[Packet]]] = [
    ("-s 10.0.0.1", [PLAIN], [replace(PLAIN, source=number("10.0.0.2")), replace(PLAIN, source=number("10.0.0.0"))]),
    ("-d 10.0.0.0/30", [PLAIN, replace(PLAIN, destination=number("10.0.0.3"))], [
        replace(PLAIN, destination=number("10.0.0.4")), replace(PLAIN, destination=number("9.255.255.255"))]),
    ("! -s 10.0.0.0/24", [replace(PLAIN, source=number("10.0.1.0"))], [PLAIN]),
    ("-m iprange --dst-range 10.0.0.2-10.0.0.4", [PLAIN, replace(PLAIN, destination=number("10.0.0.4"))], [
        replace(PLAIN, destination=number("10.0.0.1")), replace(PLAIN, destination=number("10.0.0.5"))]),
    ("-m iprange ! --src-range 10.0.0.2-10.0.0.4", [PLAIN], [replace(PLAIN, source=number("10.0.0.3"))]),
    ("-m set --match-set s src", [PLAIN, replace(PLAIN, source=number("10.0.0.7"))], [
        replace(PLAIN, source=number("10.0.0.8")), replace(PLAIN, source=number("10.0.0.2"))]),
    ("-m set ! --match-set s src", [replace(PLAIN, source=number("10.0.0.8"))], [PLAIN]),
    ("-m set --match-set n dst", [replace(PLAIN, destination=number("192.0.2.255"))], [
        PLAIN, replace(PLAIN, source=number("192.0.2.9"))]),
    ("-i eth0", [PLAIN, FORWARDED], [replace(PLAIN, in_interface="eth01"), replace(PLAIN, in_interface="lo")]),
    ("-i eth+", [PLAIN, replace(PLAIN, in_interface="eth")], [replace(PLAIN, in_interface="et")]),
    ("! -i eth0", [replace(PLAIN, in_interface="eth1")], [PLAIN, FORWARDED]),
    ("-p tcp", [PLAIN], [udp(22)]),
    ("! -p tcp", [udp(22)], [PLAIN]),
    ("-p all", [PLAIN, udp(1), icmp(8)], []),
    ("-p tcp -m tcp --dport 22:23", [PLAIN, replace(PLAIN, port=23)], [
        replace(PLAIN, port=21), replace(PLAIN, port=24), udp(22)]),
    ("-p tcp -m tcp ! --dport 22", [replace(PLAIN, port=23)], [PLAIN, udp(23)]),
    ("-p tcp -m tcp --sport 40000", [PLAIN], [replace(PLAIN, source_port=22, port=40000)]),
    ("-p udp -m multiport --dports 53,67:68", [udp(53), udp(67), udp(68)], [udp(54), udp(66), udp(69), PLAIN]),
    ("-p udplite -m multiport --dports 22,80", [replace(PLAIN, protocol=136)], [PLAIN]),
    ("-p icmp -m icmp --icmp-type 3/4", [icmp(3, 4)], [icmp(3, 3), icmp(4, 4), PLAIN]),
    ("-p icmp -m icmp --icmp-type 8", [icmp(8), icmp(8, 9)], [icmp(0), icmp(9)]),
    ("-p icmp -m icmp ! --icmp-type 8/0", [icmp(0), icmp(8, 1)], [icmp(8)]),
    ("-m conntrack --ctstate RELATED,ESTABLISHED", [state(State.ESTABLISHED), state(State.RELATED)], [
        PLAIN, state(State.INVALID), state(State.UNTRACKED), TRANSLATED]),
    ("-m conntrack --ctstate DNAT", [TRANSLATED, state(State.ESTABLISHED, dnat=True)], [PLAIN]),
    ("-m conntrack --ctstate NEW,DNAT", [PLAIN, TRANSLATED, state(State.ESTABLISHED, dnat=True)], [
        state(State.ESTABLISHED)]),
    ("-m conntrack ! --ctstate DNAT", [PLAIN, state(State.INVALID)], [TRANSLATED]),
    ("-m conntrack ! --ctstate NEW", [state(State.ESTABLISHED)], [PLAIN, TRANSLATED]),
    ("-m conntrack --ctstate SNAT", [state(State.ESTABLISHED, snat=True)], [PLAIN, TRANSLATED]),
    ("-m conntrack ! --ctstate NEW,SNAT", [state(State.ESTABLISHED)], [PLAIN, state(State.ESTABLISHED, snat=True)]),
    ("-m conntrack --ctorigdstport 41000:61000", [TRANSLATED, replace(TRANSLATED, original_port=61000)], [
        PLAIN, replace(TRANSLATED, original_port=40999), replace(TRANSLATED, original_port=61001)]),
    ("-m conntrack ! --ctorigdstport 22", [TRANSLATED], [PLAIN, replace(TRANSLATED, original_port=22)]),
    ("-m conntrack --ctorigdst 203.0.113.0/24", [TRANSLATED], [
        PLAIN, replace(TRANSLATED, original_destination=number("203.0.114.0"))]),
    ("-m conntrack ! --ctorigdst 10.0.0.0/8", [TRANSLATED], [
        PLAIN, replace(TRANSLATED, original_destination=number("10.0.0.2"))]),
    ("-m conntrack --ctproto 6", [PLAIN], [udp(22), state(State.INVALID), state(State.UNTRACKED)]),
    ("-m conntrack ! --ctproto 6", [udp(22)], [PLAIN, replace(udp(22), state=State.INVALID)]),
    # An error belongs to the connection that it is about; nothing else is of another protocol than its connection.
    ("-m conntrack --ctproto 17", [replace(icmp(3), state=State.RELATED, original_protocol=17)], [
        replace(icmp(3), state=State.RELATED), replace(icmp(8), original_protocol=17),
        replace(PLAIN, state=State.RELATED, original_protocol=17)]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "having", "lacking"), MATCHES, ids=[text for text, _, _ in MATCHES])
def test_match_holds_for_these_packets_and_not_for_those(
    text: str, having: list[Packet], lacking: list[Packet]
) -> None:
    rules = ruleset("".join(f"-A {chain} {text} -j DROP\n" for chain in ("INPUT", "FORWARD")))
    assert [decide(rules, packet).verdict for packet in having] == [DROP] * len(having)
    assert [decide(rules, packet).verdict for packet in lacking] == [ALLOW] * len(lacking)


def icmp6(kind: int) -> Packet:
    return replace(PACKET6, protocol=58, port=kind << 8)


@pytest.mark.parametrize(
    ("text", "having", "lacking"),
    [
        ("-s 2001:db8::/127", [PACKET6], [replace(PACKET6, source=number("2001:db8::2"))]),
        ("-m set --match-set s6 dst", [PACKET6], [replace(PACKET6, destination=number("2001:db9::"))]),
        ("-p icmpv6 -m icmp6 --icmpv6-type 135", [icmp6(135)], [icmp6(136), replace(icmp6(135), protocol=1)]),
        ("-p icmpv6 -m icmp6 ! --icmpv6-type 135", [icmp6(136)], [icmp6(135), PACKET6]),
    ],
)
def test_match_of_ipv6(text: str, having: list[Packet], lacking: list[Packet]) -> None:
    rules = ruleset(v6=f"-A INPUT {text} -j DROP")
    assert [decide(rules, packet).verdict for packet in having] == [DROP] * len(having)
    assert [decide(rules, packet).verdict for packet in lacking] == [ALLOW] * len(lacking)


def test_outgoing_packet_has_no_incoming_interface() -> None:
    rules = ruleset("-A OUTPUT -j A\n-A A -i eth0 -j DROP\n-A A ! -i eth0 -j REJECT")
    assert decide(rules, replace(PACKET, in_interface="", out_interface="eth0")).verdict is REJECT


def test_output_interface_is_not_the_input_interface() -> None:
    rules = ruleset("-A FORWARD -o br0 -j DROP\n-A FORWARD ! -o eth+ -j REJECT")
    assert decide(rules, FORWARDED).verdict is DROP
    assert decide(rules, replace(FORWARDED, in_interface="br0", out_interface="eth1")).verdict is ALLOW
    assert decide(rules, replace(FORWARDED, out_interface="docker0")).verdict is REJECT


def lowered(rule: Rule) -> Ruleset:
    """A ruleset that no text would give."""
    rest = (Chain("FORWARD", (), "ACCEPT"), Chain("OUTPUT", (), "ACCEPT"))
    return Ruleset(Table(Family.V4, (Chain("INPUT", (rule,), "ACCEPT"), *rest)), Table(Family.V6, ()))


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (Rule((Limit("5/sec"),), Drop()), "limit"),
        (Rule((), Jump("A")), "no chain A"),
        (Rule((InSet(Side.SOURCE, "s"),), Drop()), "no set s"),
    ],
)
def test_ruleset_that_no_text_gives_is_our_own_mistake(rule: Rule, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        decide(lowered(rule), PACKET)


def test_set_of_the_other_family_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="no set s6 of IPv4"):
        matches(ruleset(), InSet(Side.SOURCE, "s6"), PACKET)


def test_matches_answers_for_one_match() -> None:
    """Also for a match that no text gives: without its protocol, where a packet has neither this port nor another."""
    ping = icmp(8)
    for negated in (True, False):
        assert not matches(ruleset(), PortIn(Side.DESTINATION, ((0, 65535),), negated), ping)
        assert not matches(ruleset(), IcmpIs(PACKET.port >> 8, None, negated), PACKET)
    found: list[Match] = [ProtocolIs(6), StateIn(frozenset({"NEW"})), OriginalProtocol(17)]
    assert [matches(ruleset(), match, PACKET) for match in found] == [True, True, False]
