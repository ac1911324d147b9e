"""Names of IP protocols that the save tools print: their own, then those of Debian's /etc/protocols."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ANY = 0
ICMP = 1
TCP = 6
UDP = 17
AH = 51
DCCP = 33
ICMPV6 = 58
SCTP = 132
UDPLITE = 136

# `ip` and `hopopt` are left out: both are 0, which the tools read as any protocol.
NUMBERS: Mapping[str, int] = MappingProxyType(
    {
        "all": ANY,
        "icmp": ICMP,
        "igmp": 2,
        "ggp": 3,
        "ipencap": 4,
        "st": 5,
        "tcp": TCP,
        "egp": 8,
        "igp": 9,
        "pup": 12,
        "udp": UDP,
        "hmp": 20,
        "xns-idp": 22,
        "rdp": 27,
        "iso-tp4": 29,
        "dccp": DCCP,
        "xtp": 36,
        "ddp": 37,
        "idpr-cmtp": 38,
        "ipv6": 41,
        "ipv6-route": 43,
        "ipv6-frag": 44,
        "idrp": 45,
        "rsvp": 46,
        "gre": 47,
        "esp": 50,
        "ah": 51,
        "skip": 57,
        "ipv6-icmp": ICMPV6,
        "icmpv6": ICMPV6,
        "ipv6-nonxt": 59,
        "ipv6-opts": 60,
        "rspf": 73,
        "vmtp": 81,
        "eigrp": 88,
        "ospf": 89,
        "ax.25": 93,
        "ipip": 94,
        "etherip": 97,
        "encap": 98,
        "pim": 103,
        "ipcomp": 108,
        "vrrp": 112,
        "l2tp": 115,
        "isis": 124,
        "sctp": SCTP,
        "fc": 133,
        "mobility-header": 135,
        "ipv6-mh": 135,
        "mh": 135,
        "udplite": UDPLITE,
        "mpls-in-ip": 137,
        "manet": 138,
        "hip": 139,
        "shim6": 140,
        "wesp": 141,
        "rohc": 142,
        "ethernet": 143,
    }
)
