"""`python -m tests.bench.engine`: what boxes cover others in long lists, in which time, and beside other engines.

A figure is the median of whole processes, Python's start and the making of the list included. The engines beside are z3
and CUDD, from the extra `bench`; each must find the same boxes. `--all` asks z3 about 10,000 rules, too (minutes).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from netpolicy.packet.cover import Cover, Finding, needless, redundant, shadowed
from netpolicy.packet.space import Box
from tests.bench import rulesets
from tests.bench.measure import median
from tests.bench.rulesets import WIDTHS, Ruleset

LISTS: dict[str, Callable[[], Ruleset]] = {
    "1,000 sparse rules": partial(rulesets.sparse, 1000),
    "10,000 sparse rules": partial(rulesets.sparse, 10_000),
    "10,000 sparse rules, then one for everything": partial(rulesets.catch_all, 10_000),
    "10,000 addresses, then their range": partial(rulesets.wide_over_narrow, 10_000, 0),
    "9,999 of 10,000 addresses, then their range": partial(rulesets.wide_over_narrow, 10_000, 1),
    "a checkerboard of 256 x 256 ports, then all of it": partial(rulesets.checkerboard, 256, 0),
    "the same without one cell": partial(rulesets.checkerboard, 256, 1),
    "10,240 addresses, then their 40 networks": partial(rulesets.hosts_and_supernets, 10_240, False),
    "2,000 boxes of random ranges in four dimensions": partial(rulesets.ranges, 2000),
    "40 networks, then their 10,240 addresses": partial(rulesets.hosts_and_supernets, 10_240, True),
}
FIRST_MATCH = tuple(LISTS)
THOUSAND, TEN_THOUSAND, *_ = FIRST_MATCH
STATEMENTS = "1,000 statements over 40 roles of 2,000 nodes"
LISTS[STATEMENTS] = partial(rulesets.statements, 1000)
BESIDE = [(THOUSAND, "z3"), (THOUSAND, "cudd")]
Result = tuple[list[int], int, int]
"""Places of the boxes found, boxes in the largest blame, and questions without a proved answer."""


def ours(question: Callable[..., tuple[Finding, ...]], ruleset: Ruleset) -> Result:
    """What is found by this package."""
    findings = question(*ruleset)
    covers = [finding.by for finding in findings if isinstance(finding.by, Cover)]
    unproved = len(findings) - sum(by.minimal for by in covers)
    return [finding.place for finding in findings], max((len(by.places) for by in covers), default=0), unproved


def by_z3(ruleset: Ruleset) -> Result:
    """The shadowed boxes: no packet of the box is outside all earlier ones, asked one after the other."""
    import z3

    names = [z3.BitVec(f"d{at}", width) for at, width in enumerate(WIDTHS)]

    def within(name: Any, first: int, last: int) -> Any:
        free = (last - first + 1).bit_length() - 1
        if last - first + 1 != 1 << free or first & last - first:
            return z3.And(z3.UGE(name, first), z3.ULE(name, last))
        # A network: its first bits are equal, which z3 finds far easier than two comparisons.
        return z3.Extract(name.size() - 1, free, name) == first >> free

    def inside(box: Box) -> Any:
        asked = []
        for name, whole, side in zip(names, rulesets.ANYTHING, box, strict=True):
            if side != whole:
                asked.append(z3.Or([within(name, first, last) for first, last in side]))
        return z3.And(asked)

    solver = z3.SolverFor("QF_BV")
    found = []
    for place, box in enumerate(ruleset[0]):
        held = z3.Bool(f"box {place}")
        solver.add(held == inside(box))
        answer = solver.check(held)
        if answer == z3.unknown:
            raise RuntimeError(f"z3 does not know about box {place}")
        if answer == z3.unsat:
            found.append(place)
        solver.add(z3.Not(held))
    return found, 0, 0


def by_cudd(ruleset: Ruleset) -> Result:
    """The shadowed boxes: the box without the union of all earlier ones is empty, as binary decision diagrams."""
    from dd import cudd

    manager = cudd.BDD(memory_estimate=2 << 30)
    manager.configure(reordering=False)
    names = [[f"d{at}b{bit}" for bit in range(width)] for at, width in enumerate(WIDTHS)]
    manager.declare(*(name for column in names for name in reversed(column)))

    def bound(column: list[str], value: int, above: bool) -> Any:
        held = manager.true
        for bit, name in enumerate(column):
            one = manager.var(name) if above else ~manager.var(name)
            held = one & held if (value >> bit & 1) == above else one | held
        return held

    found, earlier = [], manager.false
    for place, box in enumerate(ruleset[0]):
        held = manager.true
        for column, side in zip(names, box, strict=True):
            within = manager.false
            for first, last in side:
                within |= bound(column, first, True) & bound(column, last, False)
            held &= within
        if held & ~earlier == manager.false:
            found.append(place)
        earlier |= held
    return found, 0, 0


ENGINES: dict[str, Callable[[Ruleset], Result]] = {
    "shadowed": partial(ours, shadowed),
    "redundant": partial(ours, redundant),
    "needless": partial(ours, needless),
    "z3": by_z3,
    "cudd": by_cudd,
}


def measured(name: str, engine: str, runs: int, scratch: Path) -> Result:
    """Prints the row of a list and an engine; what the last run found."""
    out = scratch / "result.json"
    command = [sys.executable, "-m", "tests.bench.engine", "--list", name, "--engine", engine, "--out", str(out)]
    figures = median(command, runs)
    found, largest, unproved = json.loads(out.read_text(encoding="utf-8"))
    columns = f"{len(found):,} | {largest:,} | {unproved} | {figures.cpu:.2f} | {figures.memory:.0f} | {figures.runs}"
    print(f"| {name} | {engine} | {columns} |", flush=True)
    return found, largest, unproved


def main() -> None:
    """Measures all lists, and tells whether the engines agree; a disagreement ends with 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", choices=LISTS, help=argparse.SUPPRESS)
    parser.add_argument("--engine", choices=ENGINES, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--all", action="store_true", help="z3 on 10,000 rules, too")
    asked = parser.parse_args()
    if asked.out:
        asked.out.write_text(json.dumps(ENGINES[asked.engine](LISTS[asked.list]())), encoding="utf-8")
        return
    print("| list | engine | found | largest blame | not proved | CPU s | peak MiB | runs |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        results = {name: measured(name, "shadowed", asked.runs, scratch)[0] for name in FIRST_MATCH}
        measured(TEN_THOUSAND, "redundant", asked.runs, scratch)
        measured(STATEMENTS, "needless", asked.runs, scratch)
        agree = True
        for name, engine in BESIDE + [(TEN_THOUSAND, "z3")] * asked.all:
            if find_spec("dd" if engine == "cudd" else engine) is None:
                print(f"{engine} is not installed: `pip install -e '.[bench]'`")
                continue
            same = measured(name, engine, 1, scratch)[0] == results[name]
            print(f"{name}: {engine} {'finds the same boxes' if same else 'finds OTHER BOXES'}")
            agree &= same
    sys.exit(not agree)


if __name__ == "__main__":
    main()
