"""Network namespaces without a name: nothing but an open handle of this process keeps them.

They are gone when it closes the handle, and when it ends, however it ends; so nothing is left behind, and no namespace
of others can be mistaken for one of these.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from netpolicy.node.host import Host
from netpolicy.node.namespace import OWN, enter

# Every refusal must be heard, and an address must be usable at once: no limits on ICMP errors, no duplicate address
# detection. An interface answers only for its own addresses, as on separate wires. Who does not hear where another is
# asks again at once, not after a second: an interface that has just come up may lose the first question.
SETTINGS = {
    "ipv4/icmp_ratelimit": "0",
    "ipv4/icmp_ratemask": "0",
    "ipv4/icmp_echo_ignore_broadcasts": "1",
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
    "ipv4/conf/all/arp_ignore": "1",
    "ipv4/neigh/default/retrans_time_ms": "20",
    "ipv6/icmp/ratelimit": "0",
    "ipv6/icmp/ratemask": "0",
    "ipv6/conf/all/accept_dad": "0",
    "ipv6/conf/default/accept_dad": "0",
    "ipv6/conf/default/accept_ra": "0",
    "ipv6/conf/default/router_solicitations": "0",
    "ipv6/neigh/default/retrans_time_ms": "20",
}
# Connections may be picked up in the middle, as by default. What has no ports is forgotten at once: else what one end
# sends makes a packet of the other end an answer. A kernel has these settings once rules have asked for connections.
TRACKING = {
    "netfilter/nf_conntrack_tcp_loose": "1",
    "netfilter/nf_conntrack_checksum": "0",
    "netfilter/nf_conntrack_generic_timeout": "0",
    "netfilter/nf_conntrack_gre_timeout": "0",
}
_NEW_NETWORK = 0x40000000  # os.unshare came with Python 3.12
_RUNAWAY = 120.0
_NETFILTER, _REQUEST, _ACKNOWLEDGE = 12, 0x1, 0x4  # netlink(7)
_CONNECTIONS, _DELETE = 1 << 8, 2  # linux/netfilter/nfnetlink_conntrack.h; one that names none deletes all
_IN_DROPPED, _OUT_DROPPED = 3, 11  # columns of /proc/net/dev


class SpaceError(Exception):
    """A namespace cannot be made, or not be filled."""


@dataclass(frozen=True, slots=True)
class Space:
    """A namespace; `title` says what it stands for."""

    title: str
    handle: int

    @property
    def path(self) -> str:
        """A path to it, for programs of other processes."""
        return f"/proc/{os.getpid()}/fd/{self.handle}"

    def ip(self, *lines: str) -> None:
        """The `ip` commands have happened here; else a SpaceError has its words."""
        with inside(self):
            answer = Host().run("ip", "-batch", "-", text="".join(f"{line}\n" for line in lines), within=_RUNAWAY)
        if answer.status:
            raise SpaceError(f"`ip` refused what makes `{self.title}`: {answer.why}")

    def set(self, settings: Mapping[str, str]) -> None:
        """The settings below /proc/sys/net that this kernel has hold these values here."""
        with inside(self):
            for name, value in settings.items():
                path = Path("/proc/sys/net", name)
                if path.exists():
                    path.write_text(value, encoding="ascii")

    def forget(self) -> None:
        """No connection is remembered here: the next packet of each is a first one again."""
        with inside(self), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETFILTER) as kernel:
            kernel.send(struct.pack("=IHHIIBBH", 20, _CONNECTIONS | _DELETE, _REQUEST | _ACKNOWLEDGE, 1, 0, 0, 0, 0))
            failure = -int(struct.unpack_from("=i", kernel.recv(4096), 16)[0])
        if failure:
            raise SpaceError(f"the connections of `{self.title}` cannot be forgotten: {os.strerror(failure).lower()}")

    @property
    def lost(self) -> int:
        """Packets that were lost here so far, and that no rule refused: at interfaces, and by connection tracking."""
        with inside(self):
            own = Path("/proc/thread-self/net")
            lines = [line.partition(":")[2].split() for line in own.joinpath("dev").read_text("ascii").splitlines()]
            found = sum(
                int(line[_IN_DROPPED]) + int(line[_OUT_DROPPED]) for line in lines if line and line[0].isdigit()
            )
            tracking = own / "stat" / "nf_conntrack"
            if tracking.exists():
                names, *rows = [line.split() for line in tracking.read_text("ascii").splitlines()]
                found += sum(int(row[names.index("drop")], 16) for row in rows)
        return found

    def close(self) -> None:
        """The namespace goes, with all that is in it."""
        os.close(self.handle)


def make(title: str) -> Space:
    """A new namespace with the loopback interface up; this thread is where it was."""
    home = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK):
            raise SpaceError(f"no network namespace can be made: {os.strerror(ctypes.get_errno()).lower()}")
        try:
            space = Space(title, os.open(OWN, os.O_RDONLY | os.O_CLOEXEC))
        finally:
            enter(home)
    finally:
        os.close(home)
    space.set(SETTINGS)
    return space


@contextmanager
def inside(space: Space) -> Iterator[None]:
    """The block runs in the namespace, and what follows where it ran before.

    A socket belongs for good to the namespace that it was made in.
    """
    home = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        enter(space.handle)
        yield
    finally:
        enter(home)
        os.close(home)
