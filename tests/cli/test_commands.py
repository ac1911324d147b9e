"""What each command answers: exit status, results on stdout, everything else on stderr."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from netpolicy import __version__
from netpolicy.cli import COMMANDS, module_of
from netpolicy.pages import codes
from tests.cli.conftest import Run
from tests.cli.running import CLUSTER, POLICY, place

UNKNOWN_ROLE = POLICY.replace("allow web    -> db", "allow wbe    -> db")
WARNED = POLICY + "advise at least 2 db\n"
NOTED = POLICY + "allow web -> db : tcp 40000-41000\n"  # a range that outgoing connections use
UNUSED = POLICY + "role spare\n"
EXPIRED = POLICY.replace("web : tcp 22", "web : tcp 22 expires 2027-01-31")
BROKEN = POLICY + "never web -> db : tcp 1-4000\n"


OF_A_NODE = ("apply-rules", "check-node", "drift", "rehearse")
"""Commands that ask the kernel: their examples are tried in a namespace."""
OF_A_REPOSITORY = ("diff",)
"""Commands that ask git: their examples are tried in a repository."""

# Help and usage.


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_two_examples(name: str, run: Run) -> None:
    outcome = run(name, "--help")
    examples = outcome.out.partition("examples:\n")[2].splitlines()
    assert (outcome.status, outcome.err, len(examples)) == (0, "", 2)
    assert all(one.startswith(f"  netpolicy {name}") for one in examples)


@pytest.mark.parametrize(
    "example",
    [
        one
        for name in COMMANDS
        if name not in OF_A_NODE + OF_A_REPOSITORY
        for one in import_module(module_of(name)).EXAMPLES
    ],
)
def test_examples_work(example: str, run: Run) -> None:
    outcome = run(*shlex.split(example)[1:])
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out


def test_help_names_every_command_and_two_examples(run: Run) -> None:
    outcome = run("--help")
    listed, _, examples = outcome.out.partition("examples:\n")
    assert (outcome.status, outcome.err, len(examples.splitlines())) == (0, "", 2)
    assert all(f"\n    {name}" in listed for name in COMMANDS)


def test_version(run: Run) -> None:
    assert run("--version").out == f"netpolicy {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "lnit cluster.yaml",
        "lint",
        "lint cluster.yaml --speed",
        "lint cluster.yaml --as-of yesterday",
        "lint cluster.yaml --color red",
        "lint cluster.yaml --fail-on trouble",
        "compile cluster.yaml",
        "compile -o build",
        "compile cluster.yaml -o build --serial -1",
        "compile cluster.yaml -o build --serial ²",
        "compile cluster.yaml -o build --serial 1.5",
        "compile cluster.yaml -o build --sets none",
        "matrix cluster.yaml other.yaml",
        "matrix cluster.yaml --by cloud",
        "matrix cluster.yaml --format xml",
    ],
)
def test_wrong_usage(arguments: str, run: Run, world: Path) -> None:
    outcome = run(*arguments.split())
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("usage: netpolicy")
    assert "invalid _" not in outcome.err  # no name of ours
    assert not (world / "build").exists()


def test_a_wrong_date_or_serial_says_what_is_right(run: Run) -> None:
    assert "`2027-13-01` is no date; write YEAR-MONTH-DAY" in run("lint", "cluster.yaml", "--as-of", "2027-13-01").err
    assert "`²` is no serial number" in run("compile", "cluster.yaml", "-o", "build", "--serial", "²").err


# lint


def test_lint_says_what_it_checked(run: Run) -> None:
    outcome = run("lint", "cluster.yaml")
    counted = "2 files, 3 nodes in 2 classes, 3 flow statements, 1 demand"
    assert (outcome.status, outcome.out, outcome.err) == (0, f"cluster.yaml: no findings ({counted})\n", "")


def test_a_warning_alone_is_fine(run: Run, world: Path) -> None:
    place(world, CLUSTER, WARNED)
    outcome = run("lint", "cluster.yaml")
    assert outcome.status == 0
    assert outcome.out.startswith("cluster.yaml: 1 warning (2 files, ")
    assert outcome.err.startswith("warning[NP305]: ")


@pytest.mark.parametrize(
    ("policy", "bar", "status"),
    [
        (WARNED, "error", 0),
        (WARNED, "warning", 1),
        (WARNED, "notice", 1),
        (NOTED, "error", 0),
        (NOTED, "warning", 0),
        (NOTED, "notice", 1),
        (POLICY, "notice", 0),
        (BROKEN, "error", 1),
        (BROKEN, "notice", 1),
    ],
)
def test_fail_on_lowers_the_bar(policy: str, bar: str, status: int, run: Run, world: Path) -> None:
    place(world, CLUSTER, policy)
    outcome = run("lint", "cluster.yaml", "--fail-on", bar)
    assert outcome.status == status
    assert outcome.out.startswith("cluster.yaml: ")
    quiet = run("lint", "cluster.yaml", "--fail-on", bar, "--quiet")
    assert (quiet.status, quiet.out) == (status, "")
    assert ("[NP" in quiet.err) is (status == 1)  # what makes it fail is told


def test_findings_are_counted(run: Run, world: Path) -> None:
    place(world, CLUSTER, WARNED + NOTED.removeprefix(POLICY))
    assert run("lint", "cluster.yaml").out.startswith("cluster.yaml: 1 warning, 1 notice (2 files, ")


def test_an_error_behind_very_many_warnings_is_told(run: Run, world: Path) -> None:
    spare = "".join(f"role spare{number}\n" for number in range(250))
    place(world, CLUSTER, POLICY + spare + BROKEN.removeprefix(POLICY))
    outcome = run("lint", "cluster.yaml")
    assert outcome.status == 1
    assert outcome.err.count("[NP") == 200
    assert "error[NP301]: this `never` is broken" in outcome.err
    assert outcome.err.index("warning[NP505]") < outcome.err.index("error[NP301]")  # in order of place
    assert "… and 51 more" in outcome.err


def test_hygiene_is_told_by_lint_alone(run: Run, world: Path) -> None:
    """Notices of lint rules stand in nobody's way; warnings are told by each command."""
    for policy, told in ((NOTED, []), (WARNED, ["warning[NP305]"]), (UNUSED, ["warning[NP505]"])):
        place(world, CLUSTER, policy)
        for command in (("compile", "-o", "build"), ("matrix",)):
            outcome = run(*command, "cluster.yaml")
            assert outcome.status == 0
            assert re.findall(r"^(?:error|warning|notice)\[NP...\]", outcome.err, re.MULTILINE) == told


def test_an_error_fails(run: Run, world: Path) -> None:
    place(world, CLUSTER, UNKNOWN_ROLE)
    outcome = run("lint", "cluster.yaml")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith(
        "error[NP112]: unknown role, group, label or network `wbe`\n  --> policy.netpol:7:7\n"
    )
    assert "= hint: did you mean `web`?" in outcome.err
    assert outcome.err.endswith("cluster.yaml: 1 error\n")


def test_all_errors_are_told_at_once(run: Run, world: Path) -> None:
    place(world, CLUSTER.replace("roles: [db]", "roles: [dbb]"), UNKNOWN_ROLE.replace("tcp 22", "tcp 70000"))
    outcome = run("lint", "cluster.yaml")
    assert outcome.status == 1
    told = [line for line in outcome.err.splitlines() if line.startswith("error[")]
    assert [line[:12] for line in told] == ["error[NP112]", "error[NP113]", "error[NP112]"]
    assert "\ncluster.yaml: 3 errors" in outcome.err


def test_a_broken_promise_fails(run: Run, world: Path) -> None:
    place(world, CLUSTER, BROKEN)
    for arguments in (("lint",), ("matrix",), ("compile", "-o", "build")):
        outcome = run(*arguments, "cluster.yaml")
        assert outcome.status == 1
        assert "error[NP301]: this `never` is broken" in outcome.err
    assert not (world / "build").exists()


@pytest.mark.parametrize(
    ("clusters", "status"),
    [
        ("good", 0),
        ("good good", 0),
        ("good bad", 1),
        ("bad good", 1),
        ("good none", 2),
        ("none bad", 2),
        ("bad none good", 2),
    ],
)
def test_lint_of_several_clusters_answers_the_worst(clusters: str, status: int, run: Run, world: Path) -> None:
    (world / "good.yaml").write_text(CLUSTER, encoding="utf-8")
    (world / "bad.yaml").write_text(CLUSTER.replace("[db]", "[dbb]"), encoding="utf-8")
    names = [f"{name}.yaml" for name in clusters.split()]
    outcome = run("lint", *names)
    assert outcome.status == status
    assert outcome.out.count("good.yaml: no findings (") == names.count("good.yaml")
    assert outcome.err.count("\nbad.yaml: 1 error, ") == names.count("bad.yaml")
    assert outcome.err.count("error[NP901]: there is no file `none.yaml`") == names.count("none.yaml")


# --quiet and colours


@pytest.mark.parametrize("policy", [POLICY, WARNED])
@pytest.mark.parametrize("command", ["lint cluster.yaml", "compile cluster.yaml -o build"])
def test_quiet_says_nothing_where_nothing_is_wrong(command: str, policy: str, run: Run, world: Path) -> None:
    place(world, CLUSTER, policy)
    outcome = run(*command.split(), "--quiet")
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "")


def test_quiet_still_tells_errors_and_results(run: Run, world: Path) -> None:
    rows = run("matrix", "cluster.yaml", "--format", "csv").out
    assert run("matrix", "cluster.yaml", "--format", "csv", "-q").out == rows != ""
    place(world, CLUSTER, WARNED + BROKEN.removeprefix(POLICY))
    outcome = run("lint", "cluster.yaml", "-q")
    assert outcome.status == 1
    assert re.findall("^(?:error|warning|notice).{7}", outcome.err, re.MULTILINE) == ["error[NP301]"]


@pytest.mark.parametrize(
    ("given", "coloured"),
    [
        ("", False),  # no terminal here
        ("--color auto", False),
        ("--color always", True),
        ("--color never", False),
        ("FORCE_COLOR=1", True),
        ("FORCE_COLOR=", False),
        ("FORCE_COLOR=1 NO_COLOR=1", False),
        ("FORCE_COLOR=1 NO_COLOR=", True),
        ("NO_COLOR=1 --color always", True),
        ("FORCE_COLOR=1 --color never", False),
    ],
)
def test_colours(given: str, coloured: bool, run: Run, world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place(world, CLUSTER, UNKNOWN_ROLE)
    for variable in re.findall("([A-Z_]+)=(.?)", given):
        monkeypatch.setenv(*variable)
    outcome = run("lint", "cluster.yaml", *(word for word in given.split() if "=" not in word))
    assert ("\x1b[31;1merror[NP112]\x1b[0m" in outcome.err) is coloured
    assert ("\x1b" in outcome.err) is coloured


# explain


def test_explain_prints_pages(run: Run) -> None:
    outcome = run("explain", "NP112", "np301")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.startswith("# NP112: ")
    assert "\n\n# NP301: " in outcome.out


def test_explain_lists_every_code(run: Run) -> None:
    listed = [line.split("  ", 1) for line in run("explain").out.splitlines()]
    assert [code for code, _ in listed] == list(codes())
    assert all(title for _, title in listed)


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("NP1133", "did you mean `NP113`?"),
        ("np30l", "did you mean `NP30"),
        ("112", "did you mean `NP112`?"),
        ("NP999", "run `netpolicy explain` for all codes"),
        ("x\x1b[2J", "run `netpolicy explain` for all codes"),
    ],
)
def test_explain_of_an_unknown_code(code: str, hint: str, run: Run) -> None:
    outcome = run("explain", code, "NP301")
    assert outcome.status == 2
    assert outcome.out.startswith("# NP301: ")
    assert outcome.err.startswith("error: no code `")
    assert f"\n  = hint: {hint}" in outcome.err
    assert "\x1b" not in outcome.err


# The day.


@pytest.mark.parametrize("command", ["lint", "matrix --format csv", "compile -o build"])
def test_an_expired_allow_is_an_error_unless_it_is_left_out(command: str, run: Run, world: Path) -> None:
    place(world, CLUSTER, EXPIRED)
    name, *options = command.split()
    assert run(name, "cluster.yaml", *options, "--as-of", "2027-01-31").status == 0
    late = run(name, "cluster.yaml", *options, "--as-of", "2027-02-01")
    assert late.status == 1
    assert "2027-01-31" in late.err
    left_out = run(name, "cluster.yaml", *options, "--as-of", "2027-02-01", "--omit-expired")
    assert left_out.status == 0
    if name == "matrix":
        assert "admins" not in left_out.out
