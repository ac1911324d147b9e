"""How much a flow that is opened puts at risk: by who may send, what is reached, and how wide it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from netpolicy.packet.family import FAMILIES
from netpolicy.packet.intervals import contains, size
from netpolicy.packet.ports import PORTED, by_protocol
from netpolicy.packet.portwords import MANY_PROTOCOLS
from netpolicy.verify.diff.cover import End
from netpolicy.verify.diff.gates import Way
from netpolicy.verify.diff.naming import Change
from netpolicy.verify.diff.strangers import OUTSIDE, WORLD
from netpolicy.verify.exposure import PUBLIC
from netpolicy.verify.wellknown import DATA, REMOTE, SSH

WIDE = 64
"""Ports of one protocol, or protocols, from which a flow is a wide range."""
_NAMED = 3
_NOTABLE = (*SSH, *REMOTE, *DATA)
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
    public = end.addresses & PUBLIC
    return any(size(public.of(family)) >= many for family, many in zip(FAMILIES, _MANY, strict=True))


def _shown(one: Change) -> tuple[str, ...]:
    """What is reached that matters, in words."""
    if any(len(by_protocol(one.ports.of(family))) > MANY_PROTOCOLS for family in FAMILIES):
        return ("any protocol and port",)
    held = [one.ports.of(family) for family in FAMILIES]
    names = dict.fromkeys(
        f"{each.name} ({each.port})" for each in _NOTABLE if any(contains(keys, each.key) for keys in held)
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
