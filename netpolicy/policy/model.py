"""A policy resolved for one cluster: every statement with its addresses and ports."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from netpolicy.dsl.syntax import Attributes, DemandKind, Verb
from netpolicy.packet.addresses import NOWHERE, AddressSet, Family
from netpolicy.packet.ports import PortSet
from netpolicy.policy.cluster import Cluster
from netpolicy.source import Span


class Egress(Enum):
    """`option egress`: whether OUTPUT is judged."""

    OPEN = "open"
    ENFORCED = "enforced"


class Refuse(Enum):
    """`option refuse`: what happens to a packet that is not allowed."""

    DROP = "drop"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Virtual:
    """`nodes@ADDRESS`: what these nodes receive for an address that no node declares."""

    nodes: AddressSet
    family: Family
    address: int


@dataclass(frozen=True, slots=True)
class Named:
    """A name with its description and addresses."""

    name: str
    description: str
    addresses: AddressSet = NOWHERE


@dataclass(frozen=True, slots=True)
class Selection:
    """A selector with its addresses. `text` is its canonical text: equal meaning of names, equal text.

    `peers` are the members of its list that hold addresses of no node, each with those addresses.
    """

    text: str
    addresses: AddressSet
    virtual: tuple[Virtual, ...] = ()
    peers: tuple[Named, ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False)

    def __bool__(self) -> bool:
        return bool(self.addresses) or any(one.nodes for one in self.virtual)


@dataclass(frozen=True, slots=True)
class Statement:
    """One direction of a flow statement that is active in this cluster.

    `id` is a short hash of the meaning as written (names, not places); both directions of `<->` share it. `forwarded`
    is the part of `ports` that ends behind DNAT. `to_self` marks `-> self`, which makes no rule.
    """

    id: str
    verb: Verb
    who: Selection
    whom: Selection
    ports: PortSet
    forwarded: PortSet
    what: str
    attributes: Attributes
    to_self: bool = False
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def text(self) -> str:
        return f"{self.who.text} -> {self.whom.text} : {self.what}"


@dataclass(frozen=True, slots=True)
class Demand:
    """An active `require` (binding) or `advise`."""

    binding: bool
    kind: DemandKind
    selector: Selection
    number: int
    other: Selection | None
    attributes: Attributes
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Policy:
    """The statements that hold in a cluster; their order means nothing and is by id.

    `nodes` are all declared addresses. `repeated` are statements that say once more what one of `statements` says.
    """

    name: str
    description: str
    cluster: Cluster
    statements: tuple[Statement, ...]
    demands: tuple[Demand, ...]
    egress: Egress
    refuse: Refuse
    roles: tuple[Named, ...]
    labels: tuple[Named, ...]
    networks: tuple[Named, ...]
    params: tuple[tuple[str, str], ...]
    nodes: AddressSet
    repeated: tuple[Statement, ...] = field(default=(), compare=False, repr=False)

    def of(self, *verbs: Verb) -> tuple[Statement, ...]:
        """The statements with one of these verbs."""
        return tuple(one for one in self.statements if one.verb in verbs)
