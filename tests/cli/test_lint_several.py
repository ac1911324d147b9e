"""`netpolicy lint` where it could lose a finding, a file or a status: several clusters, fixes, hostile input."""

import json
import os
import re
from pathlib import Path

import pytest

from netpolicy.data import folder
from tests.cli.conftest import Run
from tests.cli.running import place

DAY = ("--as-of", "2026-11-27")
CLUSTER = """\
cluster: NAME
policy: ./policy.netpol
nodes:
  web: {roles: [web], address: 10.0.0.1}
  db: {roles: [db], address: 10.0.0.9}
"""
POLICY = """\
policy small "web servers before a database"
role web, db
service idle = tcp 99
allow all -> all : tcp 22
allow web -> db : tcp 22
allow world -> web : tcp 80
"""
MARK = '# netpolicy: ignore[{}] until 2027-06-30 "x"'


@pytest.fixture(autouse=True)
def small(world: Path) -> Path:
    place(world, cluster("small"), POLICY)
    return world


def cluster(name: str, **changes: str) -> str:
    text = CLUSTER.replace("NAME", name)
    for old, new in changes.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


def put(name: str, text: str) -> None:
    Path(name).write_text(text, encoding="utf-8")


def policy() -> str:
    return Path("policy.netpol").read_text(encoding="utf-8")


def codes(text: str) -> list[str]:
    return re.findall(r"^\w+\[(NP\d+)\]", text, re.MULTILINE)


# Suppressions.


def test_a_fix_hands_no_suppression_to_what_stands_below(run: Run) -> None:
    """The statement goes, and what was said of it, too."""
    risky = "allow world -> db : tcp 22\n"
    put(
        "policy.netpol",
        f"role web, db\nallow all -> all : tcp 22\n{MARK.format('NP402')}\nallow web -> db : tcp 22\n\n{risky}",
    )
    assert "NP402" in codes(run("lint", "cluster.yaml", *DAY).err)
    outcome = run("lint", "cluster.yaml", "--fix", *DAY)
    assert policy() == f"role web, db\nallow all -> all : tcp 22\n\n{risky}"
    assert "NP402" in codes(outcome.err)
    assert "suppressed" not in outcome.out


@pytest.mark.parametrize("configured", [False, True])
def test_a_suppression_that_another_cluster_needs_is_used(run: Run, configured: bool) -> None:
    """Alone it is told that nothing is there, together not."""
    put("other.yaml", cluster("other").replace("roles: [db]", "roles: [web]").replace("[web]", "[web, spare]"))
    put("policy.netpol", "role web, db, spare\nallow all -> web, db : tcp 1\n")
    if configured:
        put(
            "netpolicy.toml",
            '[[ignore]]\ncodes = ["NP505"]\nabout = "role spare"\nuntil = 2030-01-01\nreason = "x"\n',
        )
    else:
        put("policy.netpol", policy().replace("spare\n", f"spare  {MARK.format('NP505')}\n"))
    assert "NP511" in codes(run("lint", "other.yaml", *DAY).err)
    outcome = run("lint", "cluster.yaml", "other.yaml", *DAY)
    assert "NP511" not in codes(outcome.err)
    assert "1 suppressed" in outcome.out


def test_many_suppressions_cost_little(run: Run) -> None:
    """Each is asked about the findings of its code alone, and the next statement is looked up."""
    lines = "".join(f"{MARK.format('NP505')}\nservice s{number} = tcp {number + 1}\n" for number in range(300))
    put("policy.netpol", f"role web, db\nallow web -> db : tcp 1\n{lines}")
    assert "300 suppressed" in run("lint", "cluster.yaml", *DAY).out


# Fixes.


@pytest.mark.parametrize("other", ["none.yaml", "other.yaml"])
@pytest.mark.parametrize("option", ["--fix", "--diff"])
def test_nothing_goes_while_a_cluster_has_errors(run: Run, option: str, other: str) -> None:
    """Nobody knows what that one needs; a look that could not be taken is no success either."""
    put("other.yaml", cluster("other").replace("10.0.0.9", "10.0.0.900"))
    outcome = run("lint", "cluster.yaml", other, option, *DAY)
    assert policy() == POLICY
    assert f"nothing is removed while `{other}` has errors" in outcome.err
    assert "needless" not in outcome.err
    assert outcome.status == (2 if other == "none.yaml" else 1)


@pytest.mark.parametrize("link", ["file", "folder", "absolute"])
def test_a_file_with_two_names_is_one_file(run: Run, small: Path, link: str) -> None:
    """What one cluster needs stays, by whatever name another cluster reads the policy."""
    put(
        "policy.netpol",
        "role web, db, spare\nallow web -> db : tcp 1\nallow all -> all : tcp 1\nallow web -> web : tcp 2",
    )
    match link:
        case "file":
            (small / "link.netpol").symlink_to("policy.netpol")
            path = "./link.netpol"
        case "folder":
            (small / "folder").symlink_to(".")
            path = "./folder/policy.netpol"
        case _:
            path = str(small / "policy.netpol")
    put("other.yaml", cluster("other").replace("./policy.netpol", path).replace("[db]", "[db, spare]"))
    run("lint", "cluster.yaml", "other.yaml", "--fix", *DAY)
    assert policy() == "role web, db, spare\nallow all -> all : tcp 1\nallow web -> web : tcp 2"
    assert run("lint", "cluster.yaml", "other.yaml", *DAY).status == 0


def test_a_file_with_the_name_of_a_shipped_one_keeps_its_text(run: Run, small: Path) -> None:
    """The shipped file is read too; what goes, goes from the user's."""
    (small / "als").mkdir()
    put("als/seed.netpol", 'include "als/seed.netpol"\nservice never_used = tcp 9\n')
    text = (folder("rules") / "clusters" / "single.yaml").read_text(encoding="utf-8")
    put("cluster.yaml", re.sub(r"^policy: .*$", "policy: ./als/seed.netpol", text, flags=re.MULTILINE))
    outcome = run("lint", "cluster.yaml", "--fix", *DAY)
    assert Path("als/seed.netpol").read_text() == 'include "als/seed.netpol"\n'
    assert outcome.status == 0


def test_a_shipped_file_is_not_written_by_whatever_path(run: Run, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netpolicy.cli.fixing.folder", lambda _: small / "rules", raising=False)
    (small / "rules").mkdir()
    put("rules/shipped.netpol", POLICY)
    (small / "link").symlink_to("rules")
    put("cluster.yaml", cluster("small").replace("./policy", "./link/shipped"))
    run("lint", "cluster.yaml", "--fix", *DAY)
    assert Path("rules/shipped.netpol").read_text() == POLICY


def test_files_are_written_together_or_not_at_all(run: Run, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was proved was proved of all of them."""
    (small / "z").mkdir()
    put("policy.netpol", f'include "./z/more.netpol"\n{POLICY}')
    put("z/more.netpol", "service also_idle = tcp 98\n")
    before = policy()
    written = list[str]()

    def refused(name: str, text: str) -> None:
        from netpolicy.cli.folder import OutputError

        if name.startswith("z/"):
            raise OutputError("cannot write")
        written.append(text)

    monkeypatch.setattr("netpolicy.cli.fixing.write_file", refused)
    outcome = run("lint", "cluster.yaml", "--fix", *DAY)
    assert outcome.status == 2
    assert len(written) == 2
    assert written[-1] == before


def test_many_names_of_a_list_go(run: Run) -> None:
    names = ", ".join(f"n{number}" for number in range(7))
    put("policy.netpol", f"role web, {names}, db\nrole x, y, z\nallow web -> db : tcp 1\n")
    run("lint", "cluster.yaml", "--fix", *DAY)
    assert policy() == "role web, db\nallow web -> db : tcp 1\n"


# Baselines.


def test_clusters_of_one_name_share_no_baseline(run: Run) -> None:
    put("other.yaml", cluster("small").replace("[db]", "[db, web]"))
    assert run("lint", "cluster.yaml", "other.yaml", *DAY).status == 0
    outcome = run("lint", "cluster.yaml", "other.yaml", "--write-baseline", "known.json", *DAY)
    assert outcome.status == 1
    assert "`cluster.yaml` and `other.yaml` are both the cluster `small`" in outcome.err
    assert run("lint", "cluster.yaml", "cluster.yaml", "--write-baseline", "known.json", *DAY).status == 0


def test_a_lax_profile_misses_nothing_of_a_strict_baseline(run: Run) -> None:
    """What it does not ask for is neither told as gone nor dropped."""
    run("lint", "cluster.yaml", "--profile", "production", "--write-baseline", "known.json", *DAY)
    strict = Path("known.json").read_text()
    outcome = run("lint", "cluster.yaml", "--profile", "minimal", "--baseline", "known.json", *DAY)
    assert "NP530" not in codes(outcome.err)
    run("lint", "cluster.yaml", "--profile", "minimal", "--write-baseline", "known.json", *DAY)
    assert Path("known.json").read_text() == strict


def test_a_baseline_keeps_what_is_known_of_others(run: Run) -> None:
    put("other.yaml", cluster("other"))
    run("lint", "other.yaml", "--write-baseline", "known.json", *DAY)
    run("lint", "cluster.yaml", "--write-baseline", "known.json", *DAY)
    assert {one["cluster"] for one in json.loads(Path("known.json").read_text())["findings"]} == {"small", "other"}
    put("policy.netpol", f"{POLICY}allow nobody -> db : tcp 1\n")
    run("lint", "cluster.yaml", "--write-baseline", "known.json", *DAY)
    assert {one["cluster"] for one in json.loads(Path("known.json").read_text())["findings"]} == {"small", "other"}


def test_a_baseline_replaces_no_other_file(run: Run) -> None:
    outcome = run("lint", "cluster.yaml", "--write-baseline", "policy.netpol", *DAY)
    assert (outcome.status, policy()) == (2, POLICY)
    assert "`policy.netpol` is no baseline" in outcome.err


def test_what_a_new_baseline_knows_fails_no_run(run: Run) -> None:
    """The exit status is that of the report."""
    words = ("--write-baseline", "known.json", "--fail-on", "notice", "--format", "json")
    outcome = run("lint", "cluster.yaml", *words, *DAY)
    assert (json.loads(outcome.out)["result"], outcome.status) == ("fine", 0)


def test_a_hostile_baseline_is_refused(run: Run) -> None:
    put(
        "known.json",
        '{"kind": "baseline", "format_version": 1, "findings": [{"cluster": "x", "code": "y", "meaning": "\\ud800"}]}',
    )
    outcome = run("lint", "cluster.yaml", "--baseline", "known.json", "--write-baseline", "new.json", *DAY)
    assert (outcome.status, codes(outcome.err)) == (2, ["NP907"])


# Configuration, options and reports.


@pytest.mark.parametrize(
    "text",
    [
        '[[ignore]]\ncodes = ["NP505"]\nuntil = 2030-01-01T00:00:00\nreason = "x"\n',
        '[[ignore]]\ncodes = ["NP505"]\nabout = ""\nuntil = 2030-01-01\nreason = "x"\n',
        f"profile = {'[' * 20000}",
        f"profile = {'9' * 5000}",
    ],
    ids=["time", "about", "brackets", "digits"],
)
def test_a_hostile_configuration_is_refused(run: Run, text: str) -> None:
    put("netpolicy.toml", text)
    outcome = run("lint", "cluster.yaml", *DAY)
    assert (outcome.status, codes(outcome.err)) == (2, ["NP907"])


@pytest.mark.parametrize(
    ("text", "profile"),
    [
        ('[tool]\nnetpolicy.profile = "minimal"\n', "minimal"),
        ('[ tool . netpolicy ]\nprofile = "minimal"\n', "minimal"),
        ("tool = 3  # [tool.netpolicy]\n", "standard"),
        ("[project]  # [tool.netpolicy]\n", "standard"),
    ],
)
def test_a_shared_configuration_however_it_is_written(run: Run, text: str, profile: str) -> None:
    put("pyproject.toml", text)
    assert json.loads(run("lint", "cluster.yaml", "--format", "json", *DAY).out)["profile"] == profile


def test_a_shared_configuration_that_is_no_table(run: Run) -> None:
    put("pyproject.toml", "[tool]\nnetpolicy = 3\n")
    outcome = run("lint", "cluster.yaml", *DAY)
    assert (outcome.status, codes(outcome.err)) == (2, ["NP907"])


@pytest.mark.parametrize(
    "words", [("--report", "json:a"), ("-o", "a"), ("--write-baseline", "a"), ("--format", "json")]
)
def test_a_diff_makes_no_report(run: Run, words: tuple[str, str]) -> None:
    outcome = run("lint", "cluster.yaml", "--diff", *words, *DAY)
    assert (outcome.status, Path("a").exists()) == (2, False)


@pytest.mark.parametrize("name", ["json", "sarif", "junit", "github", "gitlab", "markdown", "text"])
def test_a_name_that_is_no_text(run: Run, name: str) -> None:
    """A file may have any bytes in its name."""
    strange = os.fsdecode(b"\xff.yaml")
    put(strange, cluster("small").replace("10.0.0.9", "10.0.0.900"))
    assert run("lint", strange, "--format", name, "--output", "report", *DAY).status == 1
    assert "NP2" in Path("report").read_text(encoding="utf-8")


def test_a_name_is_no_command_of_a_runner(run: Run) -> None:
    """Neither where a line begins, nor in the old form anywhere."""
    name = "::stop-commands::x##[add-path]y.yaml"
    put(name, cluster("small"))
    lines = run("lint", name, "--format", "github", *DAY).out.splitlines()
    assert all(re.match(r"::(error|warning|notice) ", line) or "::" not in line for line in lines)
    assert "##[" not in lines[-1]
