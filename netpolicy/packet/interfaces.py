"""Names of interfaces as numbers, so that a name is one number and a prefix such as `eth+` a range.

A name has at most 15 bytes (IFNAMSIZ of Linux, with its end); it is read as a number of 15 bytes, padded with zeros.
"""

from __future__ import annotations

from netpolicy.packet.intervals import Interval, Intervals

_BYTES = 15
LAST = (1 << 8 * _BYTES) - 1
NONE = 0
"""The packet has no such interface."""

SOME: Intervals = ((1, LAST),)


def number(name: str) -> int:
    """The number of a name; one that is too long for the kernel is a ValueError."""
    raw = name.encode("utf-8", "surrogateescape")
    if len(raw) > _BYTES:
        raise ValueError(f"{name!r} is longer than {_BYTES} bytes")
    return int.from_bytes(raw.ljust(_BYTES, b"\0"), "big")


def named(asked: str) -> Interval:
    """The numbers of the interfaces that are asked for: one, or with a trailing `+` all that begin so.

    `+` alone asks for everything, also for a packet that has no such interface.
    """
    if not asked.endswith("+"):
        return number(asked), number(asked)
    first = number(asked[:-1])
    return first, first | (1 << 8 * (_BYTES - len(asked[:-1].encode("utf-8", "surrogateescape")))) - 1


def name(found: Intervals) -> str:
    """A name among these numbers: `eth0` of itself, `eth0x` of those behind it; empty where there is none."""
    for first, last in found:
        for candidate in _candidates(first):
            if first <= number(candidate) <= last:
                return candidate
    return ""


def _candidates(first: int) -> list[str]:
    """Names at the beginning of a range: the number itself, the name just before it and something more, short ones."""
    text, before = _text(first), _text(first - 1) if first else ""
    tries = (text, *(f"{before[:cut]}{more}" for cut in range(len(before), -1, -1) for more in "x0A"), "~")
    return [one for one in tries if one and one.isprintable() and len(one.encode("utf-8")) <= _BYTES]


def _text(value: int) -> str:
    """The name of a number; empty for a number that is none."""
    raw = value.to_bytes(_BYTES, "big").rstrip(b"\0")
    return "" if b"\0" in raw else raw.decode("utf-8", "replace").replace("\N{REPLACEMENT CHARACTER}", "")
