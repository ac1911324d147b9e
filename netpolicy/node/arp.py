"""Asks the link who has an address of ours: an ARP probe (RFC 5227) that changes no neighbour's table."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Iterable, Mapping

from netpolicy.packet.addresses import FAMILIES, Family
from netpolicy.policy.cluster import Address
from netpolicy.policy.nodestate import Duplicate, NodeState

PROBES, APART, LISTEN = 3, 0.2, 0.6
"""How often to ask, seconds between two, and seconds to listen after the last. RFC 5227 asks 1 to 2 s apart."""

_ETH_P_ARP, _ARP = 0x0806, struct.Struct("!HHBBH6s4s6s4s")
_HEADER = 14
_NOBODY, _ALL = b"\0" * 6, b"\xff" * 6
_MAC = 6


def probed(state: NodeState, declared: Iterable[Address]) -> tuple[Duplicate, ...]:
    """Machines that answer for IPv4 addresses of ours on the interface that holds them. It needs CAP_NET_RAW.

    IPv6 needs no probe: the kernel tests each address before it uses it, and flags one that another machine has. What
    the kernel refuses is an OSError.
    """
    wanted = {address for address in declared if address[0] is FAMILIES[0]}
    asked: dict[str, list[int]] = {}
    for link, live in state.addresses():
        if live.address in wanted and link.up and link.carrier and live.scope != "host":
            asked.setdefault(link.name, []).append(live.address[1])
    sockets: dict[socket.socket, tuple[str, list[int]]] = {}
    try:
        for name, numbers in asked.items():
            one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ARP))
            sockets[one] = (name, numbers)
            one.bind((name, _ETH_P_ARP))
        return _asked(sockets)
    finally:
        for one in sockets:
            one.close()


def _asked(sockets: Mapping[socket.socket, tuple[str, list[int]]]) -> tuple[Duplicate, ...]:
    ours = {one.getsockname()[4] for one in sockets}
    found: dict[tuple[str, int, bytes], None] = {}
    for turn in range(PROBES):
        for one, (_, numbers) in sockets.items():
            own = one.getsockname()[4]
            for number in numbers:
                if len(own) == _MAC:
                    one.send(probe(own, number))
        end = time.monotonic() + (APART if turn < PROBES - 1 else LISTEN)
        while sockets and (left := end - time.monotonic()) > 0:
            for one in select.select(list(sockets), [], [], left)[0]:
                name, numbers = sockets[one]
                claim = claimed(one.recv(2048))
                if claim is not None and claim[0] in numbers and claim[1] not in ours:
                    found[name, *claim] = None
    return tuple(
        Duplicate((Family.V4, number), name, machine.hex(":"), probed=True) for name, number, machine in sorted(found)
    )


def probe(own: bytes, number: int) -> bytes:
    """The frame that asks who has the address, from nobody's address: it teaches no neighbour anything."""
    target = number.to_bytes(4, "big")
    body = _ARP.pack(1, 0x0800, 6, 4, 1, own, b"\0" * 4, _NOBODY, target)
    return _ALL + own + _ETH_P_ARP.to_bytes(2, "big") + body


def claimed(frame: bytes) -> tuple[int, bytes] | None:
    """The IPv4 address that a frame says its sender has, and the sender; None where it says no such thing."""
    if len(frame) < _HEADER + _ARP.size or frame[12:_HEADER] != _ETH_P_ARP.to_bytes(2, "big"):
        return None
    kind, protocol, long, length, _, machine, address, _, _ = _ARP.unpack_from(frame, _HEADER)
    if (kind, protocol, long, length) != (1, 0x0800, 6, 4) or not any(address):
        return None
    return int.from_bytes(address, "big"), machine
