"""Probes that lie at the edges of what rulesets ask, some of them in a sample of a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import TypeVar

from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.packets import ICMP_OF
from netpolicy.packet.ports import PORTED
from netpolicy.targets.iptables.decide import PROTOCOLS_WITH_PORTS
from tests.crossing import places
from tests.crossing.drawn import INSIDE, KINDS, OUTSIDE, PORTS
from tests.crossing.probe import ECHO, ERROR_KEY, OPENED, RARE, STRAYS, TRANSLATED, Probe, Way, Which

T = TypeVar("T")
_WAYS = (Way.IN,) * 5 + (Way.OUT,) * 4 + (Way.FORWARD,) * 3 + (Way.BACK,) * 2 + (Way.LOOP,) * 2
_PROTOCOLS = (6,) * 8 + (17,) * 5 + (132,) * 2 + (1,) * 3 + (50, 47, 99)
_LATER = (Which.REPLY, Which.AGAIN, Which.RELATED)
_TRACKED = (Which.FIRST,) * 10 + _LATER * 2 + (*STRAYS, *(Which.UNTRACKED,) * 2)
_UNTRACKED = (Which.FIRST,) * 4 + (Which.PARTS, Which.HEAD, Which.TAIL, Which.TAIL, *STRAYS)
# The first part holds 16 bytes: rules that look into a header of which a part is missing drop the packet.
_LONG = (17, 132)
_WIRED = (Way.OUT, Way.FORWARD, Way.BACK)
_OWN = (*places.OWN["eth1"], *places.OWN["eth10"])


def sample(number: int, count: int, *, tracked: bool) -> list[Probe]:
    """That many probes, none of which is in the flow of another; the same for the same number."""
    random = Random(number)
    found: list[Probe] = []
    known: set[tuple[object, ...]] = set()
    tried = 0
    while len(found) < count and tried < 4 * count:
        tried += 1
        one = _probe(random, tried, tracked=tracked)
        if one is None or (tracked and one.flow in known):
            continue
        known.add(one.flow)
        found.append(one)
    return found


def _probe(random: Random, place: int, *, tracked: bool) -> Probe | None:
    family = random.choice(FAMILIES)
    which = random.choice(_TRACKED if tracked else _UNTRACKED)
    # Conntrack would take what we send of the rare ones for invalid, or not: it is only asked where nobody tracks.
    protocol = random.choice(_PROTOCOLS if tracked else (*_PROTOCOLS, *RARE))
    protocol = ICMP_OF[family] if protocol == 1 else protocol
    way = random.choice((*_WAYS, *TRANSLATED) if tracked else _WAYS)
    if not _fits(way, which, protocol, family):
        return None
    source, destination = _ends(random, way)
    card = places.BACK if way in (Way.BACK, Way.MASKED) else random.choice((places.FRONT, places.SIDE))
    mac = random.choice(places.PEER_MACS)
    bare = Probe(way, which, family, protocol, source, destination, 0, 0, card, mac)
    port, source_port = _ports(random, bare, place)
    return replace(bare, port=port, source_port=source_port)


def _fits(way: Way, which: Which, protocol: int, family: Family) -> bool:
    """True for what can be sent and heard, and means what it says."""
    if which in STRAYS and (protocol == ICMP_OF[family]) != (which is Which.ERROR):
        return False
    if which in STRAYS and which is not Which.ERROR and protocol != 6:
        return False
    match which:
        case Which.UNTRACKED:
            return protocol in (6, 17) and way not in TRANSLATED
        case Which.PARTS:  # put together before INPUT in IPv4, and only before the socket in IPv6
            return way is Way.IN and protocol in _LONG
        case Which.HEAD:
            return way in _WIRED and protocol == 17
        case Which.TAIL:
            return way in _WIRED and protocol != ICMP_OF[family]
        case _ if way in (Way.PUBLISHED, Way.REDIRECTED):
            return protocol in (6, 17) and which in (Which.FIRST, *OPENED)
        case _ if which in OPENED:
            # What has no ports is forgotten at once; a node that sends to itself has answered already.
            return way is not Way.LOOP and (protocol in PORTED or protocol == ICMP_OF[family])
        case _:
            return True


def _ends(random: Random, way: Way) -> tuple[int, int]:
    match way:
        case Way.IN:
            return random.choice(OUTSIDE), random.choice(_OWN)
        case Way.OUT:
            return random.choice(_OWN), random.choice(OUTSIDE)
        case Way.LOOP:
            return random.choice(_OWN), random.choice(_OWN)
        case Way.FORWARD:
            return random.choice(OUTSIDE), random.choice(INSIDE)
        case Way.BACK:
            return random.choice([one for one in INSIDE if one != places.MASKED]), random.choice(OUTSIDE)
        case Way.MASKED:
            return places.MASKED, random.choice(OUTSIDE)
        case Way.PUBLISHED | Way.REDIRECTED:
            return random.choice(OUTSIDE), places.PUBLISHING


def _ports(random: Random, bare: Probe, place: int) -> tuple[int, int]:
    """Destination and source port; those of ICMP are its kind, and a number that no other has."""
    if bare.is_icmp:
        return _kind(random, bare), place
    if bare.protocol not in PROTOCOLS_WITH_PORTS:
        return 0, 0
    # A translation that meets another flow of the same ends would change the port.
    source_port = 40_000 + place % 20_000 if bare.way in TRANSLATED else _one(random, PORTS, place)
    if bare.which is Which.UNTRACKED:
        source_port = places.UNTRACKED_PORT
    match bare.way:
        case Way.PUBLISHED:
            return random.randint(*places.PUBLISHED_PORTS), source_port
        case Way.REDIRECTED:
            return random.randint(*places.REDIRECTED_PORTS), source_port
        case _:
            port = random.choice(PORTS)
            return (80 if 9000 <= port <= 9005 else port), source_port


def _kind(random: Random, bare: Probe) -> int:
    if bare.which in OPENED:
        return ECHO[bare.family][0] << 8
    if bare.which is Which.ERROR:
        return ERROR_KEY[bare.family]
    kind, code = random.choice(KINDS[bare.family])
    return kind << 8 | random.choice((code, code, code + 1))


def _one(random: Random, known: Sequence[int], place: int) -> int:
    """One of the known, or a port that no other has."""
    return random.choice(known) if random.random() < 0.5 else 40_000 + place % 20_000
