"""Bad inputs, with what a person is told about each: all of it, at the exact place, and nothing more.

In a `.txt` file here `--- TITLE` begins a case, `=== NAME` begins a file of it (`policy.netpol` needs no heading).
What is told about a line stands below it: `^^^` under the blamed text (`|` for a place between two characters, `…`
where the text goes on in the next lines), severity if it is no error, code and message; then `hint:` and further places
as `also FILE:LINE:COLUMN: TEXT (LABEL)`. NUL, TAB and CR are written as their pictures. The other files of a case are
those of `world.*`. GOLDEN=write rewrites what is told, for a person to review.
"""

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from netpolicy.diagnostic import Diagnostic, Severity, render
from tests.errors.diagnose import FOLDER, POLICY, diagnose

CORPUS = sorted(FOLDER.glob("*.txt"))
_PICTURES = {
    "\N{SYMBOL FOR NULL}": "\0",
    "\N{SYMBOL FOR HORIZONTAL TABULATION}": "\t",
    "\N{SYMBOL FOR CARRIAGE RETURN}": "\r",
}
_CASE = re.compile(r"^--- (.+)\n", re.MULTILINE)
_FILE = re.compile(r"^=== (\S+)$")
_TOLD = re.compile(r"\s*(\^+…?|\|) ((warning|notice) )?NP\d{3} |\s*(hint: |also \S+:\d+:\d+: )")


def cases(path: Path) -> list[tuple[str, str]]:
    """Titles and texts of the cases of a file."""
    _, *rest = _CASE.split(path.read_text(encoding="utf-8"))
    return list(zip(rest[::2], rest[1::2], strict=True))


CASES = [(path, title, text) for path in CORPUS for title, text in cases(path)]


def written(text: str) -> dict[str, list[str]]:
    """Lines of each file of a case, without what is told about them."""
    files: dict[str, list[str]] = {}
    name = POLICY
    for line in text.splitlines():
        heading = _FILE.match(line)
        if heading:
            name = heading[1]
            files[name] = []
        elif not _TOLD.match(line):
            files.setdefault(name, []).append(line)
    return files


def read_back(line: str) -> str:
    return "".join(_PICTURES.get(character, character) for character in line)


def told(one: Diagnostic) -> Iterator[str]:
    """The lines below the blamed one."""
    span = one.span
    assert span is not None
    blank = " " * (span.column - 1)
    first, newline, _ = span.text.partition("\n")
    carets = "^" * len(first) + ("…" if newline else "") or "|"
    severity = "" if one.severity is Severity.ERROR else f"{one.severity.value} "
    yield f"{blank}{carets} {severity}{one.code} {one.message}"
    for label in one.labels[1:]:
        yield f"{blank}also {label.span.place}: {label.span.text} ({label.text})"
    if one.hint:
        yield f"{blank}hint: {one.hint}"


@cache
def retold(text: str) -> tuple[str, list[Diagnostic]]:
    """The case as it ought to be written, and all that is found in it."""
    files = written(text)
    found = diagnose({name: "".join(f"{read_back(line)}\n" for line in lines) for name, lines in files.items()})
    below: dict[tuple[str, int], list[str]] = {}
    for one in found:
        assert one.span is not None, f"`{one.message}` has no place"
        assert one.span.source.name in files, (
            f"`{one.message}` is blamed on {one.span.place}, which is no file of the case"
        )
        below.setdefault((one.span.source.name, one.span.line), []).extend(told(one))
    lines: list[str] = []
    for name, content in files.items():
        lines += [f"=== {name}"] if name != POLICY or len(files) > 1 else []
        for number, line in enumerate([*content, None], start=1):
            lines += [] if line is None else [line]
            lines += below.get((name, number), [])
    return "".join(f"{line}\n" for line in lines), found


@pytest.mark.parametrize(("path", "title", "text"), CASES, ids=[f"{path.stem}: {title}" for path, title, _ in CASES])
def test_all_that_is_told(path: Path, title: str, text: str) -> None:
    """Every finding of the case stands in it, and no other."""
    again, found = retold(text)
    if os.environ.get("GOLDEN") == "write":
        whole = path.read_text(encoding="utf-8")
        path.write_text(whole.replace(f"--- {title}\n{text}", f"--- {title}\n{again}"), encoding="utf-8")
        return
    assert again == text
    assert found, "a bad input of which nothing is told"


FINDINGS = [one for _, _, text in CASES for one in retold(text)[1]]
DIFFERENT = {(one.code, one.message): one for one in FINDINGS}
MESSAGES = {re.sub(r"`[^`]*`|\d+", "…", one.message) for one in FINDINGS}


def test_the_corpus_is_broad() -> None:
    """It has hundreds of bad inputs, and the messages differ in more than what they quote."""
    assert len(CASES) >= 590
    assert len(MESSAGES) >= 200
    assert len({(path, title) for path, title, _ in CASES}) == len(CASES)


def test_every_code_of_the_language_and_the_cluster_is_told_somewhere() -> None:
    """No finding of these layers is left without a bad input that gives it."""
    folders = ("dsl", "policy")
    sources = [path for folder in folders for path in (FOLDER.parents[1] / "netpolicy" / folder).glob("*.py")]
    emitted = {code for path in sources for code in re.findall(r"NP\d{3}", path.read_text(encoding="utf-8"))}
    assert emitted - {one.code for one in FINDINGS} == set()


@pytest.mark.parametrize("one", DIFFERENT.values(), ids=lambda one: one.message)
def test_messages_are_written_in_one_style(one: Diagnostic) -> None:
    """One lower-case line without a full stop, input in backticks, no word of Python."""
    for text in (one.message, one.hint):
        assert text.isprintable()
        assert text == text.strip()
        assert not text.endswith((".", "!"))
        assert text.count("`") % 2 == 0
        said = re.sub(r"`[^`]*`", "…", text)
        assert not re.search(r"\b(str|int|dict|None|NoneType|Token|Tree|Exception|Traceback)\b", said)
    first = one.message.split()[0]
    assert first[0] == "`" or first == first.lower() or first in ("YAML", "IPv4", "IPv6")
    assert len(one.message) <= 120


@pytest.mark.parametrize("one", FINDINGS[::5], ids=lambda one: one.message)
def test_rendering_underlines_the_blamed_text(one: Diagnostic) -> None:
    """The carets of the text form stand exactly below the blamed characters."""
    assert one.span is not None
    shown, carets = render(one).splitlines()[3:5]
    underlined = "".join(shown[at] for at, sign in enumerate(carets) if sign == "^" and at < len(shown))
    blamed = one.span.text.split("\n")[0].replace("\t", " ")
    visible = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in blamed)
    assert underlined == visible or not blamed
