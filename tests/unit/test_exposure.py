"""What strangers reach, and the lint rules about it at their edges: judged by meaning, not by words."""

from ipaddress import ip_address

import pytest

from netpolicy.diagnostic import Diagnostic
from netpolicy.lint import Profile
from netpolicy.packet.addresses import FAMILIES, AddressSet, Family
from netpolicy.packet.intervals import size
from netpolicy.verify.exposure import MOST, PUBLIC, Degree, degree_of
from netpolicy.verify.wellknown import AMPLIFIERS, CLEAR, DATA, REMOTE, SSH
from tests.errors.diagnose import CLUSTER, POLICY, linted

NODES = """\
policy: ./policy.netpol
networks: {admins: [198.51.100.0/24], front: [10.0.9.0/24], inside: [10.0.0.0/8]}
nodes:
  core: {roles: [router, core], address: [10.0.0.1, "2001:db8::1"]}
  router: {roles: [router], address: 10.0.0.2}
  data: {roles: [mysql], interfaces: {eth0: [10.0.0.3], eth1: [203.0.113.3]}}
"""
HEAD = "role router, core, mysql\nnetwork admins, front, inside\n"
USED = "when exists admins or exists front or exists inside {\n    require at least 1 core\n}\n"
HALVES = "0.0.0.0/1, 128.0.0.0/1"
SIXTEEN = ", ".join(f"{number * 16}.0.0.0/4" for number in range(12))
EIGHTS = ", ".join(f"{number}.0.0.0/8" for number in range(1, 224) if number not in (10, 127))


def found(policy: str, nodes: str = NODES, profile: Profile = Profile.STANDARD) -> list[Diagnostic]:
    """The findings about exposure."""
    told = linted({CLUSTER: nodes, POLICY: HEAD + USED + policy}, profile)
    assert not [one for one in told if one.severity.value == "error"] or profile is Profile.PRODUCTION
    return [one for one in told if one.code.startswith("NP4")]


def told(policy: str, nodes: str = NODES) -> list[str]:
    """The findings as `CODE meaning`."""
    return [f"{one.code} {one.subject}" for one in found(policy, nodes)]


# What the world is.


def test_the_world_is_half_of_the_public_addresses() -> None:
    assert size(PUBLIC.v4) == 3_702_258_688
    for family in FAMILIES:
        assert degree_of(MOST[family], family) is Degree.WORLD
        assert degree_of(MOST[family] - 1, family) is Degree.WIDE
    assert degree_of(1 << 16, Family.V4) is None
    assert degree_of((1 << 16) + 1, Family.V4) is Degree.WIDE
    assert degree_of(1 << 96, Family.V6) is None


@pytest.mark.parametrize(
    "address",
    [
        *("0.255.255.255", "10.0.0.0", "100.64.0.0", "127.0.0.1", "169.254.169.254", "172.31.255.255", "192.0.0.9"),
        *("192.0.2.1", "192.168.255.255", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1"),
        *("::1", "fe80::1", "fc00::1", "ff02::1", "2001:1ff::1", "2001:db8::1", "2002::1", "3fff:fff::1", "4000::"),
    ],
)
def test_no_packet_comes_from_there(address: str) -> None:
    assert AddressSet.of_addresses([ip_address(address)]).overlaps(PUBLIC) is False


@pytest.mark.parametrize(
    "address",
    [
        *("1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.32.0.0", "192.0.1.0"),
        *("198.17.255.255", "198.20.0.0", "223.255.255.255", "2000::", "2001:200::", "2001:db9::", "2003::", "3ffe::"),
    ],
)
def test_packets_may_come_from_there(address: str) -> None:
    assert AddressSet.of_addresses([ip_address(address)]).overlaps(PUBLIC)


@pytest.mark.parametrize("who", ["world", "outside", "0.0.0.0/0", "::/0", "2000::/3", HALVES, SIXTEEN, EIGHTS])
def test_the_world_in_other_words(who: str) -> None:
    assert told(f"allow {who} -> core : tcp 22\n") == ["NP402 world -> core : tcp 22"]


@pytest.mark.parametrize("who", ["128.0.0.0/1", "8.0.0.0/7", "2600::/12"])
def test_a_wide_network(who: str) -> None:
    assert told(f"allow {who} -> core : tcp 22\n") == ["NP407 wide -> core : tcp 22"]


@pytest.mark.parametrize(
    "who", ["8.8.0.0/16", "2001:4860::/32", "10.0.0.0/8", "inside", "admins", "fc00::/7", "224.0.0.0/3", "all"]
)
def test_no_wide_network(who: str) -> None:
    assert told(f"allow {who} -> core : tcp 22\n") == []


def test_halves_in_two_statements() -> None:
    """Both are to blame, the first by its place."""
    policy = "allow 128.0.0.0/1 -> mysql : tcp 3306\nallow 0.0.0.0/1 -> mysql : tcp 3300-3310\n"
    (one,) = found(policy)
    assert (one.code, one.subject) == ("NP401", "world -> mysql : tcp 3306")
    assert one.message == "`tcp 3306` (MySQL) is open to the world on node `data`"
    assert [(label.span.text.split()[1], label.text) for label in one.labels] == [
        ("128.0.0.0/1", ""),
        ("0.0.0.0/1", "and this one"),
    ]


def test_half_of_the_addresses_on_a_half_of_the_node() -> None:
    """Each address of a node is judged by itself."""
    assert told("allow world -> mysql@eth1 : tcp 5432\n") == ["NP401 world -> mysql@eth1 : tcp 5432"]


# Net of denies.


@pytest.mark.parametrize(
    ("deny", "left"),
    [
        ("deny world -> core : tcp 22\n", []),
        ("deny world -> core : tcp 20-30\n", []),
        ("deny outside except admins -> core : tcp 22\n", []),
        ('deny 0.0.0.0/1 -> core : tcp 22 because "x"\ndeny ::/0 -> core : tcp 22 because "x"\n', ["NP407 wide"]),
        ('deny 0.0.0.0/4 -> core : tcp 22 because "x"\ndeny ::/0 -> core : tcp 22 because "x"\n', ["NP402 world"]),
        ('deny 0.0.0.0/0 -> core : tcp 22 because "x"\n', ["NP402 world"]),  # IPv6 is left
        ('deny admins -> core : tcp 22 because "x"\n', ["NP402 world"]),
        ("deny world -> mysql : tcp 22\n", ["NP402 world"]),
    ],
)
def test_what_denies_take_is_not_open(deny: str, left: list[str]) -> None:
    assert told(f"allow world -> core : tcp 22\n{deny}") == [f"{one} -> core : tcp 22" for one in left]


# Which ports.


@pytest.mark.parametrize(
    ("what", "codes"),
    [
        ("tcp 80, 443", []),
        ("tcp 8080", []),
        ("tcp 20-30", ["NP402", "NP403", "NP406", "NP406"]),  # ssh, telnet, ftp and smtp
        ("udp 22", []),
        ("tcp 6379", ["NP401"]),
        ("udp 6379", []),
        ("tcp 3389", ["NP403"]),
        ("udp 3389", ["NP403"]),
        ("tcp+udp 53", ["NP411"]),
        ("udp 11211", ["NP411"]),
        ("tcp 11211", ["NP401"]),
        ("tcp 25", ["NP406"]),
        ("tcp any", ["NP404"]),
        ("tcp 32768-65535", ["NP404"]),
        ("tcp 32769-65535", ["NP406"]),
        ("tcp 1-16384, tcp 49151-65535", ["NP404"]),  # half of the ports, in two places
        ("udp any", ["NP404"]),
        ("any", ["NP404"]),
        ("icmp any", []),
        ("esp", []),
    ],
)
def test_ports(what: str, codes: list[str]) -> None:
    assert [one.code for one in found(f"allow world -> core : {what}\n")] == codes


@pytest.mark.parametrize(
    ("what", "about"),
    [("any", "any"), ("tcp any", "tcp any"), ("tcp+udp any", "tcp+udp any"), ("tcp 1-40000", "tcp any")],
)
def test_what_is_told_of_most_ports(what: str, about: str) -> None:
    (one,) = found(f"allow world -> core : {what}\n")
    assert one.subject == f"world -> core : {about}"
    assert one.message == f"`{about}`, or most of it, is open to the world on node `core`"


def test_every_known_port_is_one_of_one_kind() -> None:
    kinds = (SSH, DATA, REMOTE, CLEAR, AMPLIFIERS)
    keys = [port.key for kind in kinds for port in kind]
    assert len(keys) == len(set(keys))


# Whom, and where it is said.


def test_each_whom_is_told_apart() -> None:
    policy = "allow world -> core : tcp 22\nallow world -> mysql : tcp 22\n"
    assert told(policy) == ["NP402 world -> core : tcp 22", "NP402 world -> mysql : tcp 22"]


def test_nodes_are_counted_and_the_meaning_holds_no_count() -> None:
    (one,) = found("allow world -> router : tcp 22\n")
    assert one.message == "`tcp 22` (SSH) is open to the world on 2 nodes, such as `core`"
    assert one.subject == "world -> router : tcp 22"


def test_who_lets_in_a_few_is_not_blamed() -> None:
    policy = "allow admins, 8.8.8.0/24 -> router : tcp 22\nallow world -> core : tcp 22\n"
    (one,) = found(policy)
    assert one.subject == "world -> core : tcp 22"
    assert [label.span.line for label in one.labels] == [7]


def test_who_says_less_is_not_blamed() -> None:
    """One flow may stand for several statements: `world -> router` holds all that `world -> all` opens at a router."""
    policy = "allow world -> all : tcp 8443\nallow world -> router : tcp 22, 8443\nallow front -> router : tcp 80\n"
    assert "NP402 world -> router : tcp 22" in told(policy)


def test_four_statements_are_shown() -> None:
    parts = [
        f"allow {64 * number}.0.0.0/3, {64 * number + 32}.0.0.0/3 -> core : tcp {22 - number}-22\n"
        for number in range(4)
    ]
    (one,) = [each for each in found("allow ::/0 -> core : tcp 22\n" + "".join(parts)) if each.code == "NP402"]
    assert [label.text for label in one.labels] == ["", *["and this one"] * 3]


def test_a_virtual_address_is_a_way_in() -> None:
    assert told("allow world -> core@10.0.0.99 : tcp 22\n") == ["NP402 world -> core@10.0.0.99 : tcp 22"]
    denied = "allow world -> core@10.0.0.99 : tcp 22\ndeny world -> core@10.0.0.99 : tcp 22\n"
    assert told(denied) == []


def test_the_way_of_replies_is_no_way_in() -> None:
    """Of `<->` the direction that comes in is judged."""
    assert told("allow core <-> 0.0.0.0/0 : tcp 22\n") == ["NP402 world -> core : tcp 22"]
    assert told("allow core -> outside : tcp 22\n") == []


def test_a_forwarded_service_is_open() -> None:
    assert told("forwarded service s = tcp 6379\nallow world -> core : s\n") == ["NP401 world -> core : tcp 6379"]


# The cluster as a whole.


@pytest.mark.parametrize(
    ("policy", "codes"),
    [
        ("allow world -> all : tcp 443\n", ["NP405"]),
        (
            "allow world -> router : tcp 443\nallow world -> mysql : tcp 8443\nallow front -> router : tcp 80\n",
            ["NP405"],
        ),
        ("allow world -> all : icmp echo-request\n", []),
        ("allow world -> core, mysql : tcp 8443\n", []),
        ("allow 8.0.0.0/7 -> all : tcp 8443\n", []),
    ],
)
def test_the_world_reaches_every_node(policy: str, codes: list[str]) -> None:
    assert [one.code for one in found(policy)] == codes


def test_what_the_world_reaches_everywhere_is_told_once() -> None:
    """Several web nodes are not told beside each node, in production either."""
    told = found("allow world -> all : tcp 443\n", profile=Profile.PRODUCTION)
    assert {one.code for one in told} & {"NP405", "NP408"} == {"NP405"}


def test_a_cluster_of_equal_nodes_has_no_inside() -> None:
    nodes = "policy: ./policy.netpol\nnodes: {a: {roles: [core], address: 10.0.0.1}}\n"
    assert told("allow world -> all : tcp 443\n", nodes) == []


@pytest.mark.parametrize(
    ("policy", "codes"),
    [
        ("allow world -> router : tcp 443\n", ["NP408"]),
        ("allow world -> router : tcp 8443\n", []),
        ("allow world -> core : tcp 443\n", []),
        ("allow world -> router : tcp 443\nallow mysql -> router : tcp 80\n", []),  # a node in front
        ("allow world -> router : tcp 443\nallow front -> router : tcp 80\n", []),  # a network in front
        ("allow world -> router : tcp 443\nallow front -> router : tcp 22\n", ["NP408"]),
        ("allow world -> router : tcp 443\nallow all -> router : tcp 80\n", ["NP408"]),
        ("allow world -> router : tcp 443\nallow 8.0.0.0/7 -> router : tcp 80\n", ["NP408"]),
        ("allow world -> router : tcp 443\nallow world -> router@10.0.0.99 : tcp 443\n", []),
        ("allow world -> router : tcp 443\nrequire at least 2 router\n", []),  # the policy has decided so
        ("allow world -> router : tcp 443\nadvise exactly 2 router\n", []),
        ("allow world -> router : tcp 443\nrequire at least 1 router\n", ["NP408"]),
        ("allow world -> router : tcp 443\nrequire at least 1 core\nadvise exactly 3 all\n", []),
        ("allow world -> core, mysql : tcp 443\nadvise at least 1 router\n", ["NP408"]),
    ],
)
def test_several_entries(policy: str, codes: list[str]) -> None:
    """Only production asks."""
    assert [one.code for one in found(policy, profile=Profile.PRODUCTION) if one.code == "NP408"] == codes
    assert found(policy) == []


@pytest.mark.parametrize(
    ("policy", "codes"),
    [
        ("allow all -> all : any\n", ["NP409"]),
        ("allow all -> all : tcp 1-40000\n", ["NP409"]),
        ("allow all -> all : udp any\n", []),
        ("allow router, mysql -> router : any\nallow all -> mysql : tcp any\n", ["NP409"]),
        ("allow inside -> all : tcp any\n", []),  # eth1 of mysql is not in it
        ("allow all -> router : any\n", []),
        ("allow all -> router : any\nallow core -> mysql : tcp any\n", []),
        ("allow all -> router : any\nallow router -> mysql : tcp any\n", ["NP409"]),  # mysql has one node
        ("allow all -> all : any\ndeny router -> mysql : tcp any\n", []),
        ("allow all -> all : any\ndeny router -> mysql : tcp 22\n", ["NP409"]),
    ],
)
def test_a_flat_cluster(policy: str, codes: list[str]) -> None:
    assert [one.code for one in found(policy) if one.code in ("NP409",)] == codes


BESIDE = "allow all -> all : tcp 22\nallow core -> outside : tcp any\nallow inside except all -> core : tcp 1-40000\n"


def test_who_opens_all_to_all_is_blamed() -> None:
    """Statements that open most ports alone; where none does, all that open some between nodes."""
    (one,) = [one for one in found(f"{BESIDE}allow all -> all : any\n") if one.code == "NP409"]
    assert [label.span.text for label in one.labels] == ["allow all -> all : any"]
    parted = "allow all -> all : tcp 1-20000\nallow all -> all : tcp 20001-40000\nallow inside -> all : udp 1\n"
    (one,) = [one for one in found(parted) if one.code == "NP409"]
    assert [label.text for label in one.labels] == ["", "and this one"]


def test_a_node_that_cannot_reach_another_is_no_gap() -> None:
    """Nothing is between nodes without a common family; where no two have one, nothing is said."""
    nodes = NODES.replace('"2001:db8::1"', '"2001:db8::1", "2001:db8::2"')
    assert [one.code for one in found("allow all -> all : tcp any\n", nodes)] == ["NP409"]
    apart = "policy: ./policy.netpol\nnodes:\n  a: {roles: [core], address: 10.0.0.1}\n"
    apart += '  b: {roles: [mysql], address: "2001:db8::1"}\n'
    assert found("allow all -> all : tcp any\n", apart) == []


def test_outgoing_traffic_is_asked_about_in_production() -> None:
    options = ("", "option egress = open\n", "option egress = enforced\n")
    open_ones = [any(one.code == "NP412" for one in found(each, profile=Profile.PRODUCTION)) for each in options]
    assert open_ones == [True, True, False]
    assert told("option egress = open\n") == []


# How much it weighs.


def test_production_refuses_what_harms() -> None:
    policy = "allow world -> core : tcp 22, tcp 3306, tcp 23\n"
    assert {one.severity.value for one in found(policy)} == {"warning"}
    strict = [one for one in found(policy, profile=Profile.PRODUCTION) if one.code in ("NP401", "NP402", "NP403")]
    assert [one.severity.value for one in strict] == ["error"] * 3
