"""`netpolicy fmt`: what it writes, what it answers, and what it leaves alone."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from netpolicy.cli import fmt
from netpolicy.dsl import format as layout
from netpolicy.source import Source
from tests.cli.conftest import Run
from tests.cli.running import contents

Typed = Callable[[bytes], None]
UGLY = 'role a,b # two\nallow a->b:tcp 22,80 because"ssh"\nallow a, b -> a : tcp 1\n'
NICE = 'role a, b  # two\nallow a    -> b : tcp 22, 80  because "ssh"\nallow a, b -> a : tcp 1\n'
WRONG = "role a\nallow a -> a : tpc 22 {\n"
UNKNOWN = "allow nobody->everyone:tcp 22\n"


def write(path: str, text: str | bytes) -> Path:
    """The file with that text; folders above it are made."""
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_a_file_is_rewritten_in_place(run: Run, world: Path) -> None:
    ugly, nice = write("ugly.netpol", UGLY), write("nice.netpol", NICE)
    before = nice.stat()
    outcome = run("fmt", "ugly.netpol", "nice.netpol")
    assert (outcome.status, outcome.out, outcome.err) == (0, "formatted 1 of 2 files\n", "")
    assert ugly.read_text(encoding="utf-8") == NICE
    assert (nice.stat().st_ino, nice.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)  # not even touched
    assert sorted(one.name for one in world.iterdir()) == [
        "cluster.yaml",
        "nice.netpol",
        "policy.netpol",
        "ugly.netpol",
    ]


def test_names_need_not_be_known(run: Run, world: Path) -> None:
    file = write("part.netpol", UNKNOWN)
    assert run("fmt", "part.netpol").status == 0
    assert file.read_text(encoding="utf-8") == "allow nobody -> everyone : tcp 22\n"


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o755])
def test_the_mode_of_a_file_stays(mode: int, run: Run, world: Path) -> None:
    file = write("ugly.netpol", UGLY)
    file.chmod(mode)
    assert run("fmt", "ugly.netpol").status == 0
    assert file.stat().st_mode & 0o7777 == mode


def test_a_link_stays_a_link(run: Run, world: Path) -> None:
    file = write("real/ugly.netpol", UGLY)
    Path("link.netpol").symlink_to("real/ugly.netpol")
    assert run("fmt", "link.netpol").status == 0
    assert Path("link.netpol").is_symlink()
    assert file.read_text(encoding="utf-8") == NICE


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (UGLY.replace("\n", "\r\n").encode(), NICE),
        (b"\xef\xbb\xbf" + UGLY.encode(), NICE),
        (b"\xef\xbb\xbf" + NICE.encode(), NICE),
        (UGLY.rstrip("\n").encode(), NICE),
        (UGLY.replace(" ", "\t").encode(), NICE.replace("# two", "#\ttwo")),
        (b"", ""),
        (b"\n \t\r\n", ""),
        (b"\n\n#so  \r\n\n\n\n  #  and so", "#so\n\n#  and so\n"),
    ],
)
def test_ends_of_lines_and_of_files(before: bytes, after: str, run: Run, world: Path) -> None:
    file = write("x.netpol", before)
    changes = before != after.encode()
    assert run("fmt", "--check", "x.netpol").status == changes
    outcome = run("fmt", "x.netpol")
    assert (outcome.status, outcome.out) == (0, f"formatted {int(changes)} of 1 file\n")
    assert file.read_bytes() == after.encode()


# Errors.


def test_a_file_with_errors_is_left_alone_and_the_others_are_not(run: Run, world: Path) -> None:
    ugly, wrong = write("ugly.netpol", UGLY), write("wrong.netpol", WRONG)
    outcome = run("fmt", "wrong.netpol", "ugly.netpol")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith("error[NP1")
    assert " --> wrong.netpol:2:16\n" in outcome.err
    assert outcome.err.endswith("formatted 1 of 2 files; 1 file left out\n")
    assert wrong.read_text(encoding="utf-8") == WRONG
    assert ugly.read_text(encoding="utf-8") == NICE


@pytest.mark.parametrize("text", ["role a\nallow a->a:tcp 70000\n", "allow a->10.0.0.1/8:any\n", "when a { role b }\n"])
def test_a_wrong_word_keeps_a_file_as_it_is(text: str, run: Run, world: Path) -> None:
    file = write("wrong.netpol", text)
    for options in ((), ("--check",), ("--diff",)):
        outcome = run("fmt", "wrong.netpol", *options)
        assert (outcome.status, outcome.out) == (1, "")
        assert "error[NP1" in outcome.err
    assert file.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("none.netpol", "error[NP901]: there is no file `none.netpol`"),
        ("cluster.yaml", "error[NP901]: `cluster.yaml` is no policy\n   = hint: name a file that ends in `.netpol`"),
        ("empty", "error[NP901]: there is no policy below `empty`"),
        ("binary.netpol", "error[NP902]: `binary.netpol` is not a text file"),
        ("latin.netpol", "error[NP902]: `latin.netpol` is not a text file"),
    ],
)
def test_what_cannot_be_read(path: str, told: str, run: Run, world: Path) -> None:
    Path("empty").mkdir()
    write("binary.netpol", bytes(range(256)))
    write("latin.netpol", "# größer\n".encode("latin-1"))
    before, ugly = contents(world), write("ugly.netpol", UGLY)
    outcome = run("fmt", path, "ugly.netpol")
    assert (outcome.status, outcome.out) == (2, "")
    assert told in outcome.err
    assert outcome.err.endswith("formatted 1 of 2 files; 1 file left out\n")
    assert ugly.read_text(encoding="utf-8") == NICE
    ugly.unlink()
    assert contents(world) == before


def test_a_file_that_cannot_be_written(run: Run, world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied", str(target))

    file = write("ugly.netpol", UGLY)
    before = contents(world)
    monkeypatch.setattr(Path, "replace", refusing)
    outcome = run("fmt", "ugly.netpol")
    assert (outcome.status, outcome.out) == (2, "")
    assert (
        f"error[NP904]: cannot write `{file.name}` in `{world}`: permission denied; nothing was written" in outcome.err
    )
    assert outcome.err.endswith("formatted 0 of 1 file\n")
    assert contents(world) == before


@pytest.mark.parametrize(("old", "new"), [("tcp 22", "tcp 23"), ("# two", "# too")])
def test_a_layout_that_says_something_else_is_never_written(
    old: str, new: str, run: Run, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(source: Source) -> object:
        made, found = right(source)
        assert made is not None
        return layout.Formatted(made.text.replace(old, new), made.file, made.comments), found

    right = layout.format
    write("first.netpol", UGLY)
    write("second.netpol", UGLY)
    before = contents(world)
    monkeypatch.setattr(layout, "format", broken)
    outcome = run("fmt", "first.netpol", "second.netpol")
    assert (outcome.status, outcome.out) == (2, "")
    assert f"internal error ({fmt.LayoutError.__name__}: the layout of `first.netpol` would change" in outcome.err
    assert contents(world) == before


# --check and --diff.


def test_check_lists_what_would_change(run: Run, world: Path) -> None:
    write("b/ugly.netpol", UGLY)
    write("a/ugly.netpol", UGLY)
    write("nice.netpol", NICE)
    before = contents(world)
    outcome = run("fmt", "--check", "b", "a", "nice.netpol")
    assert (outcome.status, outcome.out, outcome.err) == (
        1,
        "b/ugly.netpol\na/ugly.netpol\n",
        "2 of 3 files would change\n",
    )
    assert contents(world) == before
    outcome = run("fmt", "--check", "nice.netpol")
    assert (outcome.status, outcome.out, outcome.err) == (0, "0 of 1 file would change\n", "")


DIFF = """\
--- ugly.netpol
+++ ugly.netpol
@@ -1,3 +1,3 @@
-role a,b # two
-allow a->b:tcp 22,80 because"ssh"
+role a, b  # two
+allow a    -> b : tcp 22, 80  because "ssh"
 allow a, b -> a : tcp 1
"""


def test_diff_shows_what_would_change(run: Run, world: Path) -> None:
    write("ugly.netpol", UGLY)
    before = contents(world)
    outcome = run("fmt", "--diff", "ugly.netpol")
    assert (outcome.status, outcome.out, outcome.err) == (1, DIFF, "1 of 1 file would change\n")
    assert contents(world) == before
    write("ugly.netpol", NICE)
    outcome = run("fmt", "--diff", "ugly.netpol")
    assert (outcome.status, outcome.out, outcome.err) == (0, "0 of 1 file would change\n", "")


@pytest.mark.parametrize("text", [UGLY, UGLY.rstrip("\n"), "\ufeff" + NICE, NICE.replace("\n", "\r\n"), "\n\n"])
def test_a_diff_is_a_patch(text: str, run: Run, world: Path) -> None:
    """The lines that it takes away and leaves are the file, those that it adds and leaves are the layout."""
    write("x.netpol", text)
    told = run("fmt", "--diff", "x.netpol").out
    hunks = told.split("\n", 2)[2].replace("\n\\ No newline at end of file", "\n\\")
    sides = {"-": "", "+": ""}
    for line in hunks.split("\n")[:-1]:
        for side, text_of_it in sides.items():
            if line[:1] in (" ", side):
                sides[side] = text_of_it + line[1:] + "\n"
            elif line == "\\" and side == "-":
                sides[side] = text_of_it.removesuffix("\n")
    assert run("fmt", "x.netpol").status == 0
    assert sides == {"-": text, "+": Path("x.netpol").read_text(encoding="utf-8")}


def test_a_diff_in_colours_holds_nothing_that_a_terminal_obeys(run: Run, world: Path) -> None:
    write("x.netpol", "role a,b # \x1b[2J\n")
    outcome = run("fmt", "--diff", "x.netpol", "--color", "always")
    assert "\x1b[31m-role a,b # \ufffd[2J\x1b[0m\n\x1b[32m+role a, b  # \ufffd[2J\x1b[0m\n" in outcome.out
    assert "\x1b" not in run("fmt", "--diff", "x.netpol", "--color", "auto").out.replace("# \x1b[2J", "")


def test_check_and_diff_exclude_each_other(run: Run, world: Path) -> None:
    outcome = run("fmt", "--check", "--diff", "policy.netpol")
    assert (outcome.status, outcome.out) == (2, "")
    assert "not allowed with" in outcome.err


@pytest.mark.parametrize("options", [(), ("--check",), ("--diff",)])
def test_quiet_says_only_what_is_wrong(options: tuple[str, ...], run: Run, world: Path) -> None:
    write("x.netpol", NICE)
    outcome = run("fmt", "--quiet", "x.netpol", *options)
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "")


# Folders.


def test_a_folder_stands_for_the_policies_below_it(run: Run, world: Path) -> None:
    for path in ("in/a.netpol", "in/deep/er/b.netpol", "in/.hidden/c.netpol", "in/d.txt", "out.netpol"):
        write(path, UGLY)
    outcome = run("fmt", "in", "in/a.netpol")
    assert (outcome.status, outcome.out, outcome.err) == (0, "formatted 2 of 2 files\n", "")
    changed = {path for path, text in contents(world).items() if text == NICE.encode()}
    assert changed == {"in/a.netpol", "in/deep/er/b.netpol"}


# Standard input.


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Puts bytes on standard input."""

    def put(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return put


def test_standard_input_goes_to_standard_output(run: Run, world: Path, typed: Typed) -> None:
    typed(b"\xef\xbb\xbf" + UGLY.encode() + "# ü\r\n".encode())
    before = contents(world)
    outcome = run("fmt", "-")
    assert (outcome.status, outcome.out, outcome.err) == (0, NICE + "# ü\n", "")
    assert contents(world) == before


def test_standard_input_with_an_error_gives_nothing(run: Run, world: Path, typed: Typed) -> None:
    typed(WRONG.encode())
    outcome = run("fmt", "-")
    assert (outcome.status, outcome.out) == (1, "")
    assert " --> <stdin>:2:16\n" in outcome.err
    typed(b"\xff")
    outcome = run("fmt", "-")
    assert (outcome.status, outcome.out) == (2, "")
    assert "error[NP902]: `<stdin>` is not a text file" in outcome.err


def test_standard_input_can_be_checked(run: Run, world: Path, typed: Typed) -> None:
    typed(UGLY.encode())
    assert (run("fmt", "-", "--check").status, run("fmt", "-", "--check").out) == (1, "0 of 1 file would change\n")
    typed(UGLY.encode())
    assert run("fmt", "--diff", "-").out == DIFF.replace("ugly.netpol", "<stdin>")


def test_standard_input_stands_alone(run: Run, world: Path) -> None:
    outcome = run("fmt", "-", "policy.netpol")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("error: `-` stands alone\n")


def test_standard_output_is_utf_8_whatever_the_terminal_is(world: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "netpolicy", "fmt", "-"],
        input="role a,b # ü\n".encode(),
        capture_output=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"},
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "role a, b  # ü\n".encode(), b"")
