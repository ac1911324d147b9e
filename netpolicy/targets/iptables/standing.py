"""How what a kernel holds stands to what it must hold: chains, jumps and sets that differ, and what is left over."""

from __future__ import annotations

from dataclasses import dataclass

from netpolicy.packet.addresses import FAMILIES, Family
from netpolicy.targets.iptables.admits import first_admitting
from netpolicy.targets.iptables.live import STABLE, Live, LiveChain, LiveRule, LiveTable, is_our_chain
from netpolicy.targets.iptables.normal import BUILT_IN
from netpolicy.targets.iptables.rules import Chain, Rule, Ruleset, Table


@dataclass(frozen=True, slots=True)
class Jump:
    """The jump from a built-in chain to ours: `wanted`, and the rules that lead to our chains, with numbers from 1.

    `ahead` is the first rule of others before it that may admit a packet.
    """

    built_in: str
    wanted: Rule
    found: tuple[tuple[int, LiveRule], ...] = ()
    ahead: LiveRule | None = None

    @property
    def stands(self) -> bool:
        """True when there is just this one jump, and no rule before it that may admit."""
        return len(self.found) == 1 and self.found[0][1].rule == self.wanted and self.ahead is None


@dataclass(frozen=True, slots=True)
class FamilyStanding:
    """The filter table of a family. `stale` are generation chains that are absent or differ; `left` those of no use."""

    family: Family
    stale: tuple[Chain, ...]
    unflipped: tuple[Chain, ...]
    jumps: tuple[Jump, ...]
    left: tuple[LiveChain, ...]

    @property
    def in_force(self) -> bool:
        """True when a packet meets exactly what was wanted."""
        return not self.stale and not self.unflipped and all(jump.stands for jump in self.jumps)


@dataclass(frozen=True, slots=True)
class Standing:
    """Both families, and the sets: `absent` and `changed` ones of the wanted, and `left` ones of no use."""

    families: tuple[FamilyStanding, ...]
    absent: tuple[str, ...]
    changed: tuple[str, ...]
    left: tuple[str, ...]

    @property
    def in_force(self) -> bool:
        return not self.absent and not self.changed and all(one.in_force for one in self.families)

    @property
    def clean(self) -> bool:
        """True when nothing of ours is left over."""
        return not self.left and not any(one.left for one in self.families)


def standing(live: Live, wanted: Ruleset) -> Standing:
    """Compares by meaning: rules as they are read, sets by their members."""
    sets = {one.name: one for one in wanted.sets}
    changed = (name for name, one in sets.items() if name in live.strange or live.sets.get(name, one) != one)
    return Standing(
        tuple(_of_family(live.table(family), wanted.table(family)) for family in FAMILIES),
        tuple(name for name in sets if name not in live.sets and name not in live.strange),
        tuple(changed),
        tuple(sorted({*live.sets, *live.strange} - sets.keys())),
    )


def _of_family(live: LiveTable, wanted: Table) -> FamilyStanding:
    ours = [chain for chain in wanted.chains if chain.name not in BUILT_IN]
    differ = [chain for chain in ours if not equal(live.chain(chain.name), chain)]
    names = {chain.name for chain in ours}
    return FamilyStanding(
        wanted.family,
        tuple(chain for chain in differ if chain.name not in STABLE.values()),
        tuple(chain for chain in differ if chain.name in STABLE.values()),
        tuple(_jump(live, chain) for chain in wanted.chains if chain.name in BUILT_IN and chain.rules),
        tuple(chain for chain in live.ours if chain.name not in names),
    )


def equal(live: LiveChain | None, wanted: Chain) -> bool:
    """True when the chain is there, and each of its rules is understood and equal to that in its place."""
    return (
        live is not None
        and len(live.rules) == len(wanted.rules)
        and all(one.rule == rule for one, rule in zip(live.rules, wanted.rules, strict=True))
    )


def _jump(live: LiveTable, wanted: Chain) -> Jump:
    chain = live.chain(wanted.name)
    rules = chain.rules if chain is not None else ()
    found = tuple((at, rule) for at, rule in enumerate(rules, 1) if is_our_chain(rule.target[0]))
    before = rules[: found[0][0] - 1] if found else ()
    return Jump(wanted.name, wanted.rules[0], found, first_admitting(live, before))
