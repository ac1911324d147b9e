"""Targets: each turns a plan into files, reads such files back, and judges packets by what it read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # a node reads the rules of one target, and must start quickly
    from netpolicy.diagnostic import Diagnostic
    from netpolicy.flow.model import Plan
    from netpolicy.packet.family import Family
    from netpolicy.packet.grid import Grid
    from netpolicy.packet.intervals import Intervals
    from netpolicy.packet.packets import Packet
    from netpolicy.packet.packetset import PacketSet
    from netpolicy.securitygroups.inventory import Inventory, Stop
    from netpolicy.securitygroups.model import Form
    from netpolicy.source import Source, Span


@dataclass(frozen=True, slots=True)
class Options:
    """How a target writes: `inline_sets` writes plain rules for hosts without ipset."""

    inline_sets: bool = False


class Target(Protocol):
    """What a target module offers as `TARGET`; `Ruleset` is its own type.

    For any plan and packet: `decide(read(render(lower(plan))), packet)` allows exactly when a flow of the plan admits
    it, `read(render(r)) == r`, and rendering is deterministic.
    """

    name: str
    files: tuple[str, ...]

    def lower(self, plan: Plan, options: Options) -> tuple[Any, list[Diagnostic]]: ...

    def render(self, ruleset: Any) -> dict[str, str]: ...

    def read(self, files: Mapping[str, Source]) -> tuple[Any, list[Diagnostic]]: ...

    def decide(self, ruleset: Any, packet: Packet) -> Any: ...

    def deciding(self, ruleset: Any, packet: Packet, files: Mapping[str, Source]) -> Span | None:
        """Where in the files the rule stands that decides; None where it is the end of a built-in chain."""

    def admitted(self, ruleset: Any, grids: Mapping[Family, Grid] | None = None) -> PacketSet:
        """The packets that the ruleset lets pass: `p in admitted(r)` exactly when `decide(r, p)` allows."""

    def address_sets(self, ruleset: Any, family: Family) -> Iterable[Intervals]:
        """Every set of addresses that the ruleset asks about: a grid for `admitted` must tell them apart."""

    def size(self, ruleset: Any) -> int:
        """How many rules there are."""


class Cloud(Protocol):
    """What the module of a cloud offers as `CLOUD`: security groups of a whole cluster, in one file.

    The laws are those of a target. `decide` judges a packet where it stops: at an interface of a node, coming or going.
    """

    name: str
    file: str

    def lower(self, form: Form, inventory: Inventory) -> tuple[Any, list[Diagnostic]]: ...

    def render(self, ruleset: Any) -> str: ...

    def read(self, source: Source) -> tuple[Any | None, list[Diagnostic]]: ...

    def decide(self, ruleset: Any, inventory: Inventory, stop: Stop) -> bool: ...

    def admitting(self, ruleset: Any, inventory: Inventory, stop: Stop) -> tuple[str, str] | None: ...

    def admitted(self, ruleset: Any, inventory: Inventory) -> Any: ...
