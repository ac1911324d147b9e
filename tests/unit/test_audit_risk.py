"""Risk is a sum of points whose reasons are told."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from netpolicy.dsl.syntax import Attributes
from netpolicy.packet.addresses import EVERYWHERE, NOWHERE, AddressSet
from netpolicy.packet.ports import ANY_PORT, PortSet, Protocol
from netpolicy.report.audit.risk import Risk, of_flow, of_statement

TCP, UDP = int(Protocol.TCP), int(Protocol.UDP)


def flow(addresses: AddressSet, ports: PortSet) -> list[str]:
    return of_flow(addresses, (ports.v4, ports.v6)).reasons


def network(*texts: str) -> AddressSet:
    return AddressSet.of_networks(ip_network(text) for text in texts)


def test_the_score_is_the_sum_of_the_reasons() -> None:
    risk = of_statement(EVERYWHERE, (PortSet.ports(TCP, [(1, 65535)]).v4,), Attributes(), from_all=False, to_all=True)
    assert risk.score == sum(int(reason.rpartition("+")[2]) for reason in risk.reasons)
    assert risk.level == "high"


@pytest.mark.parametrize(
    ("addresses", "reasons"),
    [
        (NOWHERE, []),
        (EVERYWHERE, ["from anywhere +5"]),
        (network("0.0.0.0/1"), ["from anywhere +5"]),
        (network("::/1"), ["from anywhere +5"]),
        (EVERYWHERE - network("10.0.0.0/8"), ["from anywhere +5"]),
        (network("192.168.1.0/24", "fd00::/8"), ["from private addresses outside of the cluster +1"]),
        (network("192.168.1.0/24", "198.51.100.0/24"), ["from public addresses outside of the cluster +2"]),
    ],
)
def test_where_it_comes_from(addresses: AddressSet, reasons: list[str]) -> None:
    assert flow(addresses, PortSet.ports(TCP, [(9022, 9022)])) == reasons


@pytest.mark.parametrize(
    ("ports", "reasons"),
    [
        (PortSet.ports(TCP, [(22, 22)]), ["remote administration: SSH +2"]),
        (PortSet.ports(UDP, [(22, 22)]), []),
        (PortSet.ports(TCP, [(20, 30)]), ["remote administration: SSH, telnet +2", "clear text: FTP, SMTP +1"]),
        (PortSet.ports(TCP, [(5432, 5432)]), ["database: PostgreSQL +2"]),
        (PortSet.ports(TCP, [(4222, 4222)]), ["message bus: NATS +2"]),
        (PortSet.ports(TCP, [(6379, 6379)]), ["asks for no password as installed: Redis +3"]),
        (PortSet.ports(TCP, [(40000, 40098)]), []),
        (PortSet.ports(TCP, [(40000, 40099)]), ["100 ports of tcp +1"]),
        (PortSet.ports(UDP, [(40000, 40999)]), ["1,000 ports of udp +2"]),
        (
            PortSet.ports(UDP, [(0, 65535)]),
            [
                "every port of udp +4",
                "remote administration: XDMCP, IPMI, remote desktop +2",
                "clear text: TFTP, SNMP, syslog +1",
            ],
        ),
        (ANY_PORT, ["every protocol and port +4"]),
        (PortSet.protocol(50), []),
    ],
)
def test_what_it_opens(ports: PortSet, reasons: list[str]) -> None:
    assert flow(NOWHERE, ports) == reasons


def test_who_answers_for_it() -> None:
    notes = Attributes(because="web", owner="ops", sources=("S1",), tags=("disputed", "unverified", "blue"))
    keys = (PortSet.ports(TCP, [(9022, 9022)]).v4,)
    told = of_statement(NOWHERE, keys, notes, from_all=True, to_all=True).reasons
    assert told == [
        "to every node +2",
        "from every node +1",
        "never expires, and no day of review +1",
        "tagged disputed +1",
        "tagged unverified +1",
    ]
    unkept = of_statement(NOWHERE, keys, Attributes(), from_all=False, to_all=False).reasons
    assert unkept == ["never expires, and no day of review +1", "no owner +1", "no reason +1"]


@pytest.mark.parametrize(
    ("score", "level"), [(0, "none"), (1, "low"), (4, "low"), (5, "medium"), (6, "medium"), (7, "high")]
)
def test_levels(score: int, level: str) -> None:
    assert Risk((("reason", score),) if score else ()).level == level
