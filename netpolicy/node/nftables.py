"""What iptables-nft-save does not say of the filter tables: that one sleeps, and sets and verdict maps of nft.

The tool prints a dormant table as if packets met it, and a rule that asks a set of nft without that set. The kernel is
asked in its own words; nothing is changed.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

TABLE = "filter"
_DORMANT = 1  # NFT_TABLE_F_DORMANT
_FAMILIES = {socket.AF_INET: "ip", socket.AF_INET6: "ip6"}


def hidden() -> list[str]:
    """Why the text of the tool is not all that the kernel holds; empty where it is. An OSError if nobody may ask."""
    from pyroute2.netlink.exceptions import NetlinkError
    from pyroute2.nftables.main import NFTables

    found: list[str] = []
    for family, name in _FAMILIES.items():
        try:
            with NFTables(nfgen_family=family) as kernel:
                found += [f"table `{name} {TABLE}` {why}" for why in _why(kernel)]
        except NetlinkError as failure:
            raise OSError(failure.code, "the kernel does not tell its tables") from None
    return found


def _why(kernel: Any) -> Iterator[str]:
    tables = [one for one in kernel.get_tables() if one.get_attr("NFTA_TABLE_NAME") == TABLE]
    if any((one.get_attr("NFTA_TABLE_FLAGS") or 0) & _DORMANT for one in tables):
        yield "is dormant: no packet meets its rules"
    if any(one.get_attr("NFTA_SET_TABLE") == TABLE for one in kernel.get_sets()):
        yield "has sets or maps of nft, which iptables does not print"
