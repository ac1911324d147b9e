"""The comment below a pull request: a branch in a repository, and what is said of it.

`GOLDEN=write` writes the texts in `comments/` anew.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from netpolicy.report.gfm import LIMIT
from netpolicy.report.rulesdiff import as_markdown
from tests.cli.conftest import Run
from tests.cli.gfm import strange, tables
from tests.cli.repository import commit, git
from tests.cli.running import CLUSTER, place
from tests.schemas import valid

HERE = Path(__file__).parent / "comments"
POLICY = """\
policy shop "web servers before a database"

role    web, db
network admins

allow admins -> web : tcp 22    owner "ops"  because "maintenance"
allow web    -> db  : tcp 3306  owner "shop" because "orders are kept there"
never outside -> db : tcp 3306  because "customer data"
never db     -> web : tcp 22
expect web   -> db  : tcp 3306
require exactly 1 db
"""
AGAINST = ("diff", "cluster.yaml", "--against", "git:main", "--format")


@pytest.fixture
def branch(world: Path) -> Path:
    """A branch of a repository, on which nothing has changed yet."""
    place(world, CLUSTER, POLICY)
    commit("shop")
    git("switch", "-qc", "change")
    return world


def change(folder: Path, *pairs: tuple[str, str], cluster: str = CLUSTER) -> None:
    """Commits the policy with each text in it replaced."""
    text = POLICY
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    place(folder, cluster, text)
    commit("change")


def is_golden(name: str, text: str) -> None:
    """The text is the one that is kept under the name, and another reader finds nothing in it that is not ours."""
    if os.environ.get("GOLDEN") == "write":
        (HERE / name).write_text(text, encoding="utf-8")
    assert text == (HERE / name).read_text(encoding="utf-8")
    assert strange(text) == []
    tables(text)


def test_a_branch_that_opens_something(branch: Path, run: Run) -> None:
    change(
        branch,
        ("\nnever outside", '\nallow world -> web : tcp 443, 8000-9000 owner "shop"\nnever outside'),
        ("tcp 3306  owner", "tcp 3306-3310  owner"),
        ("allow admins -> web : tcp 22  ", "allow admins -> web : tcp 8022"),
        ("never db     -> web : tcp 22\n", ""),
        ('"customer data"', '"customers and their cards"'),
        ("require exactly 1 db", "require at least 1 db"),
    )
    outcome = run(*AGAINST, "markdown")
    assert (outcome.status, outcome.err) == (1, "")
    is_golden("opened.md", outcome.out)


def test_a_branch_that_breaks_promises(branch: Path, run: Run) -> None:
    change(
        branch,
        ("\nnever outside", "\nallow admins -> db : tcp 1-4000\nnever outside"),
        ("expect web   -> db  : tcp 3306\n", "expect web   -> db  : tcp 3306-3307\n"),
        ("require exactly 1 db", "require at least 2 db"),
    )
    outcome = run(*AGAINST, "markdown")
    assert (outcome.status, outcome.err) == (1, "")
    is_golden("broken.md", outcome.out)


def test_a_branch_that_changes_nothing(branch: Path, run: Run) -> None:
    change(branch, ("allow admins", "# who repairs it\nallow admins"))
    outcome = run(*AGAINST, "markdown")
    assert (outcome.status, outcome.err) == (0, "")
    same = "The meaning is the same: what passed before passes now, and nothing else does."
    assert outcome.out == f"🟢 **no flow opened or closed, no node touched**\n\n{same}\n"


def test_statements_that_change_no_flow_are_told_unfolded(branch: Path, run: Run) -> None:
    change(
        branch,
        ('"maintenance"', '"repairs"'),
        ("allow web    -> db  : tcp 3306", "allow node web1, node web2 -> db : tcp 3306"),
    )
    outcome = run(*AGAINST, "markdown")
    assert outcome.status == 1
    assert outcome.out.startswith("🟢 **no flow opened or closed, 1 node touched**\n\nThe meaning is the same: ")
    told = outcome.out.partition("**Statements: 1 added, 1 removed, 1 changed**\n\n")[2].splitlines()
    assert [line.split("`")[0] for line in told] == ["- added: ", "- removed: ", "- changed: "]
    assert told[2].endswith("owner `ops`: `repairs`; before: owner `ops`: `maintenance`")


def test_nodes_that_came_have_flows_of_their_own(branch: Path, run: Run) -> None:
    change(
        branch,
        ("\nnever outside", "\nallow world -> web : tcp 23\nnever outside"),
        cluster=CLUSTER.replace("1-2", "1-3"),
    )
    text = run(*AGAINST, "markdown").out
    assert text.startswith("🔴 **1 flow opened, 0 closed, 3 nodes touched, 1 node new (")
    assert "**1 node new:** `web3 (web)`" in text
    # What everybody may do to a new node is not folded away.
    flows = text.partition("**Flows of new nodes**")[2]
    assert flows.index("| `world` → `web` | `tcp 23` | addresses → 1 node |") < flows.index("<details>")
    assert strange(text) == []


def test_a_change_of_hundreds_of_flows_stays_within_the_limit(branch: Path, run: Run) -> None:
    reason = "because it was always so, and nobody dares to close it before the migration is done; see the plan " * 2
    allows = "".join(
        f'allow 203.0.113.{one} -> node web{one % 2 + 1} : tcp {1000 + 2 * one} because "{one} {reason}"\n'
        for one in range(250)
    )
    change(branch, ("\nnever outside", f"\n{allows}never outside"))
    sides = ("policy.netpol", "--against", "git:main", "--cluster", "cluster.yaml", "--as-of", "2026-06-01")
    text = run("diff", *sides, "--format", "markdown").out
    assert len(text.encode()) <= LIMIT < 65_536
    assert text.startswith("🟡 **250 flows opened, 0 closed, 2 nodes touched** (low risk)\n")
    assert strange(text) == []
    flows, folded = tables(text)
    left = int(text.partition("Flows opened: ")[2].partition(" more are left out")[0].replace(",", ""))
    assert len(flows) - 1 == 12 and len(flows) + len(folded) - 2 + left == 250 and left > 0
    assert f"`netpolicy diff {' '.join(sides)} --format json` lists them" in text
    assert "**2 nodes touched:** 2 of 2 `web`" in text and "Statements: 250 added" in text
    assert "\n- added: `allow 203.0.113.0 -> node web1 : tcp 1000`" in text


def test_hostile_words_do_nothing(branch: Path, run: Run) -> None:
    hostile = "@everyone | #12 `x` <img src=x> https://example.org </details> [a](b) \\\\| $x$"
    (branch / "@a|b`<c>#1.netpol").write_text("policy more\nallow world -> db : tcp 23\n", encoding="utf-8")
    change(
        branch,
        ('"orders are kept there"', f'"{hostile}"'),
        ('"customer data"', f'"{hostile}"'),
        ('owner "ops"', f'owner "{hostile}"'),
        ("tcp 3306  owner", "tcp 3306-3310  owner"),
        ("\nnever outside", '\ninclude "./@a|b`<c>#1.netpol"\nnever outside'),
        ("never db     -> web : tcp 22\n", "never all -> db : tcp 23\n"),
    )
    outcome = run(*AGAINST, "markdown")
    assert outcome.status == 1
    assert strange(outcome.out) == []
    broken, removed, opened = tables(outcome.out)
    assert "@a|b`<c>#1.netpol:2" in broken[1][3] and len(removed) == 2
    assert any(hostile.replace("\\\\", "\\") in row[5] for row in opened)


# Promises, as programs and people read them.


def test_json_has_promises_and_statements(branch: Path, run: Run) -> None:
    change(
        branch,
        ("\nnever outside", "\nallow outside -> db : tcp 3306\nnever outside"),
        ("never db     -> web : tcp 22\n", "never admins -> db : tcp 3306\n"),
    )
    outcome = run(*AGAINST, "json")
    told = valid("diff", outcome.out)
    assert outcome.status == 1 and told["format_version"] == 1
    assert (told["old"], told["new"], told["absent"]) == ("git:main", "cluster.yaml", False)
    first, second = told["promises"]["broken"]
    assert (first["code"], first["verb"], first["text"]) == ("NP301", "never", "admins -> db : tcp 3306")
    assert first["witness"] == "198.51.100.0 -> db (10.0.0.9) : tcp 3306" and not first["before"]
    assert first["blamed"] == ["policy.netpol:8"] and first["place"] == "policy.netpol:10:1"
    assert second["because"] == "customer data"
    assert [one["text"] for one in told["promises"]["removed"]] == ["db -> web : tcp 22"]
    assert [one["text"] for one in told["promises"]["added"]] == ["admins -> db : tcp 3306"]
    assert [one["text"] for one in told["statements"]["added"]] == ["outside -> db : tcp 3306"]
    (opened,) = told["opened"]
    assert opened["risk"] == {"level": "high", "reasons": ["from anywhere", "data or admin ports: MySQL (3306)"]}
    assert told["nodes"]["touched_by_role"] == [{"role": "db", "touched": 1, "of": 1}]


def test_a_removed_promise_that_would_be_broken_is_the_greater_risk(branch: Path, run: Run) -> None:
    change(
        branch,
        ("never db     -> web : tcp 22\n", ""),
        ('never outside -> db : tcp 3306  because "customer data"\n', "allow outside -> db : tcp 3306\n"),
    )
    lines = run(*AGAINST, "text").out.splitlines()
    lost = "it would be broken now: 0.0.0.0 -> db (10.0.0.9) : tcp 3306 would pass"
    assert lines[0].split("   ")[0] == "removed  never db -> web : tcp 22" and "broken" not in lines[0]
    assert lines[1].startswith("removed  never outside -> db : tcp 3306   ") and lines[1].endswith(lost)
    assert lines[-1] == "1 flow opened, 0 closed; node: 1 touched; promises: 2 removed"
    rows = tables(run(*AGAINST, "markdown").out)[0]
    assert [row[0] for row in rows] == ["risk", "🔴", "🟠"]
    removed = valid("diff", run(*AGAINST, "json").out)["promises"]["removed"]
    assert [one["lost"][:7] for one in removed] == ["", "0.0.0.0"]


def test_of_other_nodes_nobody_knows_what_an_old_promise_would_be(branch: Path, run: Run) -> None:
    change(branch, ("never db     -> web : tcp 22\n", ""), cluster=CLUSTER.replace("1-2", "1-3"))
    text = run(*AGAINST, "markdown").out
    assert "| 🟠 | `never db -> web : tcp 22` | not known: the nodes changed |" in text
    assert text.startswith("🟠 ") and "1 promise removed** (medium risk)" in text


def test_a_promise_that_went_is_a_risk_of_its_own(branch: Path, run: Run) -> None:
    change(branch, ("never db     -> web : tcp 22\n", ""))
    outcome = run(*AGAINST, "markdown")
    assert outcome.status == 1
    assert outcome.out.startswith("🟠 **no flow opened or closed, no node touched, 1 promise removed** (medium risk)\n")


def test_a_promise_alone_is_a_difference(branch: Path, run: Run) -> None:
    change(branch, ("require exactly 1 db", "require exactly 1 db\nrequire exists web"))
    outcome = run(*AGAINST, "text")
    assert (outcome.status, outcome.out) == (1, "no flow is opened or closed; no node is touched\n")
    assert "- added: `require exists web`, `policy.netpol:12`" in run(*AGAINST, "markdown").out


def test_advice_is_no_promise(branch: Path, run: Run) -> None:
    change(branch, ("require exactly 1 db", "require exactly 1 db\nadvise at least 2 db"))
    outcome = run(*AGAINST, "markdown")
    assert outcome.status == 0 and outcome.out.startswith("🟢 ")
    assert "**Statements: 1 added**\n\n- added: `advise at least 2 db`, `policy.netpol:12`\n" in outcome.out
    git("switch", "-qc", "without", "main")
    back = run("diff", "cluster.yaml", "--against", "git:change", "--format", "markdown")
    assert back.status == 0 and "- removed: `advise at least 2 db`" in back.out and "romises" not in back.out


def test_what_was_broken_before_and_what_is_mended(world: Path, run: Run) -> None:
    place(world, CLUSTER, POLICY + "never web -> db : tcp 3306\nexpect admins -> web : tcp 80\n")
    commit("broken")
    again = run("diff", "cluster.yaml", "--against", "git:HEAD")
    assert again.status == 1
    assert again.out.splitlines()[0].endswith("web1 (10.0.0.1) -> db (10.0.0.9) : tcp 3306 would pass (as before)")
    place(
        world,
        CLUSTER,
        POLICY + "never web -> db : tcp 3306\nexpect admins -> web : tcp 80\nallow admins -> web : tcp 80\n",
    )
    told = valid("diff", run("diff", "cluster.yaml", "--against", "git:HEAD", "--format", "json").out)["promises"]
    assert [one["before"] for one in told["broken"]] == [True]
    assert [one["text"] for one in told["mended"]] == ["admins -> web : tcp 80"]
    text = run("diff", "cluster.yaml", "--against", "git:HEAD", "--format", "markdown").out
    assert "Statements: 1 added, 1 no longer broken" in text and "\n- kept now, broken before: `expect admins" in text
    place(world, CLUSTER, POLICY)
    told = valid("diff", run("diff", "cluster.yaml", "--against", "git:HEAD", "--format", "json").out)["promises"]
    assert told["removed"][1]["lost"] == "web1 (10.0.0.1) -> db (10.0.0.9) : tcp 3306 would pass (as before)"


def test_other_errors_still_stop(branch: Path, run: Run) -> None:
    change(branch, ("role    web, db\n", "role    web, db\nallow wbe -> db : tcp 1\n"), ("exactly 1", "exactly 2"))
    outcome = run(*AGAINST, "markdown")
    assert (outcome.status, outcome.out) == (1, "")
    assert "NP304" not in outcome.err and "NEW cannot be compared" in outcome.err


def test_a_build_knows_no_demands(branch: Path, run: Run) -> None:
    assert run("compile", "cluster.yaml", "-o", "build").status == 0
    change(branch, ("never db     -> web : tcp 22\n", ""))
    told = valid("diff", run("diff", "cluster.yaml", "--against", "build", "--format", "json").out)
    (removed,) = told["promises"]["removed"]
    assert told["promises"]["added"] == [] and told["statements"]["changed"] == []
    assert removed["text"] == "db -> web : tcp 22" and removed["lost"] is None


def test_a_comment_about_dumps_stays_within_the_limit_too() -> None:
    text = as_markdown((), {f"old {number}": "x" * 100 for number in range(1000)})
    assert LIMIT - 300 < len(text) <= LIMIT and text.startswith("**no packet is opened or closed**\n\n```text\nold 0: ")
    assert text.endswith(f"\n```\n\n{1001 - text.count('old ')} more lines are left out here.\n")
    assert as_markdown((), {"old IPv4": "x"}).endswith("old IPv4: x\nno packet is opened or closed\n```\n")


# Which sides.


def test_against_is_the_old_side(branch: Path, run: Run) -> None:
    change(branch, ("tcp 3306  owner", "tcp 3307  owner"), ("expect web   -> db  : tcp 3306\n", ""))
    for form in ("text", "markdown", "json"):
        assert run(*AGAINST, form) == run("diff", "git:main", "cluster.yaml", "--format", form)
    assert run("diff", "policy.netpol", "--against", "git:main:policy.netpol", "--cluster", "cluster.yaml").status == 1


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("cluster.yaml", "nothing is named to compare `cluster.yaml` with"),
        ("cluster.yaml cluster.yaml cluster.yaml", "3 operands, and nothing says what they are compared with"),
        ("git:main cluster.yaml --against git:HEAD", "`git:main` and `--against git:HEAD` both name an old side"),
        ("cluster.yaml more.yaml --against git:main:cluster.yaml", "is one side, and 2 clusters are to be compared"),
        ("cluster.yaml more.yaml --against cluster.yaml", "is one side, and 2 clusters are to be compared"),
        ("cluster.yaml --against git:main -o x --report json:./x", "two reports would go to `x`"),
    ],
)
def test_sides_that_are_not_two(branch: Path, run: Run, words: str, why: str) -> None:
    outcome = run("diff", *words.split())
    assert (outcome.status, outcome.out) == (2, "")
    assert "NP905" in outcome.err and why in outcome.err


def test_several_clusters_have_a_section_each(branch: Path, run: Run) -> None:
    (branch / "more.yaml").write_text(CLUSTER.replace("1-2", "1-4"), encoding="utf-8")
    (branch / "other.netpol").write_text(POLICY, encoding="utf-8")
    (branch / "other.yaml").write_text(CLUSTER.replace("policy.netpol", "other.netpol"), encoding="utf-8")
    commit("more")
    change(branch, ("\nnever outside", "\nallow web -> web : tcp 80\nnever outside"))
    every = ("diff", "cluster.yaml", "more.yaml", "other.yaml", "--against", "git:HEAD~1")
    outcome = run(*every, "--format", "markdown", "--report", "json:found.json", "--report", "text:found.txt")
    assert (outcome.status, outcome.err) == (1, "")
    lines = outcome.out.splitlines()
    assert lines[0] == "🟡 **3 clusters compared, 2 of them changed**"
    assert [line for line in lines if line.startswith("- `") and "yaml" in line] == [
        "- `cluster.yaml`: 🟡 **1 flow opened, 0 closed, 2 nodes touched** (low risk)",
        "- `more.yaml`: 🟡 **1 flow opened, 0 closed, 4 nodes touched** (low risk)",
        "- `other.yaml`: 🟢 **no flow opened or closed, no node touched**",
    ]
    assert [line for line in lines if line.startswith("#")] == ["### `cluster.yaml`", "### `more.yaml`"]
    told = valid("diff", (branch / "found.json").read_text(encoding="utf-8"))
    assert [(one["new"], len(one["opened"])) for one in told] == [
        ("cluster.yaml", 1),
        ("more.yaml", 1),
        ("other.yaml", 0),
    ]
    text = (branch / "found.txt").read_text(encoding="utf-8")
    assert "\nother.yaml against git:HEAD~1:\nno flow is opened or closed; no node is touched\n" in text
    assert run("diff", "other.yaml", "--against", "git:HEAD~1").status == 0


def test_a_cluster_that_the_revision_does_not_have_is_new(branch: Path, run: Run) -> None:
    (branch / "more.yaml").write_text(CLUSTER, encoding="utf-8")
    outcome = run("diff", "more.yaml", "--against", "git:main", "--format", "markdown")
    assert (outcome.status, outcome.err) == (1, "")
    assert "no node touched, 3 nodes new (2 flows)** (" in outcome.out
    assert "`more.yaml` is not in `git:main`: all of it is new." in outcome.out
    assert valid("diff", run("diff", "more.yaml", "--against", "git:main", "--format", "json").out)["absent"] is True
    assert run("diff", "none.yaml", "--against", "git:main").status == 2
    assert run("diff", "more.yaml", "--against", "none.yaml").status == 2
