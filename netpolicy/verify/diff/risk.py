"""How much a flow that is opened puts at risk: by who may send, what is reached, and how wide it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from netpolicy.packet.addresses import AddressSet
from netpolicy.packet.family import FAMILIES
from netpolicy.packet.intervals import contains, size
from netpolicy.packet.ports import PORTED, Protocol, by_protocol
from netpolicy.packet.portwords import MANY_PROTOCOLS
from netpolicy.verify.diff.cover import End
from netpolicy.verify.diff.gates import Way
from netpolicy.verify.diff.naming import Change
from netpolicy.verify.diff.strangers import OUTSIDE, WORLD

WIDE = 64
"""Ports of one protocol, or protocols, from which a flow is a wide range."""
_NAMED = 3
_NOTABLE: Mapping[int, Mapping[int, str]] = {
    protocol: {int(port): name for row in rows for port, _, name in [row.partition(" ")]}
    for protocol, rows in (
        (
            Protocol.TCP,
            (
                *("22 SSH", "23 Telnet", "111 portmapper", "135 RPC", "139 NetBIOS", "389 LDAP", "445 SMB", "636 LDAP"),
                *("1433 SQL Server", "1521 Oracle", "2049 NFS", "2181 ZooKeeper", "2375 Docker", "2376 Docker"),
                *("2379 etcd", "2380 etcd", "3306 MySQL", "3389 RDP", "5432 PostgreSQL", "5672 AMQP", "5900 VNC"),
                *("5984 CouchDB", "5985 WinRM", "5986 WinRM", "6379 Redis", "6443 Kubernetes", "8500 Consul"),
                *("9042 Cassandra", "9092 Kafka", "9200 Elasticsearch", "9300 Elasticsearch", "10250 kubelet"),
                *("11211 memcached", "27017 MongoDB", "27018 MongoDB", "27019 MongoDB"),
            ),
        ),
        (
            Protocol.UDP,
            ("111 portmapper", "161 SNMP", "389 LDAP", "623 IPMI", "2049 NFS", "11211 memcached"),
        ),
    )
}
"""Ports of administration and of data stores, as IANA or their makers assign them."""
_PRIVATE = AddressSet(
    v4=((0x0A000000, 0x0AFFFFFF), (0x64400000, 0x647FFFFF), (0xAC100000, 0xAC1FFFFF), (0xC0A80000, 0xC0A8FFFF)),
    v6=((0xFC << 120, (0xFE << 120) - 1), (0xFE80 << 112, (0xFEC0 << 112) - 1)),
)  # RFC 1918, RFC 6598; RFC 4193, link-local
_MANY = (1 << 24, 1 << 112)
"""As many public addresses are anywhere: more than any one organisation has."""


class Level(Enum):
    """How much is at risk; `NONE` is what was closed."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NONE = "none"

    @property
    def rank(self) -> int:
        return tuple(Level).index(self)


@dataclass(frozen=True, slots=True)
class Risk:
    """A level, and why, in a few words each."""

    level: Level
    reasons: tuple[str, ...] = ()


def risk_of(one: Change) -> Risk:
    """The risk of one change."""
    if not one.opened:
        return Risk(Level.NONE)
    wide, shown = _wide(one), _shown(one)
    if one.way is Way.SENT:
        far = anywhere(one.destination)
        return Risk(Level.MEDIUM if far and wide else Level.LOW, ("to anywhere", *shown) if far else shown)
    if anywhere(one.source):
        return Risk(Level.HIGH if shown else Level.MEDIUM, ("from anywhere", *shown))
    if not one.source.nodes:
        return Risk(Level.MEDIUM if shown else Level.LOW, ("from outside", *shown))
    return Risk(Level.MEDIUM if wide else Level.LOW, shown)


def anywhere(end: End) -> bool:
    """True for what stands for the internet: everybody, all but a few, or very many public addresses."""
    if end.nodes:
        return False
    if end.name in (WORLD, OUTSIDE) or end.name.startswith(f"{OUTSIDE} but "):
        return True
    public = end.addresses - _PRIVATE
    return any(size(public.of(family)) >= many for family, many in zip(FAMILIES, _MANY, strict=True))


def _shown(one: Change) -> tuple[str, ...]:
    """What is reached that matters, in words."""
    protocols = [found for family in FAMILIES for found in by_protocol(one.ports.of(family))]
    if any(len(by_protocol(one.ports.of(family))) > MANY_PROTOCOLS for family in FAMILIES):
        return ("any protocol and port",)
    names = dict.fromkeys(
        f"{name} ({port})"
        for protocol, values in protocols
        for port, name in _NOTABLE.get(protocol, {}).items()
        if contains(values, port)
    )
    told = ["a wide range of ports"] if _wide(one) else []
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (*told, *([f"data or admin ports: {', '.join(list(names)[:_NAMED])}{more}"] if names else []))


def _wide(one: Change) -> bool:
    """True for many ports of a protocol, or for many protocols."""
    by_family = [by_protocol(one.ports.of(family)) for family in FAMILIES]
    return any(len(found) > WIDE for found in by_family) or any(
        size(values) >= WIDE for found in by_family for protocol, values in found if protocol in PORTED
    )
