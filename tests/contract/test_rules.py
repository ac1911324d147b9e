"""Every lint rule, through the registry: what its page shows is what it finds, and a rule is one file."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import netpolicy.lint
import netpolicy.pages
from netpolicy.diagnostic import Diagnostic, Severity, render
from netpolicy.lint import LintRule, Profile, rules
from netpolicy.pages import codes, page, title
from netpolicy.registry import modules
from tests.contract.test_pages import blocks, fitting_cluster, told
from tests.errors.diagnose import CLUSTER, POLICY, linted

EVERY_RULE = pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.code)
LATE = """\
from netpolicy.diagnostic import Severity
from netpolicy.lint import LintRule


def check(context):
    yield RULE.finding(f"{len(context.cluster.nodes)} nodes", context.cluster.policy_span)


RULE = LintRule("NP599", Severity.NOTICE, "# NP599: late\\n", of_policy=check)
"""


def bad(rule: LintRule) -> list[Diagnostic]:
    """What the rule finds in its bad example."""
    return [one for one in told(rule.code, "bad") if one.code == rule.code]


def test_every_module_is_a_rule_and_every_code_is_one_rule() -> None:
    """No module beside the rules, and no two rules of one code."""
    found = [module.RULE for module in modules("netpolicy.lint")]
    assert all(isinstance(rule, LintRule) for rule in found)
    assert [rule.code for rule in rules()] == sorted({rule.code for rule in found})
    assert len(found) == len(rules()) >= 10


@EVERY_RULE
def test_a_rule_judges_a_cluster_or_a_policy(rule: LintRule) -> None:
    assert rule.of_cluster is not None or rule.of_policy is not None
    assert page(rule.code) == rule.page
    assert rule.page.startswith(f"# {rule.code}: ")


@EVERY_RULE
def test_its_findings_weigh_what_it_says_and_have_a_place(rule: LintRule) -> None:
    """Each has the severity of the rule, a place in a file of the example, and says what to do."""
    assert bad(rule)
    for one in bad(rule):
        assert one.severity is rule.level(rule.profile)
        assert one.span is not None
        assert one.span.source.name in (CLUSTER, POLICY)
        assert one.span.text.strip()
        assert one.hint
        assert render(one)


@EVERY_RULE
def test_its_findings_are_known_by_their_meaning(rule: LintRule) -> None:
    """`about` is there, is one line without the marks of a message, and the same when lines are added before it."""
    for one in bad(rule):
        assert one.subject.isprintable()
        assert one.subject
        assert "`" not in one.subject
    moved = told(rule.code, "bad", before="\n\n# moved\n")
    assert [one.subject for one in moved] == [one.subject for one in told(rule.code, "bad")]


@EVERY_RULE
def test_a_profile_asks_no_less_than_a_laxer_one(rule: LintRule) -> None:
    """What weighs in a lax profile weighs as much in a stricter one; and every rule is asked in the strictest."""
    levels = [rule.level(profile) for profile in Profile]
    ranks = [3 if level is None else level.rank for level in levels]
    assert ranks == sorted(ranks, reverse=True)
    assert levels[-1] is not None


@EVERY_RULE
def test_a_laxer_profile_finds_nothing(rule: LintRule) -> None:
    policy = blocks(rule.code, "bad").get("netpol", "")
    cluster = blocks(rule.code, "bad").get("yaml") or fitting_cluster(policy)
    for profile in Profile:
        told_in = {one.code for one in linted({CLUSTER: cluster, POLICY: policy}, profile=profile)}
        assert (rule.code in told_in) is (rule.level(profile) is not None)


@EVERY_RULE
def test_it_is_the_only_one_that_finds_something_in_its_example(rule: LintRule) -> None:
    assert {one.code for one in told(rule.code, "bad")} == {rule.code}


@EVERY_RULE
def test_its_messages_are_written_in_the_style_of_all(rule: LintRule) -> None:
    """One lower-case line without a full stop, input in backticks."""
    for one in bad(rule):
        for text in (one.message, one.hint):
            assert text.isprintable()
            assert not text.endswith(".")
            assert text.count("`") % 2 == 0
        assert one.message[0] == "`" or one.message[0].islower()
        assert len(one.message) <= 120


@EVERY_RULE
def test_nothing_that_compiles_wider_is_more_than_hygiene(rule: LintRule) -> None:
    """Families of codes: NP2xx about the cluster alone, NP5xx about hygiene, which is never an error."""
    if rule.code.startswith("NP2"):
        assert rule.of_policy is None
    if rule.code.startswith("NP5"):
        assert rule.severity is not Severity.ERROR


@pytest.fixture
def late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A rule that is one new file, and the code of it."""
    (tmp_path / "late.py").write_text(LATE, encoding="utf-8")
    monkeypatch.setattr(netpolicy.lint, "__path__", [*netpolicy.lint.__path__, str(tmp_path)])
    caches = (netpolicy.lint.rules, netpolicy.pages.codes, netpolicy.pages._of_rules)
    for one in caches:
        one.cache_clear()
    yield "NP599"
    monkeypatch.undo()
    for one in caches:
        one.cache_clear()


def test_a_new_rule_is_one_new_file(late: str) -> None:
    """It is asked, and `explain` knows it, with nothing changed elsewhere."""
    found = linted({CLUSTER: "policy: ./policy.netpol\nnodes: {a: {address: 10.0.0.1}}\n", POLICY: "policy p\n"})
    assert [(one.code, one.message) for one in found] == [(late, "1 nodes")]
    assert late in codes()
    assert title(late) == "late"


@EVERY_RULE
def test_cluster_rules_are_asked_when_the_policy_is_broken(rule: LintRule) -> None:
    """A rule that needs the cluster alone speaks beside errors of the policy; the others wait."""
    example = blocks(rule.code, "bad")
    files = {CLUSTER: example.get("yaml", "policy: ./policy.netpol\nnodes: {a: {address: 10.0.0.1}}\n")}
    policy = example.get("netpol", "") + "allow nobody -> all : tcp 22\n"
    found = {one.code for one in linted({**files, POLICY: policy})}
    assert "NP112" in found
    assert (rule.code in found) is (rule.of_cluster is not None)


def test_no_rule_is_asked_about_a_broken_cluster() -> None:
    """A node that could not be read may be the one that a rule looks for."""
    cluster = blocks("NP216", "bad")["yaml"] + "  router2: {adress: 10.0.0.9}\n"
    assert {one.code for one in linted({CLUSTER: cluster, POLICY: ""})} == {"NP208"}
    assert re.search(r"router2: ", cluster)
