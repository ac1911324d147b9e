"""`netpolicy lint`: suppressions, baselines, profiles, configuration, and what --fix does, from the command line."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import netpolicy.lint.unused
from netpolicy.cli import main
from netpolicy.diagnostic import Diagnostic
from netpolicy.lint import Context, rules
from netpolicy.readback import of_pipeline
from netpolicy.verify.diff.compare import diff
from tests.cli.conftest import Run
from tests.cli.running import Outcome
from tests.compiling import compiled

CLUSTER = """\
cluster: small
policy: ./policy.netpol
networks: {admins: [198.51.100.0/24]}
nodes:
  web[1-2]: {roles: [web], address: "10.0.0.[1-2]"}
  db: {roles: [db, cache], address: 10.0.0.9}
"""
POLICY = """\
policy small "web servers before a database"
role web, db, spare, cache
network admins
service idle = tcp 99  # for later

allow all    -> all : tcp 22
allow web    -> db  : tcp 22   # shadowed
allow web    -> db  : tcp 3306
allow web    -> db  : tcp 3306  because "again"
allow admins -> web : tcp 22

when exists cache {
    allow web -> cache : tcp 22
}
"""
DAY = ("--as-of", "2026-11-27")


@pytest.fixture(autouse=True)
def small(world: Path) -> Path:
    (world / "cluster.yaml").write_text(CLUSTER, encoding="utf-8")
    (world / "policy.netpol").write_text(POLICY, encoding="utf-8")
    return world


def edited(old: str, new: str) -> None:
    policy = Path("policy.netpol")
    text = policy.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    policy.write_text(text.replace(old, new), encoding="utf-8")


def told(outcome: Outcome) -> list[tuple[str, str, int]]:
    """Severity, code and line of each finding."""
    heads = re.findall(r"^(\w+)\[(NP\d+)\][^\n]*\n +--> [^:\n]+:(\d+)", outcome.err, re.MULTILINE)
    return [(severity, code, int(line)) for severity, code, line in heads]


BEFORE = [
    ("warning", "NP505", 2),
    ("warning", "NP505", 4),
    ("notice", "NP509", 7),
    ("warning", "NP507", 8),
    ("notice", "NP509", 13),
]
"""The first of the repeated statements says less, so it is the one that may go."""


def test_what_the_policy_has(run: Run) -> None:
    outcome = run("lint", "cluster.yaml", *DAY)
    assert told(outcome) == BEFORE
    assert outcome.out.startswith("cluster.yaml: 3 warnings, 2 notices (2 files, ")


# Suppressions.


@pytest.mark.parametrize(
    ("old", "new", "gone"),
    [
        ("tcp 99  # for later", 'tcp 99  # netpolicy: ignore[NP505] until 2027-06-30 "later"', (4,)),
        ("service idle", '# netpolicy: ignore[NP505] until 2027-06-30 "later"\nservice idle', (4,)),
        ("tcp 99  # for later", 'tcp 99  #netpolicy:IGNORE [ np505 ] until 2026-11-27 "its \\"last\\" day"', (4,)),
        ("when exists", '# netpolicy: ignore[NP509] until 2027-06-30 "the whole block"\nwhen exists', (13,)),
        (
            "    allow web -> cache",
            '    # netpolicy: ignore[NP509, NP507] until 2027-06-30 "x"\n    allow web -> cache',
            (13,),
        ),
        ("role web", '# netpolicy: ignore[NP505] until 2027-06-30 "the list"\nrole web', (2,)),
    ],
)
def test_a_suppression_hides_what_it_stands_at(run: Run, old: str, new: str, gone: tuple[int, ...]) -> None:
    """And nothing else; lines behind a new line are one further."""
    edited(old, new)
    outcome = run("lint", "cluster.yaml", *DAY)
    added = new.count("\n")
    at = next(line for line in gone)
    left = [(level, code, line + (added if line >= at else 0)) for level, code, line in BEFORE if line not in gone]
    found = [one for one in told(outcome) if one[1] != "NP511"]
    assert found == left
    assert ", 1 suppressed (" in outcome.out


def test_an_expired_suppression_hides_nothing(run: Run) -> None:
    edited("tcp 99  # for later", 'tcp 99  # netpolicy: ignore[NP505] until 2026-11-26 "later"')
    outcome = run("lint", "cluster.yaml", *DAY)
    assert told(outcome) == BEFORE
    assert "= note: its suppression expired on 2026-11-26" in outcome.err
    assert "suppressed" not in outcome.out


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        ("# netpolicy: ignore[NP505]", "this suppression cannot be read"),
        ('# netpolicy: ignore[NP505] until 2027-06-30 ""', "this suppression has no reason"),
        ('# netpolicy: ignore[NP505] until 2027-06-31 "x"', "`2027-06-31` is no date"),
        ('# netpolicy: ignore[NP999] until 2027-06-30 "x"', "there is no code `NP999`"),
        ('# netpolicy: ignore[] until 2027-06-30 "x"', "no code is named"),
        ('# netpolicy: ignore[NP505] until 2027-06-30 "x" and more', "this suppression cannot be read"),
        ('# netpolicy: ignore[NP303] until 2027-06-30 "x"', "`NP303` cannot be ignored"),
        ("# netpolicy is a fine tool: ignore nothing", ""),
    ],
)
def test_a_suppression_that_holds_nothing_is_an_error(run: Run, comment: str, message: str) -> None:
    edited("allow all ", f"{comment}\nallow all ")
    outcome = run("lint", "cluster.yaml", *DAY)
    errors = re.findall(r"^error\[NP510\]: (.*)$", outcome.err, re.MULTILINE)
    assert (errors, outcome.status) == (([message], 1) if message else ([], 0))


def test_a_broken_promise_cannot_be_suppressed(run: Run) -> None:
    edited("allow admins", 'expect admins -> db : tcp 9  # netpolicy: ignore[NP303] until 2027-06-30 "x"\nallow admins')
    outcome = run("lint", "cluster.yaml", *DAY)
    assert {code for _, code, _ in told(outcome)} >= {"NP303", "NP510"}
    assert outcome.status == 1


def test_a_suppression_of_nothing_is_told(run: Run) -> None:
    edited("tcp 99  # for later", 'tcp 99  # netpolicy: ignore[NP505, NP509] until 2027-06-30 "later"')
    outcome = run("lint", "cluster.yaml", *DAY)
    assert [one for one in told(outcome) if one[2] == 4] == [("warning", "NP511", 4)]


def test_a_suppression_in_the_cluster_file(run: Run) -> None:
    """Above a node it covers the node; a text that only looks like one is none."""
    lone = CLUSTER.replace("[db, cache]", "[db, cache, lonely]")
    mark = '# netpolicy: ignore[NP502] until 2027-06-30 "nobody needs it"'
    Path("policy.netpol").write_text(
        "role web, db, cache, lonely\nnetwork admins\nallow web -> db : tcp 1\nallow web -> cache : tcp 2\n"
    )
    Path("cluster.yaml").write_text(lone, encoding="utf-8")
    assert "NP502" in run("lint", "cluster.yaml", *DAY).err
    Path("cluster.yaml").write_text(lone.replace("  db:", f"  {mark}\n  db:"), encoding="utf-8")
    assert "NP502" not in run("lint", "cluster.yaml", *DAY).err
    block = lone.replace(
        "  db: {roles: [db, cache, lonely], address: 10.0.0.9}",
        f"  {mark}\n  db:\n    address: 10.0.0.9\n    roles: [db, cache, lonely]",
    )
    Path("cluster.yaml").write_text(block, encoding="utf-8")
    assert "NP502" not in run("lint", "cluster.yaml", *DAY).err
    Path("cluster.yaml").write_text(lone.replace("cluster: small", "cluster: 'a # netpolicy: x'"), encoding="utf-8")
    assert "NP510" not in run("lint", "cluster.yaml", *DAY).err


def test_a_compile_knows_suppressions(run: Run) -> None:
    assert "NP507" in run("compile", "cluster.yaml", "-o", "build", *DAY).err
    edited(
        "allow web    -> db  : tcp 3306\n",
        'allow web    -> db  : tcp 3306  # netpolicy: ignore[NP507] until 2027-06-30 "x"\n',
    )
    assert "NP507" not in run("compile", "cluster.yaml", "-o", "build", *DAY).err


# Baselines.


def test_a_baseline_knows_findings_wherever_they_stand(run: Run) -> None:
    written = run("lint", "cluster.yaml", "--write-baseline", "base.json", *DAY)
    assert (told(written), written.status) == ([], 0)
    assert "5 in the baseline" in written.out
    edited("role web", "# a line\n# and another\nrole web")
    edited("allow web    -> db  : tcp 22   # shadowed\n", "")
    edited("allow admins", "allow   web ->   db : tcp 22\nallow admins")  # laid out anew, and moved
    outcome = run("lint", "cluster.yaml", "--baseline", "base.json", "--fail-on", "notice", *DAY)
    assert (told(outcome), outcome.status) == ([], 0)
    entries = json.loads(Path("base.json").read_text())["findings"]
    assert {"cluster": "small", "code": "NP509", "meaning": "web -> db : tcp 22"} in entries


def test_what_is_new_stands_out_beside_a_baseline(run: Run) -> None:
    run("lint", "cluster.yaml", "--write-baseline", "base.json", *DAY)
    edited("role web, db,", "role web, db, fresh,")
    outcome = run("lint", "cluster.yaml", "--baseline", "base.json", *DAY)
    assert told(outcome) == [("warning", "NP505", 2)]
    assert "`fresh`" in outcome.err


def test_an_entry_that_is_found_no_more_is_told(run: Run) -> None:
    run("lint", "cluster.yaml", "--write-baseline", "base.json", *DAY)
    edited("service idle = tcp 99  # for later\n", "")
    outcome = run("lint", "cluster.yaml", "--baseline", "base.json", *DAY)
    assert [code for _, code, _ in told(outcome)] == ["NP530"]
    assert "such as NP505 about `service idle`" in outcome.err
    run("lint", "cluster.yaml", "--baseline", "base.json", "--write-baseline", "base.json", *DAY)
    assert told(run("lint", "cluster.yaml", "--baseline", "base.json", *DAY)) == []


def test_a_baseline_holds_no_error(run: Run) -> None:
    """What makes a policy wrong is not written down; it stands."""
    edited("allow admins", "expect admins -> db : tcp 9\nallow admins")
    outcome = run("lint", "cluster.yaml", "--write-baseline", "base.json", *DAY)
    assert (outcome.status, [code for _, code, _ in told(outcome)]) == (1, ["NP303"])
    assert "NP303" not in Path("base.json").read_text()


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"kind": "baseline", "format_version": 1, "findings": [{"code": 1}]}']
)
def test_a_file_that_is_no_baseline(run: Run, text: str) -> None:
    Path("base.json").write_text(text)
    outcome = run("lint", "cluster.yaml", "--baseline", "base.json", *DAY)
    assert (outcome.status, outcome.out) == (2, "")
    assert "error[NP907]" in outcome.err
    assert run("lint", "cluster.yaml", "--baseline", "none.json", *DAY).status == 2


# Configuration.

CONFIG = """\
profile = "minimal"
[lint]
clusters = ["clusters/*.yaml"]
fail-on = "notice"
report = ["json:out.json"]
[[ignore]]
codes = ["NP508"]
until = 2030-01-01
reason = "known"
"""


@pytest.mark.parametrize("shared", [False, True])
def test_a_configuration_in_a_folder_above(
    run: Run, small: Path, monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    (small / "clusters").mkdir()
    (small / "cluster.yaml").rename(small / "clusters" / "a.yaml")
    (small / "policy.netpol").rename(small / "clusters" / "policy.netpol")
    of_tool = CONFIG.replace("[lint]", "[tool.netpolicy.lint]").replace("[[ignore]]", "[[tool.netpolicy.ignore]]")
    name, text = ("pyproject.toml", f"[tool.netpolicy]\n{of_tool}") if shared else ("netpolicy.toml", CONFIG)
    (small / name).write_text(text)
    below = small / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    outcome = run("lint", *DAY)
    assert outcome.out.startswith("../../clusters/a.yaml: ")
    document = json.loads((small / "out.json").read_text())
    assert (document["profile"], document["fail_on"]) == ("minimal", "notice")
    assert outcome.status == (1 if any(document["counts"].values()) else 0)
    assert json.loads(run("lint", "--profile", "standard", "--format", "json", *DAY).out)["profile"] == "standard"
    assert run("lint", "--no-config", *DAY).status == 2


@pytest.mark.parametrize(
    ("text", "message", "underlined"),
    [
        ('profil = "x"', "unknown key `profil`", "profil"),
        ('profile = "lax"', "`profile` cannot be `lax`", "profile"),
        ("lint = 3", "`lint` is no table", "lint"),
        ('[lint]\nfail_on = "error"', "unknown key `lint.fail_on`", "fail_on"),
        ('[lint]\nclusters = ["none/*.yaml"]', "no file is `none/*.yaml`", "clusters"),
        ("[lint]\nreport = 1", "`report` is no list of texts", "report"),
        ('[[ignore]]\ncodes = ["NP999"]\nuntil = 2030-01-01\nreason = "x"', "there is no code `NP999`", "codes"),
        ('[[ignore]]\ncodes = ["NP505"]\nuntil = "2030-01-01"\nreason = "x"', "has no last day", "ignore"),
        ('[[ignore]]\ncodes = ["NP505"]\nuntil = 2030-01-01', "has no reason", "ignore"),
        ("profile = ", "this is not TOML", ""),
    ],
)
def test_a_configuration_that_cannot_be_used(run: Run, text: str, message: str, underlined: str) -> None:
    Path("netpolicy.toml").write_text(text + "\n")
    outcome = run("lint", "cluster.yaml", *DAY)
    assert (outcome.status, outcome.out) == (2, "")
    assert "error[NP907]" in outcome.err
    assert message in outcome.err
    assert re.search(rf"^ *\| +\^{{{len(underlined) or 1}}}$", outcome.err, re.MULTILINE)


def test_the_configuration_ignores_by_meaning(run: Run) -> None:
    Path("netpolicy.toml").write_text(
        '[[ignore]]\ncodes = ["NP505"]\nabout = "service idle"\nuntil = 2030-01-01\nreason = "x"\n'
        '[[ignore]]\ncodes = ["NP505"]\nabout = "service other"\nuntil = 2030-01-01\nreason = "x"\n'
    )
    outcome = run("lint", "cluster.yaml", *DAY)
    left = [one for one in BEFORE if one[2] != 4]
    assert told(outcome) == sorted([*left, ("warning", "NP511", 6)], key=lambda one: (one[1] != "NP511", one[2]))


# Profiles and reports.


def test_a_strict_profile_asks_more(run: Run) -> None:
    counts = [
        sum(json.loads(run("lint", "cluster.yaml", "--profile", name, "--format", "json", *DAY).out)["counts"].values())
        for name in ("minimal", "standard", "production")
    ]
    assert counts == sorted(counts)
    assert counts[0] < counts[1]


def test_two_reports_in_one_file(run: Run) -> None:
    outcome = run("lint", "cluster.yaml", "--report", "json:a", "--report", "junit:./a", *DAY)
    assert (outcome.status, Path("a").exists()) == (2, False)
    assert "error[NP904]: two reports go to `./a`" in outcome.err


def test_a_report_that_cannot_be_written(run: Run) -> None:
    outcome = run("lint", "cluster.yaml", "--report", "json:none/a", "--report", "junit:b", *DAY)
    assert outcome.status == 2
    assert "error[NP904]" in outcome.err
    assert Path("b").exists()


@pytest.mark.parametrize("name", ["json", "sarif", "junit", "github", "gitlab", "markdown", "text"])
def test_a_report_of_a_cluster_that_cannot_be_read(run: Run, name: str) -> None:
    """Machines are told as well; the exit status says that nothing was looked at."""
    outcome = run("lint", "none.yaml", "--format", name, "--output", "report", *DAY)
    assert (outcome.status, outcome.out) == (2, "")
    assert "NP901" in Path("report").read_text()


# --fix.


def test_what_is_needless_goes(run: Run) -> None:
    shown = run("lint", "cluster.yaml", "--diff", *DAY)
    before = Path("policy.netpol").read_text()
    assert before == POLICY
    assert shown.status == 1
    removed = [line for line in shown.out.splitlines() if line.startswith("-") and not line.startswith("---")]
    assert removed == [
        "-role web, db, spare, cache",
        "-service idle = tcp 99  # for later",
        "-allow web    -> db  : tcp 22   # shadowed",
        "-allow web    -> db  : tcp 3306",
    ]
    outcome = run("lint", "cluster.yaml", "--fix", *DAY)
    assert "proved: every packet fares as before" in outcome.err
    assert told(outcome) == [("notice", "NP509", 10)]  # the only statement of a `when` cannot go
    after = Path("policy.netpol").read_text()
    assert "role web, db, cache\n" in after
    assert _same({"cluster.yaml": CLUSTER, "policy.netpol": before}, {"cluster.yaml": CLUSTER, "policy.netpol": after})
    again = run("lint", "cluster.yaml", "--fix", *DAY)
    assert Path("policy.netpol").read_text() == after
    assert "removed" not in again.err


def _same(old: dict[str, str], new: dict[str, str]) -> bool:
    sides = [of_pipeline(compiled(files))[0] for files in (old, new)]
    assert sides[0] is not None
    assert sides[1] is not None
    return not diff(sides[0], sides[1]).changes


def test_a_file_of_several_clusters_keeps_what_one_of_them_needs(run: Run) -> None:
    """In the other cluster no node is web, so the wider statement is not all that opens 22 to the database."""
    Path("other.yaml").write_text(
        CLUSTER.replace("cluster: small", "cluster: other").replace("cache]", "cache, spare]")
    )
    run("lint", "cluster.yaml", "other.yaml", "--fix", *DAY)
    assert "role web, db, spare, cache\n" in Path("policy.netpol").read_text()
    assert "shadowed" not in Path("policy.netpol").read_text()


def test_what_is_suppressed_is_not_removed(run: Run) -> None:
    edited("tcp 99  # for later", 'tcp 99  # netpolicy: ignore[NP505] until 2027-06-30 "later"')
    run("lint", "cluster.yaml", "--fix", *DAY)
    assert "service idle" in Path("policy.netpol").read_text()


def test_a_policy_with_errors_is_not_touched(run: Run) -> None:
    edited("allow admins", "allow nobody -> db : tcp 1\nallow admins")
    before = Path("policy.netpol").read_text()
    outcome = run("lint", "cluster.yaml", "--fix", *DAY)
    assert outcome.status == 1
    assert Path("policy.netpol").read_text() == before


def test_nothing_goes_that_is_not_proved(run: Run, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that is wrong about what is needless harms nobody."""
    wrong = netpolicy.lint.unused.RULE

    def check(context: Context) -> Iterator[Diagnostic]:
        for one in context.policy.statements:
            yield wrong.finding("wrong", one.span, hint="x", removable=True)

    rules.cache_clear()
    monkeypatch.setattr(netpolicy.lint.unused, "RULE", replace(wrong, of_policy=check))
    try:
        main(["lint", "cluster.yaml", "--fix", *DAY])
    finally:
        monkeypatch.undo()
        rules.cache_clear()
        monkeypatch.chdir(small)
    after = Path("policy.netpol").read_text()
    assert _same({"cluster.yaml": CLUSTER, "policy.netpol": POLICY}, {"cluster.yaml": CLUSTER, "policy.netpol": after})
    assert "allow all    -> all : tcp 22" in after
