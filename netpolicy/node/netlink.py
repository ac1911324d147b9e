"""Reads links, addresses and routes from the kernel; no privilege is needed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Any

from netpolicy.node.addresses import AF_INET, AF_INET6, own_address
from netpolicy.packet.addresses import Family, address_text
from netpolicy.policy.cluster import Address
from netpolicy.policy.nodestate import DefaultRoute, Duplicate, Link, LiveAddress, NodeState, Path

TRIES = 5  # a dump that a change interrupts is read again
_INTERRUPTED = -1  # the code of pyroute2's NetlinkDumpInterrupted
_UP = 0x1
_SECONDARY, _DAD_FAILED, _DEPRECATED, _TENTATIVE = 0x01, 0x08, 0x20, 0x40
_FOR_EVER = 0xFFFFFFFF
_SCOPES = {0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}
_NUD_KNOWN = 0x02 | 0x04 | 0x08 | 0x10  # reachable, stale, delay, probe: the machine has answered


class NetlinkUnreadableError(Exception):
    """The kernel does not tell; the text is its reason."""


def read_state(mbus: Address | None) -> NodeState:
    """Links, addresses, default routes, the way to the MBUS address, and duplicates that the kernel has met."""
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    for attempt in range(1, TRIES + 1):
        try:
            with IPRoute() as kernel:
                return _state(kernel, mbus)
        except NetlinkError as failure:
            if failure.code != _INTERRUPTED or attempt == TRIES:
                raise NetlinkUnreadableError(reason(failure.code)) from failure
        except OSError as failure:
            raise NetlinkUnreadableError(reason(failure.errno or 0)) from failure
    raise AssertionError("unreachable")


def reason(code: int) -> str:
    """The kernel's words for an error, such as `network is unreachable`."""
    return os.strerror(code).lower() if code > 0 else "its answers keep changing"


def _state(kernel: Any, mbus: Address | None) -> NodeState:
    messages = sorted(kernel.get_links(), key=lambda one: int(one["index"]))
    held: dict[int, list[LiveAddress]] = {}
    for one in kernel.get_addr():
        if (own := own_address(one)) is not None:
            held.setdefault(one["index"], []).append(_live(own, one))
    links = tuple(_link(one, held.get(one["index"], ())) for one in messages)
    names = {link.index: link.name for link in links}
    machines = {one["index"]: one.get("address") or "" for one in messages}
    return NodeState(
        links,
        tuple(sorted(_routes(kernel, names), key=lambda one: (one.family, one.interface, one.gateway or (0, 0)))),
        _path(kernel, mbus, names) if mbus is not None else None,
        duplicates=tuple(_met(kernel.get_neighbours(), links, machines)),
    )


def _link(message: Any, addresses: Iterable[LiveAddress]) -> Link:
    in_order = tuple(sorted(addresses, key=lambda one: (one.address, one.prefix)))
    state = str(message.get("operstate") or "UNKNOWN")
    up, carrier = bool(message["flags"] & _UP), bool(message.get("carrier"))
    return Link(str(message.get("ifname")), int(message["index"]), up, carrier, state, in_order)


def _live(own: Address, message: Any) -> LiveAddress:
    found = message.get("flags")  # the attribute has flags that the header has no room for
    flags = int(message["flags"] if found is None else found)
    times = message.get("cacheinfo") or {}
    return LiveAddress(
        own,
        int(message["prefixlen"]),
        str(message.get("label") or ""),
        _SCOPES.get(message["scope"], str(message["scope"])),
        bool(flags & _SECONDARY),
        _seconds(times.get("ifa_valid", _FOR_EVER)),
        _seconds(times.get("ifa_preferred", _FOR_EVER)),
        bool(flags & _TENTATIVE),
        bool(flags & _DAD_FAILED),
        bool(flags & _DEPRECATED),
    )


def _seconds(value: int) -> int | None:
    return None if value == _FOR_EVER else int(value)


def _address(text: str) -> Address:
    address = ip_address(text)
    return Family(address.version), int(address)


def _optional(text: str | None) -> Address | None:
    return _address(text) if text else None


def _routes(kernel: Any, names: dict[int, str]) -> Iterator[DefaultRoute]:
    for number, family in ((AF_INET, Family.V4), (AF_INET6, Family.V6)):
        for message in kernel.get_default_routes(family=number):
            if message["type"] != 1:  # `unreachable` and `blackhole` lead nowhere
                continue
            for hop in message.get("multipath") or (None,):
                index = message.get("oif") if hop is None else hop["oif"]
                gateway = (message if hop is None else hop).get("gateway")
                yield DefaultRoute(family, names.get(index, "?"), _optional(gateway))


def _path(kernel: Any, target: Address, names: dict[int, str]) -> Path:
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        answers = list(kernel.route("get", dst=address_text(*target)))
    except NetlinkError as failure:
        return Path(target, failure=reason(failure.code))
    if not answers:
        return Path(target, failure="no answer")
    one = answers[0]
    if one["type"] > 2:  # IPv6 tells a way that is none by its type: neither unicast nor local
        return Path(target, failure=reason(int((one.get("cacheinfo") or {}).get("rta_error", 0)) or 101))
    source = _optional(one.get("prefsrc"))
    return Path(target, source, names.get(one.get("oif"), "?"), _optional(one.get("gateway")))


def _met(neighbours: Iterable[Any], links: tuple[Link, ...], machines: dict[int, str]) -> Iterator[Duplicate]:
    """Entries of the neighbour table that give an address of this node to another machine."""
    own = {address.address for link in links for address in link.addresses if address.scope != "host"}
    names = {link.index: link.name for link in links}
    for one in neighbours:
        text, machine = one.get("dst"), one.get("lladdr")
        if not text or not machine or not one["state"] & _NUD_KNOWN or machine in machines.values():
            continue
        if (address := _address(text)) in own and one["ifindex"] in names:
            yield Duplicate(address, names[one["ifindex"]], machine)
