"""Reads the listening sockets of this process's network namespace (sock_diag); needs no privilege.

Names of processes come from /proc, for those that this user may look at.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import struct
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from netpolicy.packet.addresses import Family
from netpolicy.policy.sockets import PROTOCOLS, ListeningSocket

_FAMILIES = {Family.V4: socket.AF_INET, Family.V6: socket.AF_INET6}
_LISTEN, _UNCONNECTED = 1 << 10, 1 << 7  # TCP_LISTEN, TCP_CLOSE (linux/net/tcp_states.h)
_STATES = {socket.IPPROTO_TCP: _LISTEN, socket.IPPROTO_SCTP: _LISTEN}
_ALWAYS_THERE = (socket.IPPROTO_TCP, socket.IPPROTO_UDP)
_HEADER = 16  # of a netlink message
_DONE, _ERROR = 3, 2
_SOCKET = re.compile(r"socket:\[([0-9]+)\]")
_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")


class UnlistedError(Exception):
    """The kernel does not list its sockets; the text says why."""


def listening() -> tuple[ListeningSocket, ...]:
    """The sockets that listen, by protocol, port and address. What the kernel refuses to tell is an UnlistedError."""
    holders = _holders()
    found = [
        _socket(row, protocol, family, holders)
        for family in Family
        for protocol in PROTOCOLS
        for row in _rows(family, protocol)
        if row["idiag_sport"]
    ]
    return tuple(sorted(found, key=lambda one: (one.protocol, one.port, one.family, one.address or 0, one.inode)))


def outgoing_ports() -> tuple[int, int]:
    """First and last port that the kernel gives to outgoing connections."""
    first, last = _OUTGOING.read_text(encoding="ascii").split()
    return int(first), int(last)


def _rows(family: Family, protocol: int) -> list[Any]:
    """What sock_diag says of the sockets of one protocol. The errors of a dump, which pyroute2 drops, are read here."""
    from pyroute2.netlink.diag import (
        NLM_F_MATCH,
        NLM_F_REQUEST,
        NLM_F_ROOT,
        SOCK_DIAG_BY_FAMILY,
        DiagSocket,
        inet_diag_req,
    )

    failed: list[int] = []

    def note(message: Any) -> bool:
        if message["header"]["type"] in (_DONE, _ERROR):
            (number,) = struct.unpack_from("i", message.data, message.offset + _HEADER)
            failed.extend([-number] if number else [])
        return False

    request = inet_diag_req()
    request["sdiag_family"] = _FAMILIES[family]
    request["sdiag_protocol"] = protocol
    request["idiag_states"] = _STATES.get(protocol, _UNCONNECTED)
    try:
        with DiagSocket() as diag:
            diag.bind()
            flags = NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH
            rows = list(diag.nlm_request(request, SOCK_DIAG_BY_FAMILY, flags, callback=note))
    except OSError as failure:
        raise UnlistedError(f"sock_diag: {failure.strerror or failure}") from failure
    # A protocol that this kernel has not, or has not loaded, has no sockets.
    if failed and not (failed[0] == errno.ENOENT and protocol not in _ALWAYS_THERE):
        raise UnlistedError(f"sock_diag, {PROTOCOLS[protocol]} of IPv{family.value}: {os.strerror(failed[0])}")
    return [row for row in rows if row.get("idiag_sport") is not None]


def _socket(row: Any, protocol: int, family: Family, holders: dict[int, int]) -> ListeningSocket:
    address = ip_address(row["idiag_src"])
    inode = int(row["idiag_inode"])
    pid = holders.get(inode, 0)
    return ListeningSocket(
        protocol,
        family,
        None if address.is_unspecified else int(address),
        int(row["idiag_sport"]),
        bool(row.get_attr("INET_DIAG_SKV6ONLY")),
        _interface(int(row["idiag_if"])),
        int(row["idiag_uid"]),
        inode,
        _name(pid),
        pid,
    )


def _interface(index: int) -> str:
    """The name of the interface; one that has gone since keeps its number."""
    try:
        return socket.if_indextoname(index) if index else ""
    except OSError:
        return f"if{index}"


def _holders() -> dict[int, int]:
    """The first process that holds each socket, by inode."""
    found: dict[int, int] = {}
    for pid in sorted(int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()):
        for inode in _held(pid):
            found.setdefault(inode, pid)
    return found


def _held(pid: int) -> Iterator[int]:
    """The inodes of a process's sockets; none of one that has ended or may not be looked at."""
    try:
        handles = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return
    for handle in handles:
        try:
            held = _SOCKET.fullmatch(str(handle.readlink()))
        except OSError:
            continue
        if held:
            yield int(held[1])


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip() if pid else ""
    except OSError:
        return ""
