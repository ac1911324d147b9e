"""Sends from a party and hears what its own rules let in: sockets in its namespace, used from outside of it."""

from __future__ import annotations

import errno
import socket
import struct
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack

from netpolicy.lab.party import Kind, Party, is_multicast
from netpolicy.lab.space import Space, inside
from netpolicy.lab.wire import number_in
from netpolicy.packet.addresses import address_text
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.policy.cluster import Address

_INET = {Family.V4: socket.AF_INET, Family.V6: socket.AF_INET6}
_RECEIVE_FORCE = 33  # SO_RCVBUFFORCE and SO_MEMINFO have no name in Python
_MEMORY_INFO = 55
_BUFFER = 1 << 24
_HEARD = 160  # enough of a packet to find the number in what an error quotes
_LOCAL = (errno.EPERM, errno.EACCES)
# What the kernel says when its table of neighbours, one for all namespaces, is full.
_FULL: dict[int | None, str] = dict.fromkeys(
    (errno.EINVAL, errno.ENOBUFS), "; is the table of neighbours full (`net.ipv4.neigh.default`)?"
)
_PATIENCE, _PAUSE = 5.0, 0.05  # seconds


class LostError(Exception):
    """Packets cannot be sent, or were not all heard: nothing can be said."""


class Ear:
    """A raw socket: it gets a copy of every packet of a protocol that passes INPUT."""

    def __init__(self, party: Party, family: Family, protocol: int) -> None:
        self.party = party
        self.family = family
        self.protocol = protocol
        self.socket = socket.socket(_INET[family], socket.SOCK_RAW, protocol)
        self.socket.setblocking(False)
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, _RECEIVE_FORCE, _BUFFER)
        except PermissionError:  # in a namespace of users, root may not exceed what all have
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)

    def numbers(self) -> Iterator[int]:
        """The numbers of the probes that were heard, or answered, since it was asked last."""
        family, protocol, recv = self.family, self.protocol, self.socket.recv
        while True:
            try:
                heard = recv(_HEARD)
            except BlockingIOError:
                return
            if family is Family.V4:
                heard = heard[(heard[0] & 15) * 4 :]
            yield number_in(family, protocol, heard)

    @property
    def lost(self) -> int:
        """Packets for which there was no room."""
        dropped: int = struct.unpack("9I", self.socket.getsockopt(socket.SOL_SOCKET, _MEMORY_INFO, 36))[8]
        return dropped


class Post:
    """The sockets of a party."""

    def __init__(
        self, party: Party, space: Space, protocols: Mapping[Family, Iterable[int]], groups: Iterable[Address] = ()
    ) -> None:
        self.party = party
        self.ears: list[Ear] = []
        self._senders: dict[tuple[Family, str], socket.socket] = {}
        self._opened = ExitStack()
        try:
            with inside(space):
                self._open(protocols, tuple(groups))
        except BaseException:
            self.close()
            raise

    def _open(self, protocols: Mapping[Family, Iterable[int]], groups: tuple[Address, ...]) -> None:
        # The outside also sends what others would, in families in which it has no address.
        own = {family for _, (family, _) in self.party.addresses}
        families = set(FAMILIES) if self.party.kind is Kind.OUTSIDE else own
        for family in FAMILIES:
            # Who has no address of a family may still pretend to have one.
            for card in self.party.cards:
                one = socket.socket(_INET[family], socket.SOCK_RAW, socket.IPPROTO_RAW)
                self._opened.callback(one.close)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, card.name.encode())
                one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
                self._senders[family, card.name] = one
            for protocol in sorted(protocols[family]) if family in families else ():
                ear = Ear(self.party, family, protocol)
                self._opened.callback(ear.socket.close)
                self.ears.append(ear)
        for family, group in groups if self.party.kind is Kind.NODE else ():
            # What is broadcast comes without joining anything.
            for card in self.party.cards if is_multicast((family, group)) else ():
                self._join(family, group, card.name)

    def _join(self, family: Family, group: int, card: str) -> None:
        one = next((ear.socket for ear in self.ears if ear.family is family), None)
        if one is None:
            return
        index = socket.if_nametoindex(card)
        packed = group.to_bytes(family.bits // 8, "big")
        if family is Family.V4:
            where = packed + bytes(4) + struct.pack("@i", index)
            one.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, where)
        else:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, packed + struct.pack("@i", index))

    def send(self, card: str, via: Address, packets: Iterable[bytes]) -> None:
        """The packets have gone to where `via` lives; those that our own rules refuse have not."""
        family = via[0]
        one = self._senders[family, card if (family, card) in self._senders else self.party.cards[0].name]
        to = (address_text(*via), 0)
        sendto = one.sendto
        for packet in packets:
            try:
                sendto(packet, to)
            except OSError as failure:
                self._insist(one, packet, to, failure)

    def _insist(self, one: socket.socket, packet: bytes, to: tuple[str, int], failure: OSError) -> None:
        """The packet has gone, late: neighbours of namespaces that are gone are forgotten soon, and make room."""
        until = time.monotonic() + _PATIENCE
        while failure.errno not in _LOCAL:
            if failure.errno not in _FULL or time.monotonic() > until:
                why = (failure.strerror or "no reason given").lower()
                raise LostError(f"`{self.party}` cannot send to {to[0]}: {why}{_FULL.get(failure.errno, '')}")
            time.sleep(_PAUSE)
            try:
                one.sendto(packet, to)
                return
            except OSError as again:
                failure = again

    def close(self) -> None:
        """No socket is left."""
        self._opened.close()
