"""`python -m tests.sabotage --count 300 --seed 1`, or `--all`: a table of mutants, then the survivors and figures."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Sequence

from tests.sabotage.equivalent import load, stale
from tests.sabotage.modules import JUDGES, PARTS, PROOF, QUICK, all_modules
from tests.sabotage.mutate import Key, Mutant, mutants, sample
from tests.sabotage.run import End, Judges, Verdict, run


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every survivor is explained, 1 when one is not or an explanation is wrong, 2 when a judge refuses the code
    as it is."""
    options = _options(arguments)
    reasons = load()
    modules = tuple(options.module or all_modules())
    found = tuple(mutant for module in modules for mutant in mutants(module))
    old = [key for key in stale(reasons, (one.key for one in found)) if key.module in modules]
    chosen = _chosen(options, found, reasons)
    print(f"{len(found)} mutants of {len(modules)} modules, {len(chosen)} of them tried", flush=True)
    began = time.monotonic()
    judged: list[Verdict] = []
    for verdict in run(chosen, _judges(options)):
        _tell(verdict, reasons)
        if verdict.mutant is not None:
            judged.append(verdict)
        elif verdict.end is not End.SURVIVED:
            print("this judge refuses the code as it is: what it killed proves nothing")
            return 2
    _figures(judged, time.monotonic() - began)
    unexplained = [one for one in judged if one.end is End.SURVIVED and not _reason(one, reasons)]
    refuted = [one for one in judged if one.end is not End.SURVIVED and _reason(one, reasons)]
    for title, verdicts in (("SURVIVED", unexplained), ("NOT EQUIVALENT", refuted)):
        for one in verdicts:
            print(f"\n{title} {one.mutant.id if one.mutant else ''} {one.judge}\n{one.mutant and one.mutant.key}")
    for key in old:
        print(f"\nSTALE\n{key}")
    return 1 if unexplained or refuted or old else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sabotage", description=__doc__)
    parser.add_argument("--all", action="store_true", help="every mutant, the explained ones too")
    parser.add_argument("--explained", action="store_true", help="only those that are explained")
    parser.add_argument("--count", type=int, default=300, help="how many, spread over modules and operators")
    parser.add_argument("--seed", type=int, default=1, help="which ones; the same for the same seed")
    parser.add_argument("--skip", type=int, default=0, help="leave out so many of them, the first ones")
    parser.add_argument("--module", action="append", choices=all_modules(), help="only of this module")
    parser.add_argument("--find", default="", help="only those whose text contains this")
    parser.add_argument("--judge", action="append", help="a file of tests instead of all judges")
    parser.add_argument("--quick", action="store_true", help="only the quick judges: survivors are suspects")
    return parser.parse_args(arguments)


def _chosen(options: argparse.Namespace, found: tuple[Mutant, ...], reasons: dict[Key, str]) -> tuple[Mutant, ...]:
    """An explained mutant says nothing new, so a sample has none."""
    there = tuple(one for one in found if options.find in f"{one.id} {one.key}")
    if options.all:
        return there
    if options.explained:
        return tuple(one for one in there if one.key in reasons)
    return sample(tuple(one for one in there if one.key not in reasons), options.count, options.seed)[options.skip :]


def _judges(options: argparse.Namespace) -> Judges:
    if options.judge:
        return dict.fromkeys(PARTS, tuple(options.judge))
    return QUICK if options.quick else JUDGES


def _reason(verdict: Verdict, reasons: dict[Key, str]) -> str:
    return reasons.get(verdict.mutant.key, "") if verdict.mutant else ""


def _tell(verdict: Verdict, reasons: dict[Key, str]) -> None:
    name = verdict.mutant.id if verdict.mutant else "the code as it is"
    end = "explained" if verdict.end is End.SURVIVED and _reason(verdict, reasons) else verdict.end.value
    print(f"{end:9} {verdict.seconds:6.1f} s  {name}  {verdict.judge}", flush=True)
    if verdict.mutant and end == End.SURVIVED.value:
        print(f"    {verdict.mutant.key}", flush=True)


def _figures(verdicts: Sequence[Verdict], seconds: float) -> None:
    print()
    for part, modules in PARTS.items():
        for module in modules:
            ends = Counter(one.end for one in verdicts if one.mutant and one.mutant.key.module == module)
            if ends:
                print(f"{part:10} {module:40} {_counted(ends)}")
    proof = Counter(one.judge.split("[")[0] for one in verdicts if one.file == PROOF)
    for step, count in sorted(proof.items()):
        print(f"{count:5} stopped at {step}")
    for judge, count in Counter(one.file for one in verdicts if one.end is End.KILLED).most_common():
        print(f"{count:5} killed by {judge}")
    print(f"{len(verdicts)} mutants in {seconds:.0f} s: {_counted(Counter(one.end for one in verdicts))}")


def _counted(ends: Counter[End]) -> str:
    return ", ".join(f"{ends[end]} {end.value}" for end in End if ends[end])


if __name__ == "__main__":
    raise SystemExit(main())
