"""No mutant of a sample survives the tests; and the machine that says so can say otherwise."""

from __future__ import annotations

import ast
import os
import subprocess
import sys

import pytest

from tests.sabotage.equivalent import explained, load, stale
from tests.sabotage.modules import ROOT, all_modules
from tests.sabotage.mutate import mutants, mutants_of, sample
from tests.sabotage.operators import OPERATORS

SAMPLE = 66
SEED = 1
REFUSED = "this judge refuses the code as it is: what it killed proves nothing"
WRONG_OPTION = (
    "--module",
    "netpolicy.targets.iptables.render",
    "--find",
    "'-s' if match.side is r.Side.[SOURCE → DESTINATION] else '-d'",
)


def sabotage(*arguments: str) -> tuple[int, str]:
    """Exit status and what is printed; in a process of its own, since nothing may be imported before."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "PYTEST_"))}
    command = [sys.executable, "-m", "tests.sabotage", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=kept, text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return done.returncode, done.stdout


def test_no_mutant_of_a_sample_survives() -> None:
    status, told = sabotage("--count", str(SAMPLE), "--seed", str(SEED))
    assert f"{SAMPLE} of them tried" in told, told
    assert status == 0, told


def test_a_judge_that_sees_nothing_lets_a_mutant_live() -> None:
    status, told = sabotage(*WRONG_OPTION, "--judge", "tests/unit/test_conditions.py")
    assert (status, "1 mutants in" in told, "1 survived" in told) == (1, True, True), told


def test_source_for_destination_in_the_printer_is_noticed() -> None:
    status, told = sabotage(*WRONG_OPTION, "--judge", "tests/golden")
    assert (status, "1 mutants in" in told, "1 killed" in told) == (0, True, True), told


def test_a_judge_that_refuses_the_code_as_it_is_proves_nothing() -> None:
    status, told = sabotage(*WRONG_OPTION, "--judge", "tests/sabotage/refuses.py")
    assert (status, told.splitlines()[-1]) == (2, REFUSED), told


CODE = '''
"""Words about the module."""

from typing import assert_never

__all__ = ["f"]
Pair = tuple[int, int]
LAST = 9

def f(a: int, b: int = 1) -> tuple[int, ...]:
    """Words about the function."""
    if a < b and not a:
        return (a, b)
    for one in range(a, b):
        if one == LAST:
            continue
        raise ValueError(f"not {one}")
    match a:
        case 1:
            return x[1:]
        case _:
            assert_never(a)
'''


def test_every_place_of_code_is_broken_and_nothing_else() -> None:
    found = [f"{one.key.operator}: {one.key.change}" for one in mutants_of(ast.parse(CODE), "m")]
    assert found == EXPECTED


EXPECTED = [
    "number: LAST = [9 → 10]",
    "number: LAST = [9 → 8]",
    'number: def f(a: int, b: [int=1 → int=2]) -> tuple[int, ...]: ; """Words about the function.""" ; if…',
    'number: def f(a: int, b: [int=1 → int=0]) -> tuple[int, ...]: ; """Words about the function.""" ; if…',
    "drop: [if a < b and (not a): ; return (a, b) → pass]",
    "condition: if [a < b and (not a → not (a < b and (not a)]): ; return (a, b)",
    "logic: if a < b [and (not a) → or not a]: ; return (a, b)",
    "logic: if [a < b and (not a) → not a]: ; return (a, b)",
    "logic: if a < [b and (not a) → b]: ; return (a, b)",
    "comparison: if a [< → <=] b and (not a): ; return (a, b)",
    "negation: if a < b and [(not a) → a]: ; return (a, b)",
    "nothing: return ([a, b → ])",
    "arguments: return ([a, b → b, a])",
    "element: return ([a, b → b,])",
    "element: return (a,[ b → ])",
    "drop: [for one in range(a, b): ; if one == LAST: ; continue ; raise ValueError(f'not {one}') → pass]",
    "arguments: for one in range([a, b → b, a]): ; if one == LAST: ; continue ; raise ValueError(f'not {on…",
    "drop: [if one == LAST: ; continue → pass]",
    "condition: if [one → not one] == LAST: ; continue",
    "comparison: if one [== → !=] LAST: ; continue",
    "loop: [continue → break]",
    "drop: [raise ValueError(f'not {one}') → pass]",
    "case: match a: ; case [1: ; return x[1:] ; case _ → _]: ; assert_never(a)",
    "number: match a: ; case [1 → 2]: ; return x[1:] ; case _: ; assert_never(a)",
    "number: match a: ; case [1 → 0]: ; return x[1:] ; case _: ; assert_never(a)",
    "nothing: return [x[1:] → ()]",
    "bound: return x[[1 → ]:]",
    "number: return x[[1 → 2]:]",
    "number: return x[[1 → 0]:]",
]


def test_a_mutant_has_a_name_of_its_own_and_other_code() -> None:
    found = mutants("netpolicy.packet.intervals")
    assert len({one.id for one in found}) == len(found)
    assert found[0].code() != found[1].code()


def test_every_operator_breaks_something() -> None:
    used = {mutant.key.operator for module in all_modules() for mutant in mutants(module)}
    assert used == {operator.__name__ for operator in OPERATORS} | {"nothing"}


def test_a_sample_is_spread_and_always_the_same() -> None:
    found = tuple(mutant for module in all_modules() for mutant in mutants(module))
    drawn = sample(found, SAMPLE, SEED)
    assert drawn == sample(found[::-1], SAMPLE, SEED)
    assert drawn != sample(found, SAMPLE, SEED + 1)
    assert {one.key.module for one in drawn} == set(all_modules())
    assert len({one.key.operator for one in drawn}) > len(OPERATORS) // 2


def test_every_explanation_is_of_a_mutant_that_there_is() -> None:
    known = [mutant.key for module in all_modules() for mutant in mutants(module)]
    assert stale(load(), known) == []


def test_an_explanation_needs_a_reason() -> None:
    with pytest.raises(AssertionError, match="no reason"):
        explained("m f drop\n    [x → pass]\n    why")
