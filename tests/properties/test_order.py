"""Order means nothing: of statements, of nodes, of roles, of the members of a selector."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netpolicy.data import folder
from netpolicy.dsl import syntax as s
from netpolicy.dsl.build import build
from netpolicy.dsl.parse import parse
from netpolicy.pipeline import clouds
from netpolicy.source import Source
from netpolicy.verify.reachability import By, rows
from tests.compiling import compiled
from tests.strategies import Case, cases

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
TWENTY = (folder("rules") / "clusters" / "twenty.yaml").read_text(encoding="utf-8")
SEEDS = st.integers(0, 2**32 - 1)
SEED = (folder("rules") / "als" / "seed.netpol").read_text(encoding="utf-8")

Shuffle = Callable[[Sequence[Any]], list[Any]]


def outputs(
    policy: str, cluster: str, *, inline: bool = False
) -> tuple[dict[str, dict[str, str]], dict[str, str], object]:
    """The files of every class by digest, the class of every node, and of the cluster: security groups, matrix."""
    pipeline = compiled({"cluster.yaml": cluster, "policy.netpol": policy}, inline=inline)
    classes: dict[str, dict[str, str]] = {}
    class_of: dict[str, str] = {}
    for built, _ in pipeline.built():
        classes[built.digest] = built.files
        class_of |= dict.fromkeys(built.node_class.members, built.digest)
    assert pipeline.policy is not None
    files, limits = pipeline.cloud_files(clouds())
    groups = [one.text for one in files], sorted({one.message for one in limits})
    return classes, class_of, (groups, [rows(pipeline.policy, pipeline.plans, by) for by in By])


def shuffled_policy(text: str, shuffle: Shuffle) -> str:
    """The policy with its statements, what stands in a `when`, and lists of names in another order."""
    source = Source("policy.netpol", text)
    tree, broken, found = parse(source)
    file, also_found = build(tree, source, broken)
    assert not found and not also_found
    # What is no flow, block or group is moved with its line, on which several may be declared.
    begun = {one.span.start: one for one in file.statements if isinstance(one, s.Flow | s.When | s.Group)}
    lines = list(re.finditer(r"^[a-z].*\n(?:[^a-z].*\n|\n)*", text, re.MULTILINE))
    return "".join(
        shuffle([_statement(begun[one.start()], shuffle) + "\n" if one.start() in begun else one[0] for one in lines])
    )


def _statement(statement: s.Statement, shuffle: Shuffle) -> str:
    match statement:
        case s.When():
            inner = shuffle([_statement(one, shuffle) for one in statement.statements])
            header = statement.span.text[: statement.statements[0].span.start - statement.span.start]
            return header + "\n".join(inner) + "\n}"
        case s.Flow():
            return _swapped(statement, [*_lists(statement.who), *_lists(statement.whom)], shuffle)
        case s.Group():
            return _swapped(statement, [[one.span for one in statement.members]], shuffle)
        case _:
            return statement.span.text


def _lists(selector: s.Selector) -> list[list[Any]]:
    """The spans of the plain names of each `,` and `&` in it; what is in parentheses stays where it is."""
    match selector:
        case s.AnyOf(parts) | s.AllOf(parts):
            plain = [
                one.span for one in parts if isinstance(one, s.Named | s.Quoted | s.NodeNamed | s.Standard | s.Literal)
            ]
            return [plain, *(spans for one in parts for spans in _lists(one))]
        case s.Except(base, without):
            return [*_lists(base), *_lists(without)]
        case s.OnInterface(base) | s.AtAddress(base):
            return _lists(base)
        case _:
            return []


def _swapped(statement: s.Flow | s.Group, lists: list[list[Any]], shuffle: Shuffle) -> str:
    """The statement with the texts of each list's spans in another order."""
    placed = [
        (span, text) for spans in lists for span, text in zip(spans, shuffle([one.text for one in spans]), strict=True)
    ]
    written = statement.span.text
    for span, text in sorted(placed, key=lambda pair: -pair[0].start):
        start = span.start - statement.span.start
        written = written[:start] + text + written[start + len(span.text) :]
    return written


def shuffled_cluster(text: str, shuffle: Shuffle) -> str:
    """The cluster with nodes, their roles, labels and interfaces, networks and params in another order."""

    def mixed(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: mixed(value[name], name) for name in shuffle(list(value))}
        if isinstance(value, list) and key in ("roles", "labels", *networks):
            return shuffle(value)
        return value

    document = yaml.safe_load(text)
    networks = tuple(document.get("networks") or {})
    return json.dumps(mixed(document), indent=1)


def compare(policy: str, cluster: str, seed: int, *, inline: bool = False) -> None:
    """Every order gives the same bytes, class by class and node by node, and the same groups and matrix."""
    chance = Random(seed)

    def shuffle(values: Sequence[Any]) -> list[Any]:
        return chance.sample(values, len(values))

    before = outputs(policy, cluster, inline=inline)
    after = outputs(shuffled_policy(policy, shuffle), shuffled_cluster(cluster, shuffle), inline=inline)
    assert after[1] == before[1]
    assert after[0] == before[0]
    assert after[2] == before[2]


@settings(max_examples=80, suppress_health_check=SLOW)
@given(cases(count=0), SEEDS, st.booleans())
def test_order_means_nothing(case: Case, seed: int, inline: bool) -> None:
    compare(case.policy_text, case.cluster_text, seed, inline=inline)


@settings(max_examples=15, suppress_health_check=SLOW)
@given(SEEDS)
def test_order_means_nothing_in_twenty(seed: int) -> None:
    compare(SEED, TWENTY.replace("als/seed.netpol", "./policy.netpol"), seed)


def test_the_policy_is_shuffled() -> None:
    text = "role a, b, c\nallow a, b -> b, c : tcp 22\n"
    text += "when exists a {\n    allow a -> b : tcp 1\n    allow b -> c : tcp 2\n}\n"
    turned = shuffled_policy(text, lambda values: list(values)[::-1])
    inner = "allow b -> c : tcp 2\nallow a -> b : tcp 1"
    assert turned == f"when exists a {{\n    {inner}\n}}\nallow b, a -> c, b : tcp 22\nrole a, b, c\n"
    assert shuffled_cluster(TWENTY, lambda values: list(values)[::-1]).index('"nodes"') < 5
