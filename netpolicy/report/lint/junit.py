"""JUnit: a suite a cluster, a test a rule, which fails with every finding that makes the run fail."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from netpolicy.diagnostic import Diagnostic, one_line, render
from netpolicy.pages import title
from netpolicy.report.lint import Format, Lint, Looked


def as_junit(lint: Lint) -> str:
    """Findings below the bar are the output of a test that passes; a suppressed one is a test that is skipped."""
    suites = ElementTree.Element("testsuites", {"name": "netpolicy lint"})
    totals = [0, 0, 0]
    for each in lint.looked:
        counts = _suite(ElementTree.SubElement(suites, "testsuite"), each, lint)
        totals = [one + more for one, more in zip(totals, counts, strict=True)]
    _count(suites, *totals)
    ElementTree.indent(suites, " ")
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _suite(suite: ElementTree.Element, each: Looked, lint: Lint) -> tuple[int, int, int]:
    """Fills the suite of a cluster; answers its tests, failures and skipped ones."""
    found: dict[str, list[Diagnostic]] = {rule.code: [] for rule in lint.rules()} if each.whole else {}
    for one in each.findings:
        found.setdefault(one.code, []).append(one)
    failures = skipped = tests = 0
    for code, its in sorted(found.items()):
        case = _case(suite, each, f"{code} {title(code)}")
        tests += 1
        failing = [one for one in its if lint.fails(one)]
        if failing:
            failures += 1
            more = f" (and {len(failing) - 1} more)" if len(failing) > 1 else ""
            what = {"type": code, "message": f"{failing[0].message}{more}"}
            ElementTree.SubElement(case, "failure", what).text = _text(failing)
        below = [one for one in its if not lint.fails(one)]
        if below:
            ElementTree.SubElement(case, "system-out").text = _text(below)
    for one, by in each.suppressed:
        case = _case(suite, each, f"{one.code} {one.message}")
        message = f"suppressed until {by.waiver.until}: {one_line(by.waiver.reason)}"
        ElementTree.SubElement(case, "skipped", {"message": message})
        tests, skipped = tests + 1, skipped + 1
    for one in each.known:
        ElementTree.SubElement(
            _case(suite, each, f"{one.code} {one.message}"), "skipped", {"message": "in the baseline"}
        )
        tests, skipped = tests + 1, skipped + 1
    suite.set("name", one_line(each.path))
    _count(suite, tests, failures, skipped)
    return tests, failures, skipped


def _case(suite: ElementTree.Element, each: Looked, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", {"classname": one_line(each.cluster or each.path), "name": name})


def _text(found: Sequence[Diagnostic]) -> str:
    return "\n\n".join(render(one) for one in found)


def _count(element: ElementTree.Element, tests: int, failures: int, skipped: int) -> None:
    for name, value in (("tests", tests), ("failures", failures), ("errors", 0), ("skipped", skipped)):
        element.set(name, str(value))


FORMAT = Format("junit", as_junit)
