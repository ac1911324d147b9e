"""Outputs of Aerleon and Capirca that leave a port open or closed against the policy; each is a test of ours.

Every test judges the text that a node loads, as it is read back from that text.

Elsewhere: that each file loads twice, with the same meaning, through all four restore tools, that every statement is
seen by real packets, and that loopback and neighbour discovery work in the kernel, is in tests/kernel. Not answered
yet: a query with a verdict for a packet (`why`), a rule that another one hides (the shadow check of `lint`), and an
apply that revokes and goes back (`apply-rules`).
"""

from ipaddress import ip_address

import pytest

from netpolicy.diagnostic import has_errors
from netpolicy.packet.family import Family
from netpolicy.packet.packets import Packet
from netpolicy.targets.iptables.decide import Verdict, decide
from netpolicy.targets.iptables.rules import Ruleset
from tests.compiling import compiled, rulesets
from tests.errors.diagnose import CLUSTER, diagnose

TCP, UDP, ICMPV6 = 6, 17, 58
NODES = """\
policy: ./policy.netpol
networks: {admins: [198.51.100.0/24, "2001:db8:ad::/48"]}
nodes:
  db: {roles: [mysql], address: [10.0.0.21, "2001:db8::21"]}
  dea[1-120]: {roles: [dea], address: ["10.0.1.[1-120]", "2001:db8::1:[1-120]"]}
"""
HEADER = "role dea, mysql\nnetwork admins\n"
DEA = {Family.V4: "10.0.1.7", Family.V6: "2001:db8::1:7"}
ADMIN = {Family.V4: "198.51.100.9", Family.V6: "2001:db8:ad::9"}
STRANGER = {Family.V4: "192.0.2.1", Family.V6: "2001:db8:ffff::1"}
DB = {Family.V4: "10.0.0.21", Family.V6: "2001:db8::21"}
FAMILIES = pytest.mark.parametrize("family", list(Family))


def loaded(policy: str, *, inline: bool = False) -> Ruleset:
    """What the node `db` loads."""
    return rulesets(compiled({"cluster.yaml": NODES, "policy.netpol": HEADER + policy}, inline=inline))["db"]


def text(policy: str, *, inline: bool = False) -> dict[str, str]:
    """The files of the node `db`."""
    pipeline = compiled({"cluster.yaml": NODES, "policy.netpol": HEADER + policy}, inline=inline)
    return next(built.files for built, _ in pipeline.built() if "db" in built.node_class.members)


def passes(rules: Ruleset, source: str, protocol: int, port: int, card: str = "eth0") -> bool:
    """True when `db` takes the first packet of this flow."""
    sender = ip_address(source)
    family = Family(sender.version)
    receiver = int(ip_address(DB[family]))
    packet = Packet(family, int(sender), receiver, protocol, port=port, source_port=40000, in_interface=card)
    return decide(rules, packet).verdict is Verdict.ALLOW


def open_ports(rules: Ruleset, source: str, protocol: int) -> set[int]:
    """Of some telling ports those that are open."""
    asked = (0, 21, 22, 23, 79, 80, 81, 442, 443, 444, 3306, 6379, 10122, 10123, 10124, 10455, 10456, 10457, 65535)
    return {port for port in asked if passes(rules, source, protocol, port)}


@FAMILIES
def test_the_port_is_not_dropped_from_the_rule(family: Family) -> None:
    """Two services of one protocol open their ports, not the protocol."""
    rules = loaded("service http = tcp 80\nservice https = tcp 443\nallow dea -> mysql : http, https\n")
    assert open_ports(rules, DEA[family], TCP) == {80, 443}
    assert open_ports(rules, DEA[family], UDP) == set()
    assert open_ports(rules, STRANGER[family], TCP) == set()


def test_a_misspelt_key_does_not_remove_a_restriction() -> None:
    """It is an error in the cluster, in the policy and among the attributes, and there is nothing to load."""
    for files in (
        {CLUSTER: NODES.replace("address: [10.0.0.21", "adress: [10.0.0.21")},
        {"policy.netpol": "allow dea -> mysql : ssh exprires 2027-01-31\n"},
        {"policy.netpol": "allow sorce dea -> mysql : ssh\n"},
    ):
        assert has_errors(diagnose(files))


def test_a_key_that_stands_twice_does_not_silently_win() -> None:
    """YAML would take the last one."""
    twice = NODES.replace("networks:", "networks: {admins: [0.0.0.0/0]}\nnetworks:")
    assert "NP202" in {one.code for one in diagnose({CLUSTER: twice})}


@pytest.mark.parametrize("inline", [False, True])
def test_a_statement_that_is_gone_is_revoked(inline: bool) -> None:
    """The files are whole tables: what they do not say is closed when they are loaded over the old ones."""
    before = loaded("allow dea -> mysql : tcp 22\nallow dea -> mysql : tcp 3306\n", inline=inline)
    after = loaded("allow dea -> mysql : tcp 22\n", inline=inline)
    assert open_ports(before, DEA[Family.V4], TCP) == {22, 3306}
    assert open_ports(after, DEA[Family.V4], TCP) == {22}
    files = text("allow dea -> mysql : tcp 22\n", inline=inline)
    for name in ("rules.v4", "rules.v6"):
        assert files[name].count("*filter") == files[name].count("\nCOMMIT") == 1
        assert "3306" not in files[name]
        for chain in ("INPUT", "FORWARD", "OUTPUT"):
            assert f"\n:{chain} " in files[name]


@FAMILIES
@pytest.mark.parametrize("inline", [False, True])
def test_many_addresses_do_not_end_the_filter(inline: bool, family: Family) -> None:
    """Above 100 pairs a peer turns a list into its complement, and what stands behind it is never reached."""
    rules = loaded(
        "allow dea -> mysql : tcp 22\nallow admins -> mysql : tcp 443\ndeny dea -> mysql : tcp 3306\n"
        "allow world -> mysql : tcp 3306\n",
        inline=inline,
    )
    assert open_ports(rules, DEA[family], TCP) == {22}
    assert open_ports(rules, ADMIN[family], TCP) == {443, 3306}
    assert open_ports(rules, STRANGER[family], TCP) == {3306}


@FAMILIES
def test_a_service_of_two_protocols_is_no_product(family: Family) -> None:
    """Each port belongs to the protocol that it stands behind; both is written `tcp+udp`."""
    rules = loaded("service foo = tcp 10123, udp 10456\nallow dea -> mysql : foo\n")
    assert open_ports(rules, DEA[family], TCP) == {10123}
    assert open_ports(rules, DEA[family], UDP) == {10456}
    both = loaded("service foo = tcp+udp 10123\nallow dea -> mysql : foo\n")
    assert open_ports(both, DEA[family], TCP) == open_ports(both, DEA[family], UDP) == {10123}


def test_a_limit_of_a_log_is_a_match_with_its_name() -> None:
    """`-m --limit` is refused by the kernel's tools, with the whole file; tests/kernel loads what is written here."""
    files = text("allow dea -> mysql : tcp 22 log 5/second\n")
    for name in ("rules.v4", "rules.v6"):
        (logged,) = [line for line in files[name].splitlines() if "-j LOG" in line and "--comment np:" in line]
        assert "-m limit --limit 5/sec " in logged
    assert open_ports(loaded("allow dea -> mysql : tcp 22 log 5/second\n"), DEA[Family.V4], TCP) == {22}


def test_both_families_come_of_one_policy_in_files_of_their_own() -> None:
    """No table holds addresses of the other family."""
    files = text("allow dea, admins -> mysql : tcp 22\n", inline=True)
    assert "2001:db8" not in files["rules.v4"]
    assert "10.0." not in files["rules.v6"]
    rules = loaded("allow dea, admins -> mysql : tcp 22\n", inline=True)
    for family in Family:
        assert open_ports(rules, DEA[family], TCP) == open_ports(rules, ADMIN[family], TCP) == {22}


def test_the_other_family_is_not_left_open() -> None:
    """A policy that speaks of IPv4 alone closes IPv6."""
    rules = loaded("allow 10.0.1.7 -> mysql : tcp 6379\n")
    assert open_ports(rules, DEA[Family.V4], TCP) == {6379}
    assert open_ports(rules, DEA[Family.V6], TCP) == set()


@FAMILIES
def test_loopback_is_never_forgotten(family: Family) -> None:
    """A node reaches itself, whatever the policy says."""
    assert passes(loaded("allow dea -> mysql : tcp 22\n"), DB[family], TCP, 8080, card="lo")


@pytest.mark.parametrize("kind", [133, 134, 135, 136])
def test_neighbour_discovery_is_never_forgotten(kind: int) -> None:
    """Without it an allowed flow of IPv6 finds no way."""
    sender, receiver = int(ip_address("fe80::1")), int(ip_address(DB[Family.V6]))
    packet = Packet(Family.V6, sender, receiver, ICMPV6, port=kind << 8, source_port=0, in_interface="eth0")
    assert decide(loaded("allow dea -> mysql : tcp 22\n"), packet).verdict is Verdict.ALLOW


@pytest.mark.parametrize("wrong", ["tcp 99999", "tcp 61000-41000", "tcp 22-", "tcp 65536", "tcp 0-65536"])
def test_a_bad_port_never_reaches_a_file(wrong: str) -> None:
    """The kernel's tools would refuse it, when it is too late."""
    assert has_errors(diagnose({"policy.netpol": f"service foo = {wrong}\nallow dea -> mysql : foo\n"}))


def test_host_bits_do_not_widen_an_address() -> None:
    """`10.5.3.1/24` is neither the host nor the network that was meant."""
    for policy in ("allow 10.5.3.1/24 -> mysql : ssh\n", "allow 2001:db8::1/64 -> mysql : ssh\n"):
        assert [one.code for one in diagnose({"policy.netpol": policy})] == ["NP116"]
    wide = NODES.replace("198.51.100.0/24", "198.51.100.7/24")
    assert "NP207" in {one.code for one in diagnose({CLUSTER: wide})}


def test_a_rule_of_one_family_is_not_written_twice() -> None:
    """Nor is any other: no line of a table is there two times."""
    files = text("allow 10.0.1.7 -> mysql : tcp 22\nallow dea -> mysql : tcp 3306\n")
    for name in ("rules.v4", "rules.v6"):
        rules = [line for line in files[name].splitlines() if line.startswith("-A")]
        assert len(rules) == len(set(rules))


def test_matches_are_those_of_today() -> None:
    """`-m state` is deprecated, and an allow does not repeat the states that the first rule admits."""
    files = text("allow dea -> mysql : tcp 22\n")
    for name in ("rules.v4", "rules.v6"):
        assert "-m state" not in files[name]
        allowed = [line for line in files[name].splitlines() if "--dport 22" in line]
        assert allowed
        assert not any("ESTABLISHED" in line for line in allowed)


def test_a_long_name_is_no_error() -> None:
    """Names of chains and sets are ours, and short enough for the kernel's tools."""
    name = "a_role_with_a_name_of_nearly_as_many_letters_as_there_may_be"
    texts = {"cluster.yaml": NODES.replace("[dea]", f"[{name}]")}
    texts["policy.netpol"] = f"role {name}, mysql\nnetwork admins\nallow {name} -> mysql : tcp 22\n"
    assert open_ports(rulesets(compiled(texts))["db"], DEA[Family.V4], TCP) == {22}


def test_an_expired_deny_does_not_open() -> None:
    """A peer drops it with its day; here a deny cannot expire at all."""
    found = diagnose({"policy.netpol": "deny dea -> mysql : ssh expires 2026-05-31\n"})
    assert [one.code for one in found] == ["NP119"]


def test_rules_do_not_grow_with_the_cluster() -> None:
    """With sets a node of a large cluster loads as many rules as one of a small cluster."""
    policy = "allow dea -> mysql : tcp 3306\n"
    small = compiled({"cluster.yaml": NODES.replace("1-120", "1-2"), "policy.netpol": HEADER + policy})
    files = next(built.files for built, _ in small.built() if "db" in built.node_class.members)
    assert files["rules.v4"].count("\n-A") == text(policy)["rules.v4"].count("\n-A")
