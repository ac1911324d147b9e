"""Lint rules on random policies: what they say is true, and nothing that they say depends on the order of things."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netpolicy.diagnostic import Diagnostic, has_errors, render
from netpolicy.dsl import syntax as s
from netpolicy.lint import Range, lint_policy, rules
from netpolicy.lint.overlapping_ranges import overlaps
from netpolicy.lint.repeated import RULE as REPEATED
from netpolicy.lint.unused import RULE as UNUSED
from netpolicy.pipeline import Pipeline
from netpolicy.policy.resolve import resolve
from netpolicy.source import Span
from tests.compiling import DAY, compiled
from tests.strategies import Case, cases

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
RANGES = st.builds(
    lambda number, first, length: (number, first, first + length),
    st.sampled_from([6, 17]),
    st.integers(0, 12),
    st.integers(0, 6),
)


def linted(case: Case) -> tuple[Pipeline, list[Diagnostic]]:
    """The pipeline of a case, and what the rules find in it."""
    pipeline = compiled({"cluster.yaml": case.cluster_text, "policy.netpol": case.policy_text})
    return pipeline, pipeline._lint


def without(statements: tuple[s.Statement, ...], dropped: set[Span]) -> tuple[s.Statement, ...]:
    """The statements, those inside a `when` too, without the flows at these places and declarations of these names."""
    kept: list[s.Statement] = []
    for one in statements:
        if isinstance(one, s.When):
            kept.append(replace(one, statements=without(one.statements, dropped)))
        elif not {one.span, _name_span(one)} & dropped:
            kept.append(one)
    return tuple(kept)


def _name_span(one: s.Statement) -> Span | None:
    named = one.text if isinstance(one, s.Alias) else getattr(one, "name", None)
    return named.span if named is not None else None


@given(st.lists(st.tuples(st.sampled_from("abcd"), RANGES), max_size=12, unique=True))
def test_overlaps_are_those_of_every_pair(opened: list[tuple[str, Range]]) -> None:
    """The sweep finds the pairs that a look at each pair finds."""
    naive = {
        frozenset((one, other))
        for one, other in combinations(opened, 2)
        if one[0] != other[0] and one[1] != other[1] and one[1][0] == other[1][0]
        if any(one[1][1] <= port <= one[1][2] for port in range(other[1][1], other[1][2] + 1))
    }
    swept = [frozenset(pair) for pair in overlaps(opened)]
    assert set(swept) == naive
    assert len(swept) == len(naive)


@settings(max_examples=60, suppress_health_check=SLOW)
@given(case=cases(count=0))
def test_every_finding_has_a_place_and_a_known_code(case: Case) -> None:
    _, found = linted(case)
    known = {rule.code: rule.severity for rule in rules()}
    for one in found:
        assert one.severity is known[one.code]
        assert one.span is not None
        assert one.span.text
        assert render(one)


@settings(max_examples=60, suppress_health_check=SLOW)
@given(case=cases(count=0))
def test_what_is_unused_or_repeated_can_go(case: Case) -> None:
    """Without what NP505 and NP507 blame, the policy means the same, and they have nothing to blame."""
    pipeline, found = linted(case)
    policy = pipeline.policy
    assert policy is not None
    files, cluster = pipeline.files, policy.cluster
    blamed = [one for one in found if one.code in (UNUSED.code, REPEATED.code)]
    while blamed:  # what used only what went is unused now
        dropped = {one.span for one in blamed if one.span is not None}
        gone = {one.message.split("`")[1] for one in blamed if one.code == UNUSED.code}
        files = tuple(replace(file, statements=without(_sets_kept(file.statements, gone), dropped)) for file in files)
        cluster = replace(
            cluster,
            networks=tuple(one for one in cluster.networks if one.name.text not in gone),
            params=tuple(one for one in cluster.params if one[0].text not in gone),
        )
        smaller, told = resolve(files, cluster, DAY)
        assert not has_errors(told)
        assert {one.id for one in smaller.statements} == {one.id for one in policy.statements}
        context = replace(pipeline._context(policy), policy=smaller, files=files)
        left = [one for one in lint_policy(context) if one.code in (UNUSED.code, REPEATED.code)]
        assert not any(one.code == REPEATED.code for one in left)
        assert {one.message for one in left}.isdisjoint(one.message for one in blamed)
        blamed = left


def _sets_kept(statements: tuple[s.Statement, ...], gone: set[str]) -> tuple[s.Statement, ...]:
    """Without `set` of a param that goes; a set is no use."""
    return tuple(one for one in statements if not (isinstance(one, s.SetParam) and one.name.text in gone))
