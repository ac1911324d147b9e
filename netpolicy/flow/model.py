"""The plan of a class of nodes: flows in, out and through, and what is always open."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from netpolicy.packet.addresses import AddressSet
from netpolicy.packet.ports import PortSet
from netpolicy.policy.cluster import AddressesAre
from netpolicy.policy.model import Egress, Refuse


class Effect(Enum):
    """What a flow does; DENY beats ALLOW."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Flow:
    """Packets from `sources` to `destinations` on `ports`.

    An address set that is everything in a family needs no match: a `destinations` that is everything stands for
    *all declared addresses of the node*, and so do `sources` of outgoing flows. `head` is a readable name for the
    sources, `tail` for the destinations. `statements` are the sorted ids that ask for this flow.
    """

    effect: Effect
    sources: AddressSet
    destinations: AddressSet
    ports: PortSet
    statements: tuple[str, ...]
    log: str = ""
    head: str = field(default="", compare=False)
    tail: str = field(default="", compare=False)

    def covers(self, other: Flow) -> bool:
        """True when every packet of the other is one of this."""
        return (
            self.ports.covers(other.ports)
            and self.destinations.covers(other.destinations)
            and self.sources.covers(other.sources)
        )


@dataclass(frozen=True, slots=True)
class NodeClass:
    """Nodes that nothing can tell apart; `members` in order of the cluster file, the first stands for all."""

    members: tuple[str, ...]
    roles: tuple[str, ...]
    labels: tuple[str, ...]
    interfaces: tuple[str, ...]
    addresses_are: AddressesAre
    own: AddressSet = field(compare=False)

    @property
    def leased(self) -> bool:
        """True when the nodes hear from a DHCP server; a persistent address is a lease that never changes."""
        return self.addresses_are is not AddressesAre.STATIC


@dataclass(frozen=True, slots=True)
class Plan:
    """What the nodes of a class do with packets.

    `inbound` is to declared addresses of the node, `virtual` to addresses that no node declares, `forward` by original
    destination and port of what was sent on by DNAT, `outbound` is empty unless egress is enforced.
    """

    node_class: NodeClass
    nodes: AddressSet
    inbound: tuple[Flow, ...]
    virtual: tuple[Flow, ...]
    forward: tuple[Flow, ...]
    outbound: tuple[Flow, ...]
    egress: Egress
    refuse: Refuse
