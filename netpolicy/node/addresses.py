"""Which node of a cluster this machine is, by the addresses that its interfaces hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from netpolicy.diagnostic import Diagnostic, error
from netpolicy.node.stopped import Ending, StoppedError
from netpolicy.packet.addresses import Family, address_text
from netpolicy.policy.cluster import Address
from netpolicy.policy.identity import Identity

AF_INET, AF_INET6 = 2, 10
Held = Mapping[str, frozenset[Address]]
"""The addresses of each interface: secondary and label addresses, too."""


def held() -> Held:
    """What the kernel says of the namespace of this process; it needs no privilege."""
    try:
        from pyroute2 import IPRoute
        from pyroute2.netlink.exceptions import NetlinkError
    except ImportError:
        hint = "install it with `pip install 'netpolicy[node]'`"
        raise StoppedError(Ending.UNUSABLE, error("NP753", "pyroute2 is not installed", hint=hint)) from None
    try:
        with IPRoute() as route:
            return _by_interface(list(route.get_links()), list(route.get_addr()))
    except (OSError, NetlinkError) as failure:
        message = f"the kernel does not tell its addresses: {failure}"
        raise StoppedError(Ending.UNUSABLE, error("NP753", message)) from None


def _by_interface(links: Iterable[Any], addresses: Iterable[Any]) -> Held:
    names = {link["index"]: str(link.get("ifname")) for link in links}
    found: dict[str, set[Address]] = {name: set() for name in names.values()}
    for one in addresses:
        own = own_address(one)
        if own is not None and one["index"] in names:
            found[names[one["index"]]].add(own)
    return {name: frozenset(each) for name, each in found.items()}


def own_address(message: Any) -> Address | None:
    """The node's own address in a message of the kernel; what is neither IPv4 nor IPv6 is None.

    On a point-to-point interface that is IFA_LOCAL; IFA_ADDRESS is the far end there.
    """
    text = message.get("local") or message.get("address")
    if not text or message["family"] not in (AF_INET, AF_INET6):
        return None
    address = ip_address(text)
    return Family(address.version), int(address)


def holding_any(identities: Iterable[Identity], holding: Held) -> list[Identity]:
    """The nodes of which this machine holds an address at all, on whatever interface."""
    here = {address for each in holding.values() for address in each}
    return [one for one in identities if not here.isdisjoint(one.addresses)]


def wrong_node(identity: Identity, holding: Held) -> list[Diagnostic]:
    """Why this machine is not the node: each declared address that its declared interface does not hold."""
    found: list[Diagnostic] = []
    for card in identity.interfaces:
        for address in card.addresses:
            if address in holding.get(card.name, frozenset()):
                continue
            text = address_text(*address)
            elsewhere = [name for name, each in holding.items() if address in each]
            there = f"; `{elsewhere[0]}` holds it" if elsewhere else ""
            lacks = f"`{card.name}` does not hold" if card.name in holding else f"there is no `{card.name}` with"
            message = f"this machine is not `{identity.node}`: {lacks} {text}{there}"
            hint = "apply the rules of the right node, or set the address that the cluster file declares"
            if address == identity.mbus:
                hint = "set the static MBUS address (`kato op static_ip`), or correct the cluster file"
            found.append(error("NP756", message, hint=hint))
    return found


def who(identities: Iterable[Identity], holding: Held) -> Identity:
    """The one node all of whose addresses are on their interfaces here; none, or several, stops us."""
    listed = list(identities)
    here = [one for one in listed if one.addresses and not wrong_node(one, holding)]
    if len(here) == 1:
        return here[0]
    hint = "name the node with `--node`; its addresses are checked then"
    if here:
        names = " and ".join(f"`{one.node}`" for one in here[:2])
        raise StoppedError(Ending.REFUSED, error("NP756", f"this machine is both {names}", hint=hint))
    if not listed:
        hint = "copy the folder `nodes/NAME/` of the node beside `manifest.json`"
        raise StoppedError(Ending.UNUSABLE, error("NP756", "the build has no node's folder", hint=hint))
    close = holding_any(listed, holding)
    if len(close) == 1:
        raise StoppedError(Ending.REFUSED, *wrong_node(close[0], holding))
    shown = sorted(f"{name} {address_text(*one)}" for name, each in holding.items() for one in each)
    message = f"this machine is none of the {len(listed)} nodes; its addresses are {', '.join(shown) or 'none'}"
    if close:
        message = f"this machine has addresses of {len(close)} nodes, and is wholly none of them"
    hint = "`netpolicy check-node` tells what is missing; correct the cluster file, or name the right build"
    raise StoppedError(Ending.REFUSED, error("NP756", message, hint=hint))
