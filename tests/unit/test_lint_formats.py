"""What lint writes for machines, as readers of others understand it."""

import json
import re
from datetime import date

import junitparser
import pytest
from markdown_it import MarkdownIt
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Sarif

from netpolicy.diagnostic import Diagnostic, Label, Severity
from netpolicy.lint import Profile
from netpolicy.pages import codes
from netpolicy.report.lint import Lint, Looked, names, of_name
from netpolicy.source import Source, Span
from netpolicy.waivers.comment import Waiver
from netpolicy.waivers.judge import Ignored, State
from tests.schemas import valid

HOSTILE = 'a`b|c <img src=x> "d" [e](javascript:f) @everyone #1 %0A::error::x & ]]> \u2028'
SOURCE = Source("some dir/p,q:%.netpol", "role a  # é\nallow a -> a : tcp 22\nallow b\n  -> b : tcp 23\n", "0" * 64)
SHIPPED = Source("als/seed.netpol", "allow a -> b : tcp 1\n", "1" * 64)
DAY = date(2026, 11, 27)


def span(text: str, source: Source = SOURCE) -> Span:
    start = source.text.index(text)
    return Span(source, start, start + len(text))


PLAIN = Diagnostic("NP505", "role `a` is not used", (Label(span("a ")),), "use it", Severity.WARNING, subject="role a")
WIDE = Diagnostic(
    "NP509",
    HOSTILE,
    (Label(span("allow b\n  -> b : tcp 23")), Label(span("allow a"), HOSTILE)),
    HOSTILE,
    Severity.NOTICE,
)
BAD = Diagnostic("NP112", "unknown role `b`", (Label(span("b\n")),), notes=("a note",))
OF_OTHERS = Diagnostic("NP506", "shipped", (Label(span("allow", SHIPPED)),), "x", Severity.NOTICE)
PLACELESS = Diagnostic("NP901", "there is no file `x`")
WAIVER = Waiver(("NP507",), date(2027, 6, 30), HOSTILE, span("role a"), span=span("role a"))
HIDDEN = Diagnostic("NP507", "hidden", (Label(span("allow a")),), "", Severity.WARNING)
OLD = Diagnostic("NP504", "old", (Label(span("allow a")),), "", Severity.NOTICE)
LOOKED = Looked(
    path="c/cluster.yaml",
    cluster="small",
    findings=(PLAIN, WIDE, BAD, OF_OTHERS, PLACELESS),
    ignored=(Ignored(WAIVER, State.USED, (HIDDEN,)), Ignored(WAIVER, State.EXPIRED, (PLAIN,))),
    known=(OLD,),
    inputs=((SOURCE.name, SOURCE.digest), (SHIPPED.name, SHIPPED.digest)),
    shipped=frozenset({SHIPPED.name}),
    checked="2 files",
)
LINT = Lint((LOOKED,), Profile.STANDARD, DAY, Severity.WARNING)
EMPTY = Lint((Looked("c.yaml", "c", ()),), Profile.STANDARD, DAY, Severity.ERROR)
BOTH = pytest.mark.parametrize("lint", [LINT, EMPTY], ids=["findings", "nothing"])


def text_of(name: str, lint: Lint = LINT) -> str:
    return of_name(name).write(lint)


def test_a_format_is_one_module() -> None:
    assert names() == ("github", "gitlab", "json", "junit", "markdown", "sarif", "text")
    assert [of_name(name).name for name in names()] == list(names())


@pytest.mark.parametrize("name", names())
@BOTH
def test_the_same_run_is_the_same_text(name: str, lint: Lint) -> None:
    text = text_of(name, lint)
    assert text == text_of(name, lint)
    assert text.endswith("\n")


# SARIF.


@BOTH
def test_sarif_is_what_the_standard_says(lint: Lint) -> None:
    """The schema of the standard, as classes that take no field that it does not know."""
    document = text_of("sarif", lint)
    (run,) = Sarif.model_validate_json(document).runs
    assert [rule.id for rule in run.tool.driver.rules or ()] == list(codes())
    for result in json.loads(document)["runs"][0]["results"]:
        assert codes()[result["ruleIndex"]] == result["ruleId"]


def test_a_class_of_the_schema_refuses_what_the_standard_does_not_know() -> None:
    tree = json.loads(text_of("sarif"))
    tree["runs"][0]["results"][0]["place"] = "x"
    with pytest.raises(ValueError, match="place"):
        Sarif.model_validate(tree)


def test_sarif_says_where_and_how_much() -> None:
    results = json.loads(text_of("sarif"))["runs"][0]["results"]
    assert [one["level"] for one in results] == ["warning", "note", "error", "note", "error", "warning", "note"]
    wide = results[1]["locations"][0]["physicalLocation"]
    assert wide["artifactLocation"] == {"uri": "some%20dir/p%2Cq%3A%25.netpol"}
    assert wide["region"] == {"startLine": 3, "startColumn": 1, "endLine": 4, "endColumn": 16}
    assert results[1]["relatedLocations"][0]["message"]["text"] == HOSTILE
    assert results[3]["locations"][0]["physicalLocation"]["artifactLocation"]["uriBaseId"] == "RULES"
    assert "region" not in results[4]["locations"][0]["physicalLocation"]


def test_sarif_marks_what_is_suppressed() -> None:
    results = json.loads(text_of("sarif"))["runs"][0]["results"]
    assert [one.get("suppressions", [{}])[0].get("kind") for one in results] == [None] * 5 + ["inSource", "external"]
    assert results[5]["suppressions"][0]["justification"] == f"{HOSTILE} (until 2027-06-30)"


def test_a_rule_that_the_profile_does_not_ask_is_declared_as_off() -> None:
    rules = json.loads(text_of("sarif", Lint((), Profile.MINIMAL, DAY, Severity.ERROR)))["runs"][0]["tool"]["driver"][
        "rules"
    ]
    enabled = {one["id"]: one["defaultConfiguration"]["enabled"] for one in rules}
    assert enabled["NP112"]
    assert not enabled["NP504"]


def test_a_fingerprint_survives_moving_a_line() -> None:
    moved = Source(SOURCE.name, f"# a line\n{SOURCE.text}")
    start = moved.text.index("a ", 10)
    there = Diagnostic("NP505", PLAIN.message, (Label(Span(moved, start, start + 2)),), subject="role a")
    marks = [
        json.loads(text_of("sarif", Lint((Looked("c", "small", (one,)),), Profile.STANDARD, DAY, Severity.ERROR)))
        for one in (PLAIN, there)
    ]
    first, second = (one["runs"][0]["results"][0]["partialFingerprints"] for one in marks)
    assert first == second


# JUnit.


@BOTH
def test_junit_counts_what_it_holds(lint: Lint) -> None:
    xml = junitparser.JUnitXml.fromstring(text_of("junit", lint).encode())
    (suite,) = list(xml)
    cases = list(suite)
    failed = [case for case in cases if case.result and isinstance(case.result[0], junitparser.Failure)]
    skipped = [case for case in cases if case.result and isinstance(case.result[0], junitparser.Skipped)]
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (len(cases), len(failed), 0, len(skipped))
    assert (xml.tests, xml.failures) == (suite.tests, suite.failures)
    assert len({case.name for case in cases}) == len(cases)


def test_junit_fails_what_fails_the_run() -> None:
    (suite,) = list(junitparser.JUnitXml.fromstring(text_of("junit").encode()))
    failed = {case.name[:5]: case.result[0] for case in suite if case.result}
    kinds = {name: type(result).__name__ for name, result in failed.items()}
    assert kinds == {"NP505": "Failure", "NP112": "Failure", "NP901": "Failure", "NP507": "Skipped", "NP504": "Skipped"}
    assert "until 2027-06-30" in failed["NP507"].message
    passed = next(case for case in suite if case.name.startswith("NP509"))
    assert HOSTILE[:20] in (passed.system_out or "")


# JSON.


@BOTH
def test_json_is_what_its_schema_says(lint: Lint) -> None:
    assert valid("lint", text_of("json", lint))["kind"] == "lint"


def test_json_counts_what_stands() -> None:
    tree = json.loads(text_of("json"))
    assert tree["counts"] == {"error": 2, "warning": 1, "notice": 2}
    assert tree["result"] == "findings"
    assert json.loads(text_of("json", EMPTY))["result"] == "fine"
    assert [one["state"] for one in tree["clusters"][0]["suppressions"]] == ["used", "expired"]


# What services read.


def test_github_commands_hold_no_foreign_command() -> None:
    lines = text_of("github").split("\n")[:-1]
    assert len(lines) == 6
    heads = [re.match(r"::(error|warning|notice) ([^:]*)::", line) for line in lines[:5]]
    assert all(heads)
    assert lines[0] == (
        "::warning file=some dir/p%2Cq%3A%25.netpol,line=1,endLine=1,col=6,endColumn=8,title=NP505 warning::"
        "role `a` is not used%0Ause it"
    )
    assert "col=" not in lines[1]  # of several lines GitHub takes no column
    assert "%250A::error::x" in lines[1]
    assert lines[3].startswith("::notice file=c/cluster.yaml,title=NP506 notice::shipped%0A")


def test_gitlab_takes_every_finding_once() -> None:
    listed = json.loads(text_of("gitlab", Lint((LOOKED, LOOKED), Profile.STANDARD, DAY, Severity.ERROR)))
    assert len(listed) == 5
    assert len({one["fingerprint"] for one in listed}) == 5
    for one in listed:
        assert one["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert one["location"]["lines"]["begin"] >= 1
        assert {"description", "check_name", "fingerprint", "location"} <= set(one)


def test_markdown_is_a_table_whatever_it_quotes() -> None:
    """Read by a parser of others: five cells a row, and no markup of the input."""
    text = text_of("markdown")
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    rows = [index for index, one in enumerate(tokens) if one.type == "tr_open"]
    for start in rows:
        end = next(at for at in range(start, len(tokens)) if tokens[at].type == "tr_close")
        assert sum(one.type in ("td_open", "th_open") for one in tokens[start:end]) == 5
    inner = [child for one in tokens for child in one.children or ()]
    assert {child.type for child in inner} <= {"text", "text_special", "strong_open", "strong_close"}
    html = [one.content for one in tokens if one.type == "html_block"]
    assert all(re.fullmatch(r"</?details>.*\n?", one) for one in html)
    assert "@everyone" not in text
