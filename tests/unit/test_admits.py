"""Which rules of others could let a packet through before ours see it: on the safe side, always."""

from __future__ import annotations

import pytest

from netpolicy.packet.addresses import Family
from netpolicy.source import Source
from netpolicy.targets.iptables.admits import first_admitting
from netpolicy.targets.iptables.live import read_table

CHAINS = ("NETPOLICY-IN", "NP-IN-deadbeef", "FOREIGN", "DEEPER")


def ahead(*lines: str, more: str = "") -> str | None:
    """The text of the rule of INPUT that may admit; the other lines are rules of CHAINS, and of one more."""
    heads = [":INPUT ACCEPT [0:0]", *(f":{name} - [0:0]" for name in (*CHAINS, more) if name)]
    text = "\n".join(["*filter", *heads, *(f"-A {line}" for line in lines), "COMMIT", ""])
    table, found = read_table(Source("saved", text), Family.V4)
    assert not found
    rule = first_admitting(table, table.chains["INPUT"].rules)
    return rule.text if rule is not None else None


@pytest.mark.parametrize("target", ["DROP", "REJECT --reject-with tcp-reset", "LOG", "MARK --set-xmark 0x1/0x1", "CT"])
def test_what_refuses_or_goes_on_admits_nothing(target: str) -> None:
    assert ahead(f"INPUT -s 192.0.2.1/32 -j {target}") is None


def test_a_rule_without_a_target_only_counts() -> None:
    assert ahead("INPUT -s 192.0.2.1/32") is None
    assert ahead("INPUT -j FOREIGN", "FOREIGN -s 192.0.2.1/32") is None


@pytest.mark.parametrize("name", ["HL", "LOG", "DROP", "RETURN"])
def test_a_chain_that_bears_the_name_of_a_target_is_judged_by_its_rules(name: str) -> None:
    """`HL` is a target of IPv6 alone, and nft gives a chain any name."""
    rules = (f"INPUT -p tcp -j {name}", f"{name} -s 192.0.2.1/32 -j ACCEPT")
    assert ahead(*rules, more=name) == f"-A {rules[0]}"
    inner = ("INPUT -j FOREIGN", f"FOREIGN -j {name}", f"{name} -s 192.0.2.1/32 -j ACCEPT")
    assert ahead(*inner, more=name) == "-A INPUT -j FOREIGN"


@pytest.mark.parametrize("target", ["ACCEPT", "QUEUE", "NFQUEUE --queue-num 1", "RETURN", "SYNPROXY", "WHATEVER"])
def test_what_ends_the_way_of_a_packet_otherwise_may_admit(target: str) -> None:
    """RETURN in a built-in chain goes to its policy; a target that nobody knows may do anything."""
    assert ahead("INPUT -j LOG", f"INPUT -p tcp -j {target}") == f"-A INPUT -p tcp -j {target}"


def test_the_first_of_several_is_named() -> None:
    assert ahead("INPUT -j DROP", "INPUT -p udp -j ACCEPT", "INPUT -j ACCEPT") == "-A INPUT -p udp -j ACCEPT"


def test_a_chain_admits_when_a_rule_in_it_does_however_deep() -> None:
    banned = ("INPUT -p tcp -j FOREIGN", "FOREIGN -s 192.0.2.1/32 -j DROP", "FOREIGN -j RETURN")
    assert ahead(*banned) is None
    assert ahead(*banned, "FOREIGN -j DEEPER", "DEEPER -j RETURN") is None
    assert ahead(*banned, "FOREIGN -j DEEPER", "DEEPER -j ACCEPT") == "-A INPUT -p tcp -j FOREIGN"


def test_a_chain_that_is_entered_by_goto_runs_out_into_the_policy() -> None:
    assert ahead("INPUT -g FOREIGN", "FOREIGN -j DROP") == "-A INPUT -g FOREIGN"
    assert ahead("INPUT -j FOREIGN", "FOREIGN -g DEEPER", "DEEPER -j DROP") is None
    assert ahead("INPUT -g NETPOLICY-IN") is None


def test_what_leads_to_our_chains_is_not_ahead_of_them_as_long_as_they_admit_by_return() -> None:
    """A chain that bears a name of ours and is none, and that others lead to, is judged as theirs."""
    assert ahead("INPUT -j FOREIGN", "FOREIGN -j NETPOLICY-IN", "NETPOLICY-IN -j RETURN") is None
    assert ahead("INPUT -j NETPOLICY-IN", "NETPOLICY-IN -j ACCEPT") is None
    lines = ("INPUT -j FOREIGN", "FOREIGN -j NP-IN-deadbeef", "NP-IN-deadbeef -j ACCEPT")
    assert ahead(*lines) == "-A INPUT -j FOREIGN"


def test_a_loop_ends() -> None:
    """No kernel takes one, and an edited dump may hold it."""
    loop = ("INPUT -j FOREIGN", "FOREIGN -j DEEPER", "DEEPER -j FOREIGN")
    assert ahead(*loop) is None
    assert ahead(*loop, "DEEPER -j ACCEPT") == "-A INPUT -j FOREIGN"


def test_a_chain_in_a_loop_that_admits_is_seen_by_every_rule_that_leads_to_it() -> None:
    """What was asked within a loop is no answer for whoever asks from outside."""
    lines = ("FOREIGN -j DEEPER", "FOREIGN -j ACCEPT", "DEEPER -j FOREIGN")
    assert ahead("INPUT -j DEEPER", *lines) == "-A INPUT -j DEEPER"
    assert ahead("INPUT -j FOREIGN", "INPUT -j DEEPER", *lines) == "-A INPUT -j FOREIGN"
