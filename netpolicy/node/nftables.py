"""What iptables-nft-save does not say of the filter tables: that one sleeps, and sets and verdict maps of nft.

The tool prints a dormant table as if packets met it, and a rule that asks a set of nft without that set. The kernel is
asked in its own words, which takes less than a millisecond; nothing is changed.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

TABLE = "filter"
_NETFILTER, _SUBSYSTEM = 12, 10 << 8
_TABLES, _SETS = 1, 10
_DUMP = 0x301  # a request for all of them
_ERROR, _DONE = 2, 3
_DORMANT = 1
_FAMILIES = {socket.AF_INET: "ip", socket.AF_INET6: "ip6"}
_HEAD, _LARGEST = 20, 1 << 17
Attributes = dict[int, bytes]


def hidden() -> list[str]:
    """Why the text of the tool is not all that the kernel holds; empty where it is. An OSError if nobody may ask."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER) as kernel:
        kernel.bind((0, 0))
        return [f"table `{name} {TABLE}` {why}" for family, name in _FAMILIES.items() for why in _why(kernel, family)]


def _why(kernel: socket.socket, family: int) -> Iterator[str]:
    # The attributes 1 and 2 of a table are its name and flags, and of a set its table and name.
    tables = [one for one in _all(kernel, _TABLES, family) if _name(one, 1) == TABLE]
    if any(int.from_bytes(one.get(2, b""), "big") & _DORMANT for one in tables):
        yield "is dormant: no packet meets its rules"
    if any(_name(one, 1) == TABLE for one in _all(kernel, _SETS, family)):
        yield "has sets or maps of nft, which iptables does not print"


def _name(one: Attributes, number: int) -> str:
    return one.get(number, b"").rstrip(b"\0").decode("utf-8", "surrogateescape")


def _all(kernel: socket.socket, asked: int, family: int) -> list[Attributes]:
    kernel.send(struct.pack("=IHHIIBBH", _HEAD, _SUBSYSTEM | asked, _DUMP, 1, 0, family, 0, 0))
    found: list[Attributes] = []
    while True:
        data, at = kernel.recv(_LARGEST), 0
        while at < len(data):
            length, kind = struct.unpack_from("=IH", data, at)
            if kind == _DONE:
                return found
            if kind == _ERROR:
                raise OSError(-int(struct.unpack_from("=i", data, at + 16)[0]), "the kernel does not tell its tables")
            found.append(_attributes(data[at + _HEAD : at + length]))
            at += (length + 3) & ~3


def _attributes(data: bytes) -> Attributes:
    found: Attributes = {}
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        found[kind & 0x3FFF] = data[at + 4 : at + length]
        at += max((length + 3) & ~3, 4)
    return found
