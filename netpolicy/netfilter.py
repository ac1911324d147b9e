"""Facts of netfilter that every target on it shares: names, lengths, what is always open."""

from __future__ import annotations

from collections.abc import Sequence

from netpolicy.packet.addresses import Family

LONGEST_CHAIN = 28  # XT_EXTENSION_MAXNAMELEN less its end
LONGEST_SET = 31  # IPSET_MAXNAMELEN
LONGEST_COMMENT = 100  # xt_comment cuts silently at 255, nft refuses above 128
LONGEST_LOG_PREFIX = 29  # xt_LOG
MULTIPORT_SLOTS = 15  # XT_MULTI_PORTS; a range takes two

COMMENT_PREFIX = "np:"
BASELINE = "np:baseline"
DEFAULT = "np:default"

# Always open (type, code); a code of None is every code. IPv4: path MTU discovery (RFC 1191). IPv6: packet too big
# (RFC 8201), neighbour discovery and router advertisements (RFC 4861), multicast listener discovery (RFC 2710, 3810).
OPEN_ICMP: dict[Family, tuple[tuple[int, int | None], ...]] = {
    Family.V4: ((3, 4),),
    Family.V6: ((2, None), *((number, None) for number in range(130, 137)), (143, None)),
}
# DHCP: (server port, client port); a DHCPv6 server answers from a link-local address (RFC 8415).
DHCP_PORTS: dict[Family, tuple[int, int]] = {Family.V4: (67, 68), Family.V6: (547, 546)}
LINK_LOCAL = (0xFE80 << 112, 10)


def comment(statements: Sequence[str]) -> str:
    """The comment of a rule: `np:` and the ids of its statements."""
    return COMMENT_PREFIX + ",".join(statements)


def fits_comment(statements: Sequence[str]) -> bool:
    """True when the ids fit one comment."""
    return len(comment(statements)) <= LONGEST_COMMENT
