"""Where packets cross: a node with three interfaces, hosts on its outside, and hosts behind it.

Addresses lie side by side, so that what a rule asks has its edges among them.
"""

from __future__ import annotations

from netpolicy.lab.party import Kind, Party
from netpolicy.packet.addresses import address_text
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.policy.cluster import Interface

_BASE = {Family.V4: 0x0A420000, Family.V6: 0xFD66 << 112}
# The name of one is the beginning of another.
FRONT, SIDE, BACK = "eth1", "eth10", "docker0"
LOOPBACK = "lo"
OWN = {FRONT: (0x08, 0x09), SIDE: (0x0B,), BACK: (0x0801,)}
PEERS = (0x10, 0x11, 0x12, 0x13)
SIDE_PEERS = (0x0410, 0x0411)
INNER = (0x0808, 0x0809, 0x080A)
"""Hosts behind the node. The first has published ports, the second goes out with an address of the node."""

PUBLISHING, PUBLISHED_PORTS, PUBLISHED_TO = 0x09, (9000, 9003), (0x0808, 8080)
REDIRECTED_PORTS, REDIRECTED_TO = (9004, 9005), (0x08, 22)
MASKED, MASK = 0x0809, 0x08
UNTRACKED_PORT = 7777
PEER_MACS = (0x02AA00000010, 0x02AA00000011)
INNER_MAC = 0x02AA00000020
_ROUTES = ((0x0400, SIDE), (0x0800, BACK))


def at(family: Family, low: int) -> int:
    """The address of a place."""
    return _BASE[family] | low


def text(family: Family, low: int) -> str:
    return address_text(family, at(family, low))


def card_to(low: int) -> str:
    """The interface by which the node sends to a place."""
    if any(low in own for own in OWN.values()):
        return LOOPBACK
    return next((card for net, card in _ROUTES if low >> 8 == net >> 8), FRONT)


def node() -> Party:
    """The party that has the rules."""
    cards = (
        Interface(name, tuple((family, at(family, low)) for family in FAMILIES for low in own))
        for name, own in OWN.items()
    )
    return Party("node", Kind.NODE, tuple(cards))


def others() -> tuple[Party, Party]:
    """What is outside, and what is behind the node. They have no address, so that no kernel answers for them."""
    return Party("peer", Kind.NETWORK, (Interface("eth0", ()),)), Party("inner", Kind.NETWORK, (Interface("eth0", ()),))


def roads() -> tuple[str, ...]:
    """The `ip` commands by which the node knows where everybody is, and asks nobody."""
    found = []
    known = ((FRONT, PEERS, PEER_MACS[0]), (SIDE, SIDE_PEERS, PEER_MACS[0]), (BACK, INNER, INNER_MAC))
    for family in FAMILIES:
        found += [f"route add {text(family, net)}/{family.bits - 8} dev {card}" for net, card in _ROUTES]
        for card, lows, mac in known:
            found += [f"neigh add {text(family, low)} lladdr {mac_text(mac)} dev {card} nud permanent" for low in lows]
    return tuple(found)


def mac_text(mac: int) -> str:
    return mac.to_bytes(6, "big").hex(":")


def translation(family: Family) -> str:
    """The nat and raw tables of the node: ports that lead elsewhere, a masked source, and what is not tracked."""
    to = {low: text(family, low) if family is Family.V4 else f"[{text(family, low)}]" for low in (0x08, 0x0808)}
    lines = ["*raw"]
    for chain in ("PREROUTING", "OUTPUT"):
        lines += [f"-A {chain} -p {one} -m {one} --sport {UNTRACKED_PORT} -j CT --notrack" for one in ("tcp", "udp")]
    # What answers by itself would end the connections that are opened here; a REJECT is told from it by its state.
    lines += ["-A OUTPUT -p tcp -m tcp --tcp-flags RST RST -m mark --mark 0 -m conntrack ! --ctstate RELATED -j DROP"]
    lines += ["COMMIT", "*nat"]
    for ports, (low, port) in ((PUBLISHED_PORTS, PUBLISHED_TO), (REDIRECTED_PORTS, REDIRECTED_TO)):
        asked = f"-d {text(family, PUBLISHING)} -p {{0}} -m {{0}} --dport {ports[0]}:{ports[1]}"
        to_port = f"--to-destination {to[low]}:{port}"
        lines += [f"-A PREROUTING {asked.format(one)} -j DNAT {to_port}" for one in ("tcp", "udp")]
    lines += [f"-A POSTROUTING -s {text(family, MASKED)} -j SNAT --to-source {text(family, MASK)}", "COMMIT", ""]
    return "\n".join(lines)
