"""The specification against known answers: small policies whose meaning a reader can check."""

import re
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from netpolicy.packet.family import Family
from netpolicy.packet.packets import Packet, State, describe
from netpolicy.packet.ports import Protocol
from tests.specification import Specification
from tests.strategies import read

CLUSTER = """
policy: ./policy.netpol
mbus: 10.0.0.1
params: {streaming: on, api_ports: [8000, 9000-9002]}
networks: {admins: [198.51.100.0/24], both_ways: [10.0.0.0/30, "2001:db8:ad::/48"]}
nodes:
  core:
    roles: [primary]
    interfaces: {eth0: [10.0.0.1, "2001:db8::1"]}
  db:
    roles: [mysql]
    labels: [public]
    interfaces: {eth0: [10.0.0.2, "2001:db8::2"], eth1: [203.0.113.2]}
    addresses_are: leased
  dea[1-2]:
    roles: [dea]
    address: 10.0.0.[5-6]
    addresses_are: persistent
"""
DECLARATIONS = """
role primary, mysql, dea, spare
label public
network admins, both_ways
group data = mysql, spare
alias "MySQL nodes" = mysql
param streaming = off
param api_ports : ports
param cni = canal | cilium
service ssh = tcp 22
service chain = ssh, udp 53
forwarded service apps = tcp 41000-41010
service outer = ssh, apps
"""
PROTOCOLS = {"tcp": Protocol.TCP, "udp": Protocol.UDP, "esp": Protocol.ESP}


def packet(text: str, **more: Any) -> Packet:
    """The packet that `tcp 10.0.0.5 -> 10.0.0.2 : 22` writes; the port of icmp is `type/code`."""
    written = re.fullmatch(r"(\w+) (\S+) -> (\S+) : (\S+)", text)
    assert written is not None
    protocol, source, destination, port = written.groups()
    family = Family(ip_address(source).version)
    kind, _, code = port.partition("/")
    icmp = Protocol.ICMP if family is Family.V4 else Protocol.ICMPV6
    return Packet(
        family,
        int(ip_address(source)),
        int(ip_address(destination)),
        icmp if protocol == "icmp" else PROTOCOLS[protocol],
        int(kind) << 8 | int(code) if code else int(kind),
        **more,
    )


def coming(text: str, **more: Any) -> Packet:
    return packet(text, **{"in_interface": "eth0", "source_port": 40000, **more})


def going(text: str, **more: Any) -> Packet:
    return packet(text, **{"out_interface": "eth0", "source_port": 40000, **more})


def published(text: str, **more: Any) -> Packet:
    """The packet after it was sent to a container; the text is what the sender wrote."""
    sent = packet(text, in_interface="eth0", out_interface="docker0", source_port=40000, dnat=True)
    inner = int(ip_address("172.17.0.5" if sent.family is Family.V4 else "fd00::5"))
    moved = replace(sent, destination=inner, port=8080)
    return replace(moved, original_destination=sent.destination, original_port=sent.port, **more)


PASS, DROP = True, False
DEA_TO_DB = "tcp 10.0.0.5 -> 10.0.0.2 : 22"
Row = tuple[bool, str, Packet]

KNOWN: dict[str, tuple[str, list[Row]]] = {
    "nothing is allowed but the baseline": (
        "",
        [
            (DROP, "db", coming(DEA_TO_DB)),
            (PASS, "db", coming(DEA_TO_DB, state=State.ESTABLISHED)),
            (PASS, "db", coming(DEA_TO_DB, state=State.RELATED)),
            (DROP, "db", coming(DEA_TO_DB, state=State.UNTRACKED)),
            (PASS, "db", coming(DEA_TO_DB, in_interface="lo")),
            (PASS, "db", coming("icmp 9.9.9.9 -> 10.0.0.2 : 3/4")),
            (DROP, "db", coming("icmp 9.9.9.9 -> 10.0.0.2 : 3/3")),
            (PASS, "db", coming("icmp 2001:db8::9 -> 2001:db8::2 : 2/0")),
            (PASS, "db", coming("icmp fe80::9 -> ff02::1 : 135/0")),
            (DROP, "db", coming("icmp fe80::9 -> 2001:db8::2 : 128/0")),
        ],
    ),
    "dhcp replies reach a node whose address is leased": (
        "",
        [
            (PASS, "db", coming("udp 10.0.0.254 -> 255.255.255.255 : 68", source_port=67)),
            (PASS, "dea1", coming("udp 10.0.0.254 -> 255.255.255.255 : 68", source_port=67)),
            (DROP, "core", coming("udp 10.0.0.254 -> 255.255.255.255 : 68", source_port=67)),
            (DROP, "db", coming("udp 10.0.0.254 -> 255.255.255.255 : 68", source_port=68)),
            (PASS, "db", coming("udp fe80::1 -> fe80::2 : 546", source_port=547)),
            (DROP, "db", coming("udp 2001:db8::1 -> fe80::2 : 546", source_port=547)),
        ],
    ),
    "a role is every address of its nodes": (
        "allow dea -> mysql : ssh",
        [
            (PASS, "db", coming(DEA_TO_DB)),
            (PASS, "db", coming(DEA_TO_DB, state=State.UNTRACKED)),
            (DROP, "db", coming(DEA_TO_DB, state=State.INVALID)),
            (PASS, "db", coming("tcp 10.0.0.6 -> 203.0.113.2 : 22", in_interface="eth7")),
            (DROP, "db", coming("tcp 10.0.0.5 -> 10.0.0.2 : 23")),
            (DROP, "db", coming("udp 10.0.0.5 -> 10.0.0.2 : 22")),
            (DROP, "db", coming("tcp 10.0.0.1 -> 10.0.0.2 : 22")),
            (DROP, "core", coming("tcp 10.0.0.5 -> 10.0.0.1 : 22")),
        ],
    ),
    "deny beats allow wherever it stands": (
        """
        deny dea -> all : tcp 20-22
        allow all -> all : any
        """,
        [(DROP, "db", coming(DEA_TO_DB)), (PASS, "db", coming("tcp 10.0.0.5 -> 10.0.0.2 : 23"))],
    ),
    "both directions": (
        "allow dea <-> mysql : ssh",
        [(PASS, "db", coming(DEA_TO_DB)), (PASS, "dea2", coming("tcp 10.0.0.2 -> 10.0.0.6 : 22"))],
    ),
    "groups, aliases, labels, node ranges and the MBUS address": (
        """
        allow node dea1 -> data : tcp 1
        allow node dea[1-2] -> "MySQL nodes" : tcp 2
        allow mbus -> public : tcp 3
        allow 10.0.0.6 -> all except (primary, dea) : tcp 4
        """,
        [
            (PASS, "db", coming("tcp 10.0.0.5 -> 10.0.0.2 : 1")),
            (DROP, "db", coming("tcp 10.0.0.6 -> 10.0.0.2 : 1")),
            (PASS, "db", coming("tcp 10.0.0.6 -> 10.0.0.2 : 2")),
            (PASS, "db", coming("tcp 10.0.0.1 -> 10.0.0.2 : 3")),
            (DROP, "db", coming("tcp 2001:db8::1 -> 2001:db8::2 : 3")),
            (PASS, "db", coming("tcp 10.0.0.6 -> 10.0.0.2 : 4")),
            (DROP, "core", coming("tcp 10.0.0.6 -> 10.0.0.1 : 4")),
        ],
    ),
    "world, outside and networks": (
        """
        allow outside -> primary : tcp 1
        allow world -> primary : tcp 2
        allow admins -> primary : tcp 3
        """,
        [
            (PASS, "core", coming("tcp 9.9.9.9 -> 10.0.0.1 : 1")),
            (DROP, "core", coming("tcp 10.0.0.5 -> 10.0.0.1 : 1")),
            (PASS, "core", coming("tcp 10.0.0.5 -> 10.0.0.1 : 2")),
            (PASS, "core", coming("tcp 198.51.100.255 -> 10.0.0.1 : 3")),
            (DROP, "core", coming("tcp 198.51.101.0 -> 10.0.0.1 : 3")),
            (DROP, "core", coming("tcp 198.51.99.255 -> 10.0.0.1 : 3")),
        ],
    ),
    "a network as whom opens the part of the nodes that it holds": (
        "allow dea -> 10.0.0.0/30 : ssh",
        [(PASS, "db", coming(DEA_TO_DB)), (DROP, "db", coming("tcp 10.0.0.5 -> 203.0.113.2 : 22"))],
    ),
    "an interface": (
        "allow all -> all@eth1, primary@eth0 : ssh",
        [(DROP, "db", coming(DEA_TO_DB)), (PASS, "db", coming("tcp 10.0.0.5 -> 203.0.113.2 : 22"))],
    ),
    "a destination that no node declares is opened by `@` alone": (
        """
        allow dea -> mysql@224.0.0.251, 10.0.0.0/24, outside, dea : udp 5353
        allow all -> mysql@224.0.0.9 : udp 5353
        deny node dea2 -> mysql@224.0.0.251 : udp any
        """,
        [
            (PASS, "db", coming("udp 10.0.0.5 -> 224.0.0.251 : 5353")),
            (DROP, "core", coming("udp 10.0.0.5 -> 224.0.0.251 : 5353")),
            (DROP, "db", coming("udp 10.0.0.6 -> 224.0.0.251 : 5353")),
            (PASS, "db", coming("udp 10.0.0.6 -> 224.0.0.9 : 5353")),
            (DROP, "db", coming("udp 10.0.0.5 -> 10.0.0.77 : 5353")),
            (DROP, "db", coming("udp 10.0.0.5 -> 9.9.9.9 : 5353")),
        ],
    ),
    "a plain whom closes a destination that no node declares": (
        """
        option egress = enforced
        allow all -> all@10.0.0.77 : any
        deny dea -> 10.0.0.0/24 : udp any because "so"
        """,
        [
            (DROP, "db", coming("udp 10.0.0.5 -> 10.0.0.77 : 1")),
            (PASS, "db", coming("tcp 10.0.0.5 -> 10.0.0.77 : 1")),
            (PASS, "db", coming("udp 10.0.0.1 -> 10.0.0.77 : 1")),
        ],
    ),
    "services name services, params are the cluster's": (
        """
        allow all -> all : chain
        allow all -> all : udp 1, $api_ports, tcp+udp 70
        """,
        [
            *(
                (PASS, "db", coming(f"{what}"))
                for what in ("tcp 10.0.0.5 -> 10.0.0.2 : 22", "udp 10.0.0.5 -> 10.0.0.2 : 53")
            ),
            *((PASS, "db", coming(f"udp 10.0.0.5 -> 10.0.0.2 : {port}")) for port in (1, 8000, 9000, 9002, 70)),
            *(
                (DROP, "db", coming(f"udp 10.0.0.5 -> 10.0.0.2 : {port}"))
                for port in (0, 2, 7999, 8001, 8999, 9003, 71)
            ),
            (PASS, "db", coming("tcp 10.0.0.5 -> 10.0.0.2 : 70")),
            (DROP, "db", coming("tcp 10.0.0.5 -> 10.0.0.2 : 8000")),
        ],
    ),
    "icmp is of its family, whole protocols and any are of both": (
        """
        allow primary -> all : icmp echo-request, icmpv4 5/1, esp
        allow dea -> all : any
        """,
        [
            (PASS, "db", coming("icmp 10.0.0.1 -> 10.0.0.2 : 8/0")),
            (PASS, "db", coming("icmp 10.0.0.1 -> 10.0.0.2 : 8/7")),
            (PASS, "db", coming("icmp 2001:db8::1 -> 2001:db8::2 : 128/0")),
            (DROP, "db", coming("icmp 2001:db8::1 -> 2001:db8::2 : 8/0")),
            (PASS, "db", coming("icmp 10.0.0.1 -> 10.0.0.2 : 5/1")),
            (DROP, "db", coming("icmp 10.0.0.1 -> 10.0.0.2 : 5/0")),
            (PASS, "db", coming("esp 2001:db8::1 -> 2001:db8::2 : 0")),
            (DROP, "db", replace(coming("icmp 10.0.0.1 -> 10.0.0.2 : 128/0"), protocol=58)),
            (PASS, "db", replace(coming("icmp 10.0.0.5 -> 10.0.0.2 : 128/0"), protocol=58)),
        ],
    ),
    "statements under a condition": (
        """
        when streaming and not cni == cilium { allow dea -> all : tcp 1 }
        when exists spare or count(dea) > 2 { allow dea -> all : tcp 2 }
        when exists (spare, admins) and count(dea) == 2 {
            allow dea -> all : tcp 3
            when cni != canal { allow dea -> all : tcp 4 }
        }
        when exists (admins & 198.51.100.128/25) { allow dea -> all : tcp 5 }
        when exists (admins & 10.0.0.0/8) { allow dea -> all : tcp 6 }
        when exists (10.0.0.0/8 except 10.0.0.0/9) { allow dea -> all : tcp 7 }
        when streaming and exists spare { allow dea -> all : tcp 8 }
        when streaming or exists spare { allow dea -> all : tcp 9 }
        when count(dea) < 2 or count(dea) >= 3 or count(dea) != 2 { allow dea -> all : tcp 10 }
        when count(dea) <= 2 and count(dea) >= 2 and count(dea) < 3 { allow dea -> all : tcp 11 }
        """,
        [
            (expected, "db", coming(f"tcp 10.0.0.5 -> 10.0.0.2 : {port}"))
            for port, expected in enumerate((PASS, DROP, PASS, DROP, PASS, DROP, PASS, DROP, PASS, DROP, PASS), start=1)
        ],
    ),
    "to self and promises compile to nothing": (
        """
        allow all -> self : any
        expect dea -> mysql : ssh, udp 7
        never dea -> mysql : udp 8
        allow dea -> mysql : udp 7-8
        require exists all
        """,
        [
            (DROP, "db", coming(DEA_TO_DB)),
            (DROP, "db", coming("tcp 10.0.0.2 -> 10.0.0.2 : 1")),
            *((PASS, "db", coming(f"udp 10.0.0.5 -> 10.0.0.2 : {port}")) for port in (7, 8)),
        ],
    ),
    "open egress judges nothing that goes out": (
        "deny all -> all : any",
        [
            (PASS, "dea1", going(DEA_TO_DB)),
            (PASS, "dea1", going("tcp 9.9.9.9 -> 8.8.8.8 : 1", state=State.INVALID)),
            (PASS, "dea1", going("tcp 172.17.0.5 -> 10.0.0.2 : 22", in_interface="docker0")),
        ],
    ),
    "enforced egress judges what goes out": (
        """
        option egress = enforced
        allow dea -> mysql : ssh
        allow dea -> primary@224.0.0.251 : udp 5353
        """,
        [
            (PASS, "dea1", going(DEA_TO_DB)),
            (DROP, "dea1", going("tcp 10.0.0.5 -> 10.0.0.2 : 23")),
            (DROP, "dea1", going("tcp 10.0.0.77 -> 10.0.0.2 : 22")),
            (DROP, "dea1", going(DEA_TO_DB, state=State.INVALID)),
            (PASS, "dea1", going("tcp 10.0.0.5 -> 9.9.9.9 : 1", state=State.ESTABLISHED)),
            (PASS, "dea1", going("tcp 10.0.0.5 -> 9.9.9.9 : 1", out_interface="lo")),
            (PASS, "dea1", going("udp 10.0.0.5 -> 224.0.0.251 : 5353")),
            (DROP, "dea1", going("udp 10.0.0.5 -> 224.0.0.252 : 5353")),
            (PASS, "core", going("icmp fe80::1 -> ff02::1 : 135/0")),
            (PASS, "db", going("udp 0.0.0.0 -> 255.255.255.255 : 67", source_port=68)),
            (DROP, "core", going("udp 0.0.0.0 -> 255.255.255.255 : 67", source_port=68)),
            (PASS, "db", going("udp fe80::2 -> ff02::2 : 547", source_port=546)),
        ],
    ),
    "what containers send has the rights of their node": (
        """
        option egress = enforced
        allow mysql, node dea1 -> primary : ssh
        allow mysql@eth1 -> primary : tcp 23
        """,
        [
            (PASS, "dea1", going("tcp 172.17.0.5 -> 10.0.0.1 : 22", in_interface="docker0")),
            (DROP, "dea2", going("tcp 172.17.0.5 -> 10.0.0.1 : 22", in_interface="docker0")),
            (PASS, "dea2", going("tcp 172.17.0.5 -> 10.0.0.1 : 22", in_interface="docker0", out_interface="docker1")),
            (DROP, "db", going("tcp 172.17.0.5 -> 10.0.0.1 : 23", in_interface="docker0")),
            (PASS, "db", going("tcp 203.0.113.2 -> 10.0.0.1 : 23", in_interface="docker0")),
            (DROP, "db", going("icmp 172.17.0.5 -> 10.0.0.1 : 3/4", in_interface="docker0")),
        ],
    ),
    "a forwarded service is admitted by its original port": (
        """
        allow dea -> mysql, primary : outer
        allow dea -> all : any
        deny node dea2 -> mysql : tcp 41005-41010
        """,
        [
            (PASS, "db", published("tcp 10.0.0.5 -> 10.0.0.2 : 41000")),
            (PASS, "db", published("tcp 10.0.0.5 -> 9.9.9.9 : 41000")),
            (DROP, "db", published("tcp 10.0.0.5 -> 10.0.0.2 : 22")),
            (DROP, "db", published("tcp 10.0.0.5 -> 10.0.0.2 : 41011")),
            (DROP, "db", published("tcp 10.0.0.1 -> 10.0.0.2 : 41000")),
            (DROP, "db", published("tcp 10.0.0.5 -> 10.0.0.2 : 41000", state=State.INVALID)),
            (PASS, "db", published("tcp 10.0.0.1 -> 10.0.0.2 : 1", state=State.RELATED)),
            (PASS, "db", published("tcp 10.0.0.6 -> 10.0.0.2 : 41004")),
            (DROP, "db", published("tcp 10.0.0.6 -> 10.0.0.2 : 41005")),
            (DROP, "dea1", published("tcp 10.0.0.6 -> 10.0.0.5 : 41000")),
            (PASS, "dea1", published("tcp 10.0.0.6 -> 10.0.0.5 : 41000", in_interface="docker1")),
            (PASS, "db", coming("tcp 10.0.0.5 -> 10.0.0.2 : 41000")),
            (PASS, "db", replace(published("tcp 10.0.0.5 -> 10.0.0.2 : 22"), dnat=False)),
        ],
    ),
    "a part of a node publishes for its own addresses": (
        "allow dea -> mysql@eth1, primary@10.0.0.77 : apps\nallow primary -> dea : apps",
        [
            (PASS, "db", published("tcp 10.0.0.5 -> 203.0.113.2 : 41000")),
            (DROP, "db", published("tcp 10.0.0.5 -> 10.0.0.2 : 41000")),
            (DROP, "db", published("tcp 10.0.0.5 -> 10.0.0.77 : 41000")),
            (PASS, "core", published("tcp 10.0.0.5 -> 10.0.0.77 : 41000")),
            (DROP, "core", published("tcp 10.0.0.5 -> 10.0.0.1 : 41000")),
            (DROP, "dea1", published("tcp 2001:db8::1 -> 2001:db8::99 : 41000")),
        ],
    ),
}


@pytest.mark.parametrize("title", KNOWN)
def test_known_answers(title: str) -> None:
    statements, rows = KNOWN[title]
    policy, cluster = read(DECLARATIONS + statements, CLUSTER)
    specification = Specification([policy], cluster)
    wrong = [
        f"{describe(asked)} at {node}: {ruling.reason}"
        for expected, node, asked in rows
        if (ruling := specification.deciding(node, asked)).admitted != expected
    ]
    assert not wrong


@pytest.mark.parametrize("egress", ["open", "enforced"])
@pytest.mark.parametrize(
    ("asked", "owner"),
    [
        (coming(DEA_TO_DB), "db"),
        (going(DEA_TO_DB), "dea1"),
        (going(DEA_TO_DB, out_interface="lo"), "dea1"),
        (going(DEA_TO_DB, in_interface="docker0"), "dea1"),
    ],
    ids=["coming in", "going out", "going out over loopback", "sent on"],
)
def test_addresses_of_another_node_are_never_asked_about(egress: str, asked: Packet, owner: str) -> None:
    policy, cluster = read(f"{DECLARATIONS}option egress = {egress}", CLUSTER)
    with pytest.raises(ValueError, match=f"address of {owner}"):
        Specification([policy], cluster).admits("core", asked)


@pytest.mark.parametrize(
    ("given_by_cluster", "statements", "port"),
    [("params: {p: 3}", "param p = 1\nset p = 2", 3), ("", "param p = 1\nset p = 2", 2), ("", "param p = 1", 1)],
)
def test_the_cluster_then_set_then_the_default(given_by_cluster: str, statements: str, port: int) -> None:
    cluster_text = f"policy: ./p.netpol\n{given_by_cluster}\nnodes: {{core: {{address: 10.0.0.1}}}}"
    policy, cluster = read(f"{statements}\nallow all -> all : tcp $p", cluster_text)
    specification = Specification([policy], cluster)
    packets = {number: coming(f"tcp 10.0.0.1 -> 10.0.0.1 : {number}") for number in (1, 2, 3)}
    assert [number for number, asked in packets.items() if specification.admits("core", asked)] == [port]
