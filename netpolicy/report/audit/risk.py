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
from netpolicy.packet.ports import PORT_SPACE_LAST, PORTED, WHOLE, Protocol, by_protocol
from netpolicy.verify.wellknown import Kind, of

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
_KINDS = (
    ("asks for no password as installed", 3, of(Kind.UNGUARDED)),
    ("remote administration", 2, of(Kind.SSH, Kind.REMOTE)),
    ("control plane", 2, of(Kind.CONTROL)),
    ("database", 2, of(Kind.DATABASE)),
    ("message bus", 2, of(Kind.BUS)),
    ("files", 2, of(Kind.FILES)),
    ("clear text", 1, of(Kind.CLEAR)),
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
    told = set[int]()  # a port is of the first kind that it is of
    for kind, points, known in _KINDS:
        of_kind = [one for one in known if one.key not in told and any(contains(keys, one.key) for keys in sides)]
        told.update(one.key for one in of_kind)
        met = list(dict.fromkeys(one.name for one in of_kind))
        if met:
            more = f" and {len(met) - _MOST_NAMES} more" if len(met) > _MOST_NAMES else ""
            yield f"{kind}: {', '.join(met[:_MOST_NAMES])}{more}", points


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
