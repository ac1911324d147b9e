"""How much a flow that is opened puts at risk, and which of several comes first."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network

import pytest

from netpolicy.packet.addresses import EVERYWHERE, AddressSet
from netpolicy.packet.family import Family
from netpolicy.packet.packets import Packet
from netpolicy.packet.ports import ANY_PORT, PortSet, Protocol
from netpolicy.verify.diff.compare import order
from netpolicy.verify.diff.cover import End
from netpolicy.verify.diff.crossing import Share
from netpolicy.verify.diff.gates import Way
from netpolicy.verify.diff.naming import Change
from netpolicy.verify.diff.risk import Level, Risk, anywhere, risk_of


def network(name: str, *cidrs: str) -> End:
    networks = [IPv6Network(one) if ":" in one else IPv4Network(one) for one in cidrs]
    return End(name, addresses=AddressSet.of_networks(networks))


def tcp(*pairs: tuple[int, int]) -> PortSet:
    return PortSet.ports(Protocol.TCP, pairs)


WORLD, ADMINS = End("world", addresses=EVERYWHERE), network("admins", "198.51.100.0/24")
WEB, DB = End("web", ("web1", "web2"), 2), End("db", ("db",), 1)
PACKET = Packet(Family.V4, 1, 2, protocol=6, port=80)
HTTPS, MYSQL, RANGE = tcp((443, 443)), tcp((3306, 3306)), tcp((30000, 31000))


def opened(source: End, destination: End, ports: PortSet, way: Way = Way.RECEIVED) -> Change:
    return Change(Share.KEPT, True, way, source, destination, ports, PACKET)


@pytest.mark.parametrize(
    ("change", "level", "reasons"),
    [
        (opened(WORLD, WEB, HTTPS), Level.MEDIUM, ["from anywhere"]),
        (opened(WORLD, DB, MYSQL), Level.HIGH, ["from anywhere", "data or admin ports: MySQL (3306)"]),
        (opened(WORLD, WEB, RANGE), Level.HIGH, ["from anywhere", "a wide range of ports"]),
        (opened(WORLD, WEB, ANY_PORT), Level.HIGH, ["from anywhere", "any protocol and port"]),
        (opened(ADMINS, WEB, HTTPS), Level.LOW, ["from outside"]),
        (opened(ADMINS, WEB, tcp((22, 22))), Level.MEDIUM, ["from outside", "data or admin ports: SSH (22)"]),
        (opened(WEB, DB, MYSQL), Level.LOW, ["data or admin ports: MySQL (3306)"]),
        (opened(WEB, DB, RANGE), Level.MEDIUM, ["a wide range of ports"]),
        (opened(WEB, DB, tcp((8000, 8062))), Level.LOW, []),
        (opened(WEB, WORLD, HTTPS, Way.SENT), Level.LOW, ["to anywhere"]),
        (opened(WEB, WORLD, ANY_PORT, Way.SENT), Level.MEDIUM, ["to anywhere", "any protocol and port"]),
        (replace(opened(WORLD, DB, MYSQL), opened=False), Level.NONE, []),
    ],
)
def test_risk_of_a_change(change: Change, level: Level, reasons: list[str]) -> None:
    assert risk_of(change) == Risk(level, tuple(reasons))


def test_a_split_world_is_anywhere_and_a_private_network_is_not() -> None:
    assert anywhere(network("split", "0.0.0.0/2", "64.0.0.0/2"))
    assert anywhere(network("v6", "2000::/3"))
    assert anywhere(End("outside but admins", addresses=EVERYWHERE))
    assert not anywhere(network("private", "10.0.0.0/8", "fc00::/7", "192.168.0.0/16"))
    assert not anywhere(network("outside_office", "198.51.100.0/24", "2001:db8::/32"))


def test_what_is_reached_that_matters_comes_first() -> None:
    """A data port from outside weighs more than a web port, though the names are in another order."""
    changes = [opened(WEB, DB, HTTPS), opened(ADMINS, WEB, HTTPS), opened(ADMINS, DB, MYSQL), opened(WORLD, WEB, HTTPS)]
    changes += [opened(WEB, DB, RANGE), opened(WORLD, DB, MYSQL)]
    ranked = [(one.source.name, risk_of(one).level) for one in sorted(changes, key=order)]
    assert ranked == [
        ("world", Level.HIGH),
        ("world", Level.MEDIUM),
        ("admins", Level.MEDIUM),
        ("web", Level.MEDIUM),
        ("admins", Level.LOW),
        ("web", Level.LOW),
    ]
