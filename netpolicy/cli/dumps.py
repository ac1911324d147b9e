"""Two dumps of `iptables-save` as sides of a comparison: a file of one family, or a folder with both and the sets."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netpolicy.cli import UNUSABLE, WRONG
from netpolicy.diagnostic import error, has_errors
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.policy.load import Place, Reader, Unreadable
from netpolicy.source import Source
from netpolicy.targets.iptables.family_of import family_of
from netpolicy.targets.iptables.read import RULES, SETS
from netpolicy.targets.iptables.read_dump import read_dump

if TYPE_CHECKING:
    from netpolicy.targets.iptables.dump import Dump
    from netpolicy.verify.diff.rules import Part

_DUMP = re.compile(r"(?:\s|#[^\n]*\n)*\*[a-z]+\s*$", re.MULTILINE)
_CLUSTERS = (".netpol", ".yaml", ".yml", ".json")
_STEPS = 50_000_000


@dataclass(frozen=True, slots=True)
class Dumps:
    """The dumps of one side, by family; `sources` are the files that were read."""

    families: dict[Family, Dump]
    sources: tuple[Source, ...]

    @property
    def inputs(self) -> list[tuple[str, str]]:
        return [(one.name, one.digest) for one in self.sources]


def dumped(path: str, reader: Reader) -> Callable[[], Dumps] | None:
    """Who reads the dumps at the path; None where these are none."""
    folder = Path(path)
    if os.path.isdir(folder):  # noqa: PTH112
        files = [folder / name for name in (*RULES.values(), SETS) if (folder / name).exists()]
        return (lambda: _read([str(one) for one in files], reader)) if files else None
    if path.endswith(_CLUSTERS):
        return None
    source = reader(Place(path, shipped=False))
    if isinstance(source, Unreadable) or not _DUMP.match(source.text):
        return None
    return lambda: _read([path], reader)


def _read(paths: list[str], reader: Reader) -> Dumps:
    from netpolicy.cli.operand import OperandError

    sources: list[Source] = []
    for path in paths:
        source = reader(Place(path, shipped=False))
        if isinstance(source, Unreadable):
            raise OperandError(UNUSABLE, error(source.code, source.why, hint=source.hint))
        sources.append(source)
    sets = next((one for one in sources if Path(one.name).name == SETS), None)
    families: dict[Family, Dump] = {}
    for source in sources:
        if source is sets:
            continue
        named = next((family for family, name in RULES.items() if Path(source.name).name == name), None)
        # A text that says nothing of its family holds no address: it means the same in both.
        family = named or family_of(source) or Family.V4
        dump, found = read_dump(source, family, sets)
        if dump is None:
            raise OperandError(WRONG, *(one for one in found if has_errors([one])))
        families[family] = dump
    return Dumps(families, tuple(sources))


def compared(old: Dumps, new: Dumps) -> list[Part]:
    """What is opened and closed from the old side to the new, in the families that both have."""
    from netpolicy.cli.operand import OperandError
    from netpolicy.packet.budget import SpentError, limited
    from netpolicy.packet.grid import Atoms, Grid
    from netpolicy.packet.packetset import PacketSet
    from netpolicy.targets.iptables.admitted import address_sets, admitted
    from netpolicy.verify.diff.rules import rules_diff

    if old.families.keys() != new.families.keys():
        told = (
            ", ".join(f"IPv{family.value}" for family in FAMILIES if family in side.families) for side in (old, new)
        )
        message = f"OLD is of {next(told)}, NEW of {next(told)}"
        raise OperandError(UNUSABLE, error("NP905", message, hint="compare dumps of the same families"))
    rulesets = [(family, old.families[family].ruleset, new.families[family].ruleset) for family in old.families]
    grids = {
        family: Grid(
            family, Atoms.of(family.last, (each for one in (before, after) for each in address_sets(one, family)))
        )
        for family, before, after in rulesets
    }
    try:
        with limited(_STEPS):
            sides = [PacketSet(), PacketSet()]
            for family, *both in rulesets:
                every = {**{its: Grid(its, Atoms.of(its.last, ())) for its in FAMILIES}, family: grids[family]}
                for at, ruleset in enumerate(both):
                    sides[at] |= PacketSet.only(family, admitted(ruleset, every).of(family))
            return list(rules_diff(sides[0], sides[1], grids))
    except SpentError as spent:
        hint = "the two are too different, and too entangled, to be compared exactly"
        raise OperandError(WRONG, error("NP906", f"the comparison {spent}", hint=hint)) from None


def _families(side: Dumps) -> str:
    return " and ".join(f"IPv{family.value}" for family in FAMILIES if family in side.families) or "no family"
