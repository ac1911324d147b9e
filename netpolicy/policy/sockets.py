"""Sockets on which a program waits for others: what they are, and at which addresses they answer."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from netpolicy.packet.addresses import Family, address_text
from netpolicy.packet.intervals import Intervals, covers

PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp", 136: "udplite"}
"""Protocols whose sockets the kernel lists, by number."""

LOOPBACK: dict[Family, Intervals] = {
    Family.V4: ((127 << 24, (127 << 24) + (1 << 24) - 1),),
    Family.V6: ((1, 1),),
}
ANY, LOOPBACK_INTERFACE = "any", "lo"
_MAPPED = 0xFFFF << 32  # ::ffff:0:0/96, IPv4 addresses as a socket of IPv6 writes them
_NUMBERS = {name: number for number, name in PROTOCOLS.items()}


@dataclass(frozen=True, slots=True)
class ListeningSocket:
    """A TCP or SCTP socket that listens, or a UDP socket that is bound and has no peer.

    An address of None is every address. `interface` is the only one that it takes packets from, empty for all.
    `process` and `pid` are of one process that holds the socket, empty and 0 where that is not known.
    """

    protocol: int
    family: Family
    address: int | None
    port: int
    v6only: bool = False
    interface: str = ""
    uid: int = 0
    inode: int = 0
    process: str = ""
    pid: int = 0

    def answers(self, family: Family) -> Intervals:
        """The addresses of the family that reach this socket: one of IPv6 may take IPv4 too."""
        if self.address is None:
            both = self.family is Family.V6 and not self.v6only
            return ((0, family.last),) if both or family is self.family else ()
        mapped = self.family is Family.V6 and self.address >> 32 == _MAPPED >> 32
        if family is not (Family.V4 if mapped else self.family):
            return ()
        address = self.address - _MAPPED if mapped else self.address
        return ((address, address),)

    @property
    def is_local(self) -> bool:
        """True when nobody but this machine can reach it, whatever the rules say."""
        if self.interface == LOOPBACK_INTERFACE:
            return True
        return all(covers(inside, self.answers(family)) for family, inside in LOOPBACK.items())

    @property
    def place(self) -> str:
        """Where it listens, as people write it: `0.0.0.0:22`, `[::1]:53`, `10.0.0.1%eth0:80`."""
        text = address_text(self.family, self.address or 0)
        text += f"%{self.interface}" if self.interface else ""
        return f"[{text}]:{self.port}" if self.family is Family.V6 else f"{text}:{self.port}"


def as_dict(one: ListeningSocket) -> dict[str, Any]:
    """The socket as JSON says it."""
    return {
        "protocol": PROTOCOLS[one.protocol],
        "family": int(one.family),
        "address": ANY if one.address is None else address_text(one.family, one.address),
        "port": one.port,
        "v6only": one.v6only,
        "interface": one.interface,
        "uid": one.uid,
        "inode": one.inode,
        "process": one.process,
        "pid": one.pid,
    }


def from_dict(tree: Any) -> ListeningSocket:
    """The socket that JSON says; what is no such thing is a ValueError, a TypeError or a LookupError.

    What need not be said: `v6only`, `interface`, `uid`, `inode`, `process` and `pid`.
    """
    family = Family(tree["family"])
    address = None if tree["address"] == ANY else ip_address(tree["address"])
    port = int(tree["port"])
    if address is not None and address.version != family:
        raise ValueError(f"{address} is no address of IPv{family.value}")
    if not 0 < port <= 0xFFFF:
        raise ValueError(f"{port} is no port")
    return ListeningSocket(
        _NUMBERS[tree["protocol"]],
        family,
        None if address is None or address.is_unspecified else int(address),
        port,
        bool(tree.get("v6only", False)),
        str(tree.get("interface", "")),
        int(tree.get("uid", 0)),
        int(tree.get("inode", 0)),
        str(tree.get("process", "")),
        int(tree.get("pid", 0)),
    )
