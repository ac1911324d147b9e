"""A packet meets few rules, however many statements there are, and still the right ones."""

import re

from netpolicy.packet.addresses import Family
from netpolicy.packet.packets import Packet
from netpolicy.packet.ports import Protocol
from netpolicy.targets.iptables.decide import Verdict, decide
from netpolicy.targets.iptables.rules import Goto, Jump, ProtocolIs, Ruleset, Table
from tests.compiling import compiled, rulesets

MOST_MET = 100
ROLES = 120


def longest_path(table: Table, name: str) -> int:
    """The most rules that a packet can meet from this chain on, without coming back."""
    chain = table.chain(name)
    assert chain is not None
    longest = len(chain.rules)
    for met, rule in enumerate(chain.rules, start=1):
        if isinstance(rule.target, Jump):
            longest = max(longest, longest_path(table, rule.target.chain) + len(chain.rules))
        if isinstance(rule.target, Goto):
            longest = max(longest, met + longest_path(table, rule.target.chain))
    return longest


def many(statements: list[str], inline: bool = False) -> dict[str, Ruleset]:
    roles = [f"r{number}" for number in range(ROLES)]
    policy = "\n".join(["role server", *(f"role {name}" for name in roles), *statements])
    nodes = [
        f"  {name}: {{roles: [{name}], address: [10.1.0.{at + 1}, 'fd00::{at + 1:x}']}}"
        for at, name in enumerate(roles)
    ]
    cluster = "\n".join(
        ["policy: ./many.netpol", "nodes:", "  server: {roles: [server], address: [10.0.0.1, 'fd00::ffff']}", *nodes]
    )
    return rulesets(compiled({"cluster.yaml": cluster, "many.netpol": policy}, inline=inline))


def asked(role: int, port: int, protocol: int = Protocol.TCP) -> Packet:
    return Packet(Family.V4, 0x0A010001 + role, 0x0A000001, protocol, port, 40000, "eth0")


def test_a_thousand_statements_on_different_ports_are_split_by_port() -> None:
    statements = [
        f"allow r{number} -> server : tcp {1000 + 3 * number + extra}" for number in range(ROLES) for extra in range(2)
    ]
    statements += [f"allow r{number} -> server : udp {5000 + number}" for number in range(ROLES)] + [
        "allow r1 -> server : esp, icmp any"
    ]
    ruleset = many(statements)["server"]
    assert max(longest_path(table, "INPUT") for table in (ruleset.v4, ruleset.v6)) <= MOST_MET
    for role in (0, 1, 60, 119):
        for port in range(998, 1362):
            opened = port in (1000 + 3 * role, 1001 + 3 * role)
            assert (decide(ruleset, asked(role, port)).verdict is Verdict.ALLOW) is opened
        assert decide(ruleset, asked(role, 5000 + role, Protocol.UDP)).verdict is Verdict.ALLOW
        assert decide(ruleset, asked(role, 5001 + role, Protocol.UDP)).verdict is Verdict.DROP
        assert (decide(ruleset, asked(role, 0, Protocol.ESP)).verdict is Verdict.ALLOW) is (role == 1)


def test_many_statements_on_one_port_share_rules() -> None:
    ruleset = many(
        [f"allow r{number} -> server : tcp 22" for number in range(0, ROLES, 2)]
        + ["deny r4 -> server : tcp 22"]
        + [f"allow r{number} -> server : tcp 22, 23" for number in range(1, 60, 2)]
    )["server"]
    assert max(longest_path(table, "INPUT") for table in (ruleset.v4, ruleset.v6)) <= MOST_MET
    for role in range(ROLES):
        opened = (role % 2 == 0 and role != 4) or (role % 2 == 1 and role < 60)
        assert (decide(ruleset, asked(role, 22)).verdict is Verdict.ALLOW) is opened
        assert (decide(ruleset, asked(role, 23)).verdict is Verdict.ALLOW) is (role % 2 == 1 and role < 60)
        assert decide(ruleset, asked(role, 24)).verdict is Verdict.DROP


def test_any_is_admitted_behind_the_split() -> None:
    ruleset = many(
        [f"allow r{number} -> server : tcp {1000 + number}" for number in range(1, ROLES)]
        + ["allow r0 -> server : any"]
    )["server"]
    for protocol, port in ((Protocol.TCP, 7), (Protocol.UDP, 7), (Protocol.GRE, 0), (Protocol.ICMP, 8 << 8)):
        assert decide(ruleset, asked(0, port, protocol)).verdict is Verdict.ALLOW
        assert decide(ruleset, asked(1, port, protocol)).verdict is Verdict.DROP


def test_without_sets_the_split_still_means_the_same() -> None:
    ruleset = many([f"allow r{number} -> server : tcp {1000 + number}" for number in range(ROLES)], inline=True)[
        "server"
    ]
    for role in (0, 7, 119):
        for port in (999, 1000, 1007, 1119, 1120):
            assert (decide(ruleset, asked(role, port)).verdict is Verdict.ALLOW) is (port == 1000 + role)


def test_chain_names_of_a_virtual_address_with_many_ports_fit() -> None:
    ruleset = many([f"allow r1 -> server@10.9.9.9 : tcp {port}" for port in range(1, 1400, 2)])["server"]
    names = [chain.name for chain in ruleset.v4.chains]
    assert any("virtual-t" in name for name in names)
    assert max(len(name) for name in names) <= 28


def test_ah_is_judged_before_the_split_in_ipv6() -> None:
    statements = ["deny r1 -> server : ah", "allow r0, r1 -> server : ah"]
    statements += [f"allow r{number} -> server : tcp {1000 + number}" for number in range(ROLES)]
    chain = next(
        chain for chain in many(statements)["server"].v6.chains if re.fullmatch("NP-IN-[0-9a-f]{8}", chain.name)
    )
    kinds = [next((match.number for match in rule.matches if isinstance(match, ProtocolIs)), 0) for rule in chain.rules]
    assert kinds.index(Protocol.AH) < kinds.index(Protocol.TCP)
