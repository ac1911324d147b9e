"""What nodes told, sorted out: every file counts once or is named, and no counter is taken for another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from netpolicy.report.audit.model import Report
from netpolicy.report.audit.nodes import Live, Sum, judged
from tests.audits import line, report

HEAD = {"tool": {"name": "netpolicy"}, "format_version": 1}
CLASS_OF = {"db": "d" * 64, "web1": "a" * 64, "web2": "a" * 64}


def live(*reports: Report) -> Live:
    found = judged(reports, "small", CLASS_OF)
    value = found.value()
    assert value["asked"] == value["answered"] + len(value["not_reached"])
    assert value["answered"] == value["as_they_must_be"] + value["drifted"] + value["another_build"]
    assert len(reports) == len(found.reports) + len(found.strangers) + len(found.unreadable)
    return found


def changed(one: Report, **more: Any) -> Report:
    return replace(one, tree={**one.tree, **more})


def test_nodes_are_as_they_must_be_or_drifted_or_hold_another_build() -> None:
    found = live(report("db", "d" * 64), report("web1", "b" * 64), report("web2", "a" * 64, drifted=True))
    assert [(one["node"], one["state"]) for one in found.reports] == [
        ("db", "as it must be"),
        ("web1", "another build"),
        ("web2", "drifted"),
    ]
    assert not found.is_as_it_must_be
    assert live(report("db", "d" * 64)).is_as_it_must_be


def test_who_gave_no_report_is_named() -> None:
    assert live(report("web1", "a" * 64)).not_reached == ("db", "web2")
    assert live().not_reached == ("db", "web1", "web2")


def test_reports_of_others_do_not_count() -> None:
    found = live(report("db", "d" * 64, cluster="other"), report("mail", "d" * 64))
    assert found.reports == () and len(found.not_reached) == 3
    assert [(one["node"], one["why"]) for one in found.strangers] == [
        ("db", "of cluster `other`"),
        ("mail", "the cluster has no such node"),
    ]


def test_of_two_reports_of_a_node_neither_counts() -> None:
    """One of them is older, and nobody knows which: that it drifted could hide behind the other."""
    old = replace(report("db", "d" * 64, drifted=True), file="old.json")
    found = live(old, report("db", "d" * 64))
    assert "db" in found.not_reached
    assert [file for file, _ in found.unreadable] == ["db.json", "old.json"]


@pytest.mark.parametrize(
    ("tree", "why"),
    [
        ([], "not what `netpolicy drift --format json` prints"),
        ({"in_force": True}, "not what `netpolicy drift --format json` prints"),
        ({**HEAD, "format_version": 2}, "its format is version 2, and 1 is read"),
        (
            {
                "tool": {"name": "netpolicy"},
                "format_version": 1,
                "result": "unusable",
                "findings": [{"message": "no root"}],
            },
            "the node could not look: no root",
        ),
    ],
)
def test_what_is_no_report_is_named(tree: Any, why: str) -> None:
    assert live(Report("x.json", tree)).unreadable == (("x.json", why),)


@pytest.mark.parametrize("key", ["cluster", "node", "class", "in_force", "findings", "generation", "backend", "hits"])
def test_a_report_with_a_field_of_another_kind_is_no_report(key: str) -> None:
    for value in (7, [7], {"lines": [7]}, {"v4": 7}):
        (unreadable,) = live(changed(report("db", "d" * 64), **{key: value})).unreadable
        assert f"`{key}` is missing or of another kind" in unreadable[1]
    one = report("db", "d" * 64)
    lacking = {name: each for name, each in one.tree.items() if name != key}
    assert live(replace(one, tree=lacking)).unreadable


def test_hits_are_summed_by_statement_over_nodes() -> None:
    sums = live(
        report("web1", "a" * 64, hits=[line(3, "11111111"), line(4, "11111111"), line(0, "22222222")]),
        report("web2", "a" * 64, hits=[line(5, "11111111"), line(2, "22222222", "33333333"), line(9, "baseline")]),
        report("db", "d" * 64),
    ).sums
    assert sums["11111111"] == Sum(12, 720, 2, shared=False)
    assert sums["22222222"] == Sum(2, 120, 2, shared=True)
    assert sums["33333333"] == Sum(2, 120, 1, shared=True)
    assert "44444444" not in sums
    assert live(report("web1", "a" * 64, hits=[line(0, "22222222")])).sums == {"22222222": Sum(0, 0, 1)}


def test_very_many_findings_of_a_node_are_counted() -> None:
    one = report("db", "d" * 64, drifted=True)
    (told,) = live(changed(one, findings=one.tree["findings"] * 33)).reports
    assert (len(told["findings"]), told["more_findings"]) == (20, 13)


FINDING = {"code": "NP801", "severity": "error", "message": "rule 6 is missing"}


@pytest.mark.parametrize(
    "more",
    [
        {"findings": [FINDING | {"hint": {"a": 1}}], "in_force": False},
        {"findings": [FINDING | {"consequence": ["opens"]}], "in_force": False},
        {"findings": [FINDING | {"message": 7}], "in_force": False},
        {"findings": [FINDING | {"family": "4"}], "in_force": False},
        {"generation": {"v4": {"wanted": "01234567"}}},
        {"generation": {"v4": {"wanted": "01234567", "in_force": [1]}}},
        {"no_hits": {"why": 1}},
        {"hits": {"lines": [line(-1, "aa")]}},
    ],
    ids=str,
)
def test_a_value_of_another_kind_makes_a_report_unreadable(more: dict[str, Any]) -> None:
    """Every text of it is shown: what is no text would end the whole audit."""
    found = live(changed(report("db", "d" * 64), **more))
    assert [file for file, _ in found.unreadable] == ["db.json"]
    assert "db" in found.not_reached


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"findings": [FINDING]}, "a finding is an error"),
        ({"generation": {"v6": {"wanted": "01234567", "in_force": "76543210"}}}, "another generation is"),
        ({"generation": {"v6": {"wanted": "01234567", "in_force": None}}}, "another generation is"),
    ],
    ids=str,
)
def test_a_report_that_contradicts_itself_proves_nothing(more: dict[str, Any], why: str) -> None:
    found = live(changed(report("db", "d" * 64), **more))
    assert found.unreadable == (("db.json", f"it contradicts itself: all is in force, and {why}"),)
    assert found.having("as it must be") == 0 and "db" in found.not_reached


def test_a_statement_that_a_line_names_twice_is_counted_once() -> None:
    found = live(report("db", "d" * 64, hits=[line(5, "aa", "aa")]))
    assert found.sums["aa"].packets == 5


def test_no_sign_of_a_node_turns_a_page_around() -> None:
    """A right-to-left override would show another message than the one that is told."""
    turned = FINDING | {"message": "a\u202eb\u2028", "hint": "\u2066c", "name": "d\n"}
    drifted = changed(report("db", "d" * 64, drifted=True), findings=[turned], backend="nft\u202e")
    strange = replace(report("mail\u202e" + "m" * 9000, "d" * 64), file="x\u202e.json")
    value = live(drifted, strange, replace(report("web1", "a" * 64, cluster="\u202e"), file="y.json")).value()
    assert {key: value["reports"][0]["findings"][0][key] for key in ("message", "hint", "name")} == {
        "message": "a\ufffdb\ufffd",
        "hint": "\ufffdc",
        "name": "d\ufffd",
    }
    assert "\u202e" not in repr(value) and "\\u202e" not in repr(value)
    assert all(len(one["node"]) < 2000 for one in value["strangers"])
