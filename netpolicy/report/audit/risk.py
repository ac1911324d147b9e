"""How much a flow or a statement asks to be looked at: a few points, each with its reason in words.

It is a sum that a person can check, not a verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network

from netpolicy.dsl.syntax import Attributes
from netpolicy.packet.addresses import FAMILIES, AddressSet
from netpolicy.packet.intervals import Intervals, contains, size
from netpolicy.packet.ports import PORT_SPACE_LAST, PORTED, VALUE_BITS, WHOLE, Protocol, by_protocol

HIGH, MEDIUM = 7, 5
"""Points from which a risk is high, or medium; one point is low."""
LEVELS = ("none", "low", "medium", "high")
WEAK_TAGS = ("disputed", "single_source", "unverified")
"""Tags of statements whose source does not settle them."""

_PRIVATE = AddressSet.of_networks(
    ip_network(text)
    for text in (
        *("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
        *("224.0.0.0/4", "::1/128", "fc00::/7", "fe80::/10", "ff00::/8"),
    )
)
_TCP, _UDP = int(Protocol.TCP), int(Protocol.UDP)
# What is found at well-known ports (IANA, and the defaults of the products).
_KINDS = (
    (
        "asks for no password as installed",
        3,
        {
            "docker": (_TCP, 2375),
            "etcd": (_TCP, 2379),
            "kubelet (read-only)": (_TCP, 10255),
            "memcached": (_TCP, 11211),
            "redis": (_TCP, 6379),
            "zookeeper": (_TCP, 2181),
        },
    ),
    (
        "remote administration",
        2,
        {
            "kubelet": (_TCP, 10250),
            "rdp": (_TCP, 3389),
            "ssh": (_TCP, 22),
            "telnet": (_TCP, 23),
            "vnc": (_TCP, 5900),
            "winrm": (_TCP, 5985),
        },
    ),
    (
        "database",
        2,
        {
            "cassandra": (_TCP, 9042),
            "couchdb": (_TCP, 5984),
            "elasticsearch": (_TCP, 9200),
            "mongodb": (_TCP, 27017),
            "mssql": (_TCP, 1433),
            "mysql": (_TCP, 3306),
            "oracle": (_TCP, 1521),
            "postgresql": (_TCP, 5432),
        },
    ),
    (
        "message bus",
        2,
        {"amqp": (_TCP, 5672), "kafka": (_TCP, 9092), "mqtt": (_TCP, 1883), "nats": (_TCP, 4222)},
    ),
    (
        "clear text",
        1,
        {
            "ftp": (_TCP, 21),
            "http": (_TCP, 80),
            "ldap": (_TCP, 389),
            "nfs": (_TCP, 2049),
            "rpcbind": (_TCP, 111),
            "smb": (_TCP, 445),
            "smtp": (_TCP, 25),
            "snmp": (_UDP, 161),
            "syslog": (_UDP, 514),
            "telnet": (_TCP, 23),
            "tftp": (_UDP, 69),
        },
    ),
)
_MOST_NAMES = 3

Points = list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Risk:
    """Reasons in words, each with its points."""

    points: tuple[tuple[str, int], ...] = ()

    @property
    def score(self) -> int:
        return sum(points for _, points in self.points)

    @property
    def level(self) -> str:
        return LEVELS[3 if self.score >= HIGH else 2 if self.score >= MEDIUM else 1 if self.score else 0]

    @property
    def reasons(self) -> list[str]:
        """`from anywhere +5`, what weighs most first."""
        return [f"{text} +{points}" for text, points in sorted(self.points, key=lambda one: (-one[1], one[0]))]


def of_flow(sources: AddressSet, keys: Iterable[Intervals]) -> Risk:
    """The risk of what passes from addresses of no node (nowhere for nodes) on these keys."""
    return Risk((*_from(sources), *_ports(keys)))


def of_statement(
    sources: AddressSet, keys: Iterable[Intervals], notes: Attributes, *, from_all: bool, to_all: bool
) -> Risk:
    """The risk of an allow: `sources` are those of no node, and it may be from, and to, every node."""
    nodes = [("from every node", 1)] if from_all else []
    nodes += [("to every node", 2)] if to_all else []
    return Risk((*_from(sources), *nodes, *_ports(keys), *_notes(notes)))


def _from(sources: AddressSet) -> Iterator[tuple[str, int]]:
    if not sources:
        return
    if any(size(sources.of(family)) >= 1 << family.bits - 1 for family in FAMILIES):
        yield "from anywhere", 5
    elif _PRIVATE.covers(sources):
        yield "from private addresses outside of the cluster", 1
    else:
        yield "from public addresses outside of the cluster", 2


def _ports(keys: Iterable[Intervals]) -> Iterator[tuple[str, int]]:
    """The points of what is opened; families are not told apart."""
    sides = [one for one in keys if one]
    if any(one == ((0, PORT_SPACE_LAST),) for one in sides):
        yield "every protocol and port", 4
        return
    wide: dict[str, int] = {}
    for protocol, values in (each for one in sides for each in by_protocol(one)):
        if protocol in PORTED:
            name = Protocol(protocol).name.lower()
            wide[name] = max(wide.get(name, 0), size(WHOLE) if values == WHOLE else size(values))
    for name, count in sorted(wide.items()):
        if count >= 65_535:
            yield f"every port of {name}", 4
        elif count >= 100:
            yield f"{count:,} ports of {name}", 2 if count >= 1000 else 1
    for kind, points, known in _KINDS:
        met = [name for name, (number, port) in known.items() if _opens(sides, number, port)]
        if met:
            more = f" and {len(met) - _MOST_NAMES} more" if len(met) > _MOST_NAMES else ""
            yield f"{kind}: {', '.join(met[:_MOST_NAMES])}{more}", points


def _opens(sides: Iterable[Intervals], protocol: int, port: int) -> bool:
    return any(contains(one, protocol << VALUE_BITS | port) for one in sides)


def _notes(notes: Attributes) -> Iterator[tuple[str, int]]:
    if not notes.owner:
        yield "no owner", 1
    if not notes.because and not notes.sources:
        yield "no reason", 1
    if notes.expires is None and notes.review is None:
        yield "never expires, and no day of review", 1
    for tag in WEAK_TAGS:
        if tag in notes.tags:
            yield f"tagged {tag}", 1
