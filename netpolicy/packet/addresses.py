"""Sets of addresses of both families, and how addresses and networks are written."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.familyset import IntervalSet
from netpolicy.packet.intervals import Interval, Intervals, canonical

__all__ = ["EVERYWHERE", "FAMILIES", "NOWHERE", "AddressSet", "Family", "address_text", "network_text", "networks"]


@dataclass(frozen=True, slots=True)
class AddressSet(IntervalSet):
    """A set of addresses; a member is a pair (family, address as an integer)."""

    @staticmethod
    def whole(family: Family) -> Intervals:
        """All addresses of the family."""
        return ((0, family.last),)

    @classmethod
    def of_addresses(cls, addresses: Iterable[IPv4Address | IPv6Address]) -> "AddressSet":
        """The set of these addresses."""
        pairs: dict[int, list[Interval]] = {4: [], 6: []}
        for address in addresses:
            pairs[address.version].append((int(address), int(address)))
        return cls(canonical(pairs[4]), canonical(pairs[6]))

    @classmethod
    def of_networks(cls, networks: Iterable[IPv4Network | IPv6Network]) -> "AddressSet":
        """The set of all addresses of these networks, the first and the last address of each included."""
        pairs: dict[int, list[Interval]] = {4: [], 6: []}
        for network in networks:
            first = int(network.network_address)
            pairs[network.version].append((first, first + network.num_addresses - 1))
        return cls(canonical(pairs[4]), canonical(pairs[6]))


NOWHERE = AddressSet()
EVERYWHERE = ~NOWHERE


def networks(family: Family, intervals: Intervals) -> list[tuple[int, int]]:
    """The fewest networks that hold exactly these addresses, in order, as (first address, prefix length)."""
    cover: list[tuple[int, int]] = []
    for first, last in intervals:
        start = first
        while start <= last:
            # As wide as the start is aligned, but not beyond the last address.
            aligned = (start & -start).bit_length() - 1 if start else family.bits
            host_bits = min(aligned, (last - start + 1).bit_length() - 1)
            cover.append((start, family.bits - host_bits))
            start += 1 << host_bits
    return cover


def address_text(family: Family, value: int) -> str:
    """The address as people write it: `10.0.0.1`, `2001:db8::1`."""
    return str(IPv4Address(value) if family == Family.V4 else IPv6Address(value))


def network_text(family: Family, value: int, prefix: int) -> str:
    """The network as people write it, always with its prefix length: `10.0.0.1/32`."""
    return f"{address_text(family, value)}/{prefix}"
