"""The second voice: what python-iptables reads in the kernel, beside what was meant to be there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from netpolicy.node.legacy.child import Child, unintelligible
from netpolicy.node.legacy.live import BUILT_IN, OURS, LegacyChain, LegacyTable, Unreadable, is_ours
from netpolicy.node.legacy.wire import unpacked_table
from netpolicy.packet.addresses import Family
from netpolicy.targets.iptables.normal import normal_table
from netpolicy.targets.iptables.render import rule_text
from netpolicy.targets.iptables.rules import Chain, Rule, Ruleset

FAMILIES = (Family.V4, Family.V6)
READ_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Difference:
    """A place where the kernel holds another rule, or chain, than the wanted one; None stands for none.

    `number` is the place among the rules of the chain that are compared, from 1; 0 is a whole chain.
    """

    family: Family
    chain: str
    number: int
    wanted: Rule | Chain | None
    found: Rule | Unreadable | LegacyChain | None

    @property
    def text(self) -> str:
        """The difference in one line."""
        where = f"IPv{self.family.value} chain `{self.chain}`"
        if not self.number:
            return f"{where} is missing" if self.found is None else f"{where} is not wanted"
        shown = [_shown(one, self.family) for one in (self.wanted, self.found)]
        return f"{where}, rule {self.number}: {shown[0]} is wanted, {shown[1]} is there"


class Voice:
    """A child that has loaded python-iptables and has opened no table until `read`; it reads once.

    It speaks of the network namespace that its starter was in.
    """

    def __init__(self) -> None:
        self.child = Child()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def read(
        self,
        families: tuple[Family, ...] = FAMILIES,
        prefixes: tuple[str, ...] = OURS,
        seconds: float = READ_SECONDS,
    ) -> Mapping[Family, LegacyTable]:
        """The tables at this moment. A table that does not exist is an error and is not created."""
        asked = {"ask": "read", "families": [family.value for family in families], "prefixes": list(prefixes)}
        with self.child:
            answer = self.child.ask(asked, seconds)
        try:
            tables = [unpacked_table(table) for table in answer["tables"]]
        except (AttributeError, KeyError, TypeError, ValueError):
            raise unintelligible() from None
        if [table.family for table in tables] != list(families):
            raise unintelligible()
        return {table.family: table for table in tables}

    def close(self) -> None:
        """The child is gone."""
        self.child.close()


def differences(wanted: Ruleset, found: Mapping[Family, LegacyTable]) -> list[Difference]:
    """Every place where our chains, or the jumps to them, are not what is wanted.

    Policies and foreign rules are not compared, nor the places of our jumps among them.
    """
    told: list[Difference] = []
    for family, live in found.items():
        chains = {chain.name: chain for chain in normal_table(wanted.table(family)).chains}
        names = [*chains, *(chain.name for chain in live.chains if chain.name not in chains)]
        for name in names:
            told += _chain(family, name, chains.get(name), live.chain(name))
    return told


def _chain(family: Family, name: str, wanted: Chain | None, found: LegacyChain | None) -> list[Difference]:
    if name not in BUILT_IN and (wanted is None or found is None):
        return [Difference(family, name, 0, wanted, found)]
    meant: list[Rule | None] = [rule for rule in wanted.rules if _compared(name, rule)] if wanted else []
    there: list[Rule | Unreadable | None] = [one.rule for one in found.rules] if found else []
    meant += [None] * (len(there) - len(meant))
    there += [None] * (len(meant) - len(there))
    pairs = enumerate(zip(meant, there, strict=True), 1)
    return [Difference(family, name, number, one, other) for number, (one, other) in pairs if one != other]


def _compared(chain: str, rule: Rule) -> bool:
    return chain not in BUILT_IN or is_ours(getattr(rule.target, "chain", ""))


def _shown(rule: Rule | Unreadable | Chain | LegacyChain | None, family: Family) -> str:
    match rule:
        case Rule():
            return f"`{rule_text(rule, family).strip()}`"
        case Unreadable():
            return f"`{rule.text}` ({rule.reason})"
        case _:
            return "no rule"
