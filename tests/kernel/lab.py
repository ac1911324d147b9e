"""Network namespaces for the kernel tests: made, filled with rules, and removed whatever happens.

Nothing here touches the namespace that the tests were started in.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Self

from netpolicy.packet.addresses import address_text
from netpolicy.policy.cluster import Cluster, Node

BACKENDS = ("legacy", "nft")
TABLE_OF = {"rules.v4": "iptables", "rules.v6": "ip6tables"}
PREFIX = "npkernel-"
OUTSIDE = "outside"
SWITCH = "switch"
MADE = Path("/run/netns")

# Every refusal must be heard, and an address must be usable at once: no limits on ICMP errors, no duplicate address
# detection. An interface answers only for its own addresses, as on separate wires. Senders keep away from ports that
# policies name.
SETTINGS = {
    "ipv4/icmp_ratelimit": "0",
    "ipv4/icmp_ratemask": "0",
    "ipv4/ip_local_port_range": "62000 65000",
    "ipv4/ping_group_range": "0 2147483647",
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
    "ipv4/conf/all/arp_ignore": "1",
    "ipv6/icmp/ratelimit": "0",
    "ipv6/icmp/ratemask": "0",
    "ipv6/conf/all/accept_dad": "0",
    "ipv6/conf/default/accept_dad": "0",
    "ipv6/conf/default/accept_ra": "0",
    "ipv6/conf/default/router_solicitations": "0",
}
_RUNAWAY = 120.0  # seconds after which a command that does not end is an error
_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000  # os.setns came with Python 3.12


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network namespace of this process."""

    name: str
    handle: int

    def run(self, *command: str, text: str = "", lock: str = "/dev/null") -> subprocess.CompletedProcess[str]:
        """What the command said, given `text`, in this namespace; the command may fail."""
        # The lock of the xtables tools is one file for the whole machine, unless they are told another.
        environment = {**os.environ, "XTABLES_LOCKFILE": lock, "LC_ALL": "C"}
        with inside(self):
            return subprocess.run(
                command, input=text, env=environment, capture_output=True, text=True, check=False, timeout=_RUNAWAY
            )

    def ip(self, *lines: str) -> None:
        """The `ip` commands have happened, in this namespace."""
        done = self.run("ip", "-batch", "-", text="".join(f"{line}\n" for line in lines))
        assert done.returncode == 0, f"ip -batch in {self.name}: {done.stderr}"

    def set(self, settings: Mapping[str, str]) -> None:
        """The settings below /proc/sys/net have these values, in this namespace."""
        with inside(self):
            for name, value in settings.items():
                Path("/proc/sys/net", name).write_text(value, encoding="ascii")


@contextmanager
def inside(namespace: Namespace) -> Iterator[None]:
    """The block runs in the namespace, and what follows where it ran before: Ctrl-C waits until then.

    A socket belongs for good to the namespace that it was made in.
    """
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _enter(namespace.handle)
        yield
    finally:
        _enter(home)
        os.close(home)
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)


def _enter(handle: int) -> None:
    if _LIBC.setns(handle, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "cannot enter a network namespace")


class Lab:
    """Namespaces whose names carry the process id; all gone when the block ends, however it ends."""

    def __init__(self) -> None:
        self.spaces: dict[str, Namespace] = {}
        self.folder = tempfile.TemporaryDirectory(prefix=PREFIX)
        self.lock = str(Path(self.folder.name, "xtables.lock"))

    def __enter__(self) -> Self:
        _remove(stale())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.clear()
        self.folder.cleanup()

    def clear(self) -> None:
        """No namespace of this lab is left."""
        spaces, self.spaces = self.spaces, {}
        for space in spaces.values():
            os.close(space.handle)
        _remove(space.name for space in spaces.values())

    def space(self, name: str) -> Namespace:
        """A new empty namespace, with the loopback interface up."""
        full = f"{PREFIX}{os.getpid()}-{name}"
        subprocess.run(("ip", "netns", "add", full), check=True, capture_output=True)
        space = self.spaces[name] = Namespace(full, os.open(MADE / full, os.O_RDONLY | os.O_CLOEXEC))
        space.set(SETTINGS)
        space.ip("link set lo up")
        return space

    def restore(self, space: Namespace, tool: str, text: str, *options: str) -> None:
        """The tool took the text; else an AssertionError shows what it said and the line that it blames."""
        done = space.run(*tool.split(), *options, text=text, lock=self.lock)
        if done.returncode or done.stderr:
            raise AssertionError(complaint(" ".join((tool, *options)), done, text))

    def saved(self, space: Namespace, tool: str) -> str:
        """What `*-save` prints of the filter table; a warning of the tool is an AssertionError."""
        done = space.run(tool, "-t", "filter", lock=self.lock)
        # Both backends hold rules here, and that is meant.
        warnings = re.sub(r"# Warning: ip6?tables-legacy tables present.*\n", "", done.stderr)
        assert done.returncode == 0 and not warnings, complaint(tool, done, "")
        return done.stdout

    def load(self, space: Namespace, files: Mapping[str, str], backend: str) -> None:
        """The files of a class are in force in the namespace: the sets, then the rules of both families."""
        self.restore(space, "ipset restore", files["sets.ipset"])
        for name, table in TABLE_OF.items():
            self.restore(space, f"{table}-{backend}-restore", files[name], "-w")


def complaint(what: str, done: subprocess.CompletedProcess[str], text: str) -> str:
    """A failed load as people read it: the command, its own words, and the line that it blames."""
    words = done.stderr.strip() or "no word of it"
    found = re.search(r"line:? (\d+)", words)
    number = int(found[1]) if found else 0
    lines = text.splitlines()
    blamed = f"\n{number:>5}  {lines[number - 1]}" if 0 < number <= len(lines) else ""
    return f"`{what}` ended with {done.returncode}:\n{words}{blamed}"


def stale() -> list[str]:
    """Names of namespaces that a dead process of these tests has left."""
    names = (path.name for path in MADE.glob(f"{PREFIX}*-*"))
    return sorted(name for name in names if not _lives(int(name.removeprefix(PREFIX).split("-")[0])))


def _lives(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def _remove(names: Iterable[str]) -> None:
    text = "".join(f"netns delete {name}\n" for name in names)
    done = subprocess.run(("ip", "-force", "-batch", "-"), input=text, text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"namespaces that could not be removed: {done.stderr}"


class Site:
    """A cluster in namespaces: every node with its interfaces and addresses, and an outside host, on one switch.

    Every address is reachable from everywhere without a router, as each default route leads straight to the switch.
    """

    def __init__(self, lab: Lab, cluster: Cluster, outside: Sequence[str] = ()) -> None:
        self.lab = lab
        self.cluster = cluster
        self.outside = tuple(outside)
        switch = lab.space(SWITCH)
        switch.set({"ipv6/conf/all/disable_ipv6": "1", "ipv6/conf/default/disable_ipv6": "1"})
        switch.ip("link add br0 type bridge mcast_snooping 0 stp_state 0", "link set br0 up")
        self.ports = 0
        for node in cluster.nodes:
            wires = {one.name: [address_text(*each) for each in one.addresses] for one in node.interfaces}
            self.attach(lab.space(node.name), wires)
        self.attach(lab.space(OUTSIDE), {"eth0": self.outside})

    def attach(self, space: Namespace, interfaces: Mapping[str, Sequence[str]]) -> None:
        """The namespace has these interfaces and addresses on the switch, and routes to everywhere by the first."""
        switch = self.lab.spaces[SWITCH]
        for interface, addresses in interfaces.items():
            self.ports += 1
            port = f"port{self.ports}"
            switch.ip(
                f"link add {interface} netns {space.name} type veth peer name {port}",
                f"link set {port} master br0 up",
            )
            space.ip(f"link set {interface} up", *(f"address add {_host(one)} dev {interface}" for one in addresses))
        first = next(iter(interfaces))
        space.ip(*(f"route add {everywhere} dev {first}" for everywhere in ("0.0.0.0/0", "::/0")))

    def addresses(self, name: str) -> tuple[str, ...]:
        """The addresses of a node, or of the outside host."""
        if name == OUTSIDE:
            return self.outside
        return tuple(address_text(*one) for one in node_of(self.cluster, name).addresses)

    def load(self, files: Mapping[str, Mapping[str, str]], backend: str) -> None:
        """Every node has its files in force; before, a node without any admits everything."""
        for name, of_node in files.items():
            self.lab.load(self.lab.spaces[name], of_node, backend)


def node_of(cluster: Cluster, name: str) -> Node:
    """The node of that name."""
    return next(node for node in cluster.nodes if node.name == name)


def _host(address: str) -> str:
    return f"{address}/128 nodad" if ip_address(address).version == 6 else f"{address}/32"
