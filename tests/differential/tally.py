"""How much was asked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts; packets are those of all backends, `rulesets` such as came without a policy.

    `fates` counts what was to pass and what was not, by way.
    """

    policies: int = 0
    rulesets: int = 0
    rules: int = 0
    packets: int = 0
    passing: int = 0
    disagreements: int = 0
    fates: Counter[tuple[str, bool]] = field(default_factory=Counter)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.policies + other.policies,
            self.rulesets + other.rulesets,
            self.rules + other.rules,
            self.packets + other.packets,
            self.passing + other.passing,
            self.disagreements + other.disagreements,
            self.fates + other.fates,
        )

    def __str__(self) -> str:
        share = 100 * self.passing / self.packets if self.packets else 0
        drawn = (
            f"{self.policies:,} policies, {self.rulesets:,} rulesets"
            if self.rulesets
            else f"{self.policies:,} policies"
        )
        asked = f"{self.rules:,} rules, {self.packets:,} packets ({share:.0f} % passing)"
        return f"{drawn}, {asked}, {self.disagreements:,} disagreements"
