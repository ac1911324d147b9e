"""Markdown in which input can do nothing: a third party's reader sees the text, the right cells and no HTML of it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from netpolicy.report.gfm import Page, code, head, row, shortened, weight
from tests.cli.gfm import strange, tables

HOSTILE = (
    "a|b",
    "`",
    "``` x",
    "a\\|b",
    "\\",
    "<img src=x onerror=alert(1)>",
    "</code><script>x</script>",
    "</details>",
    "&lt;b&gt; &#64;x",
    "@everyone",
    "#123 and owner/repo#1",
    "https://example.org www.example.org a@example.org",
    "[x](javascript:y) ![i](j)",
    "**b** _i_ ~~s~~ $x$ :tada:",
    "one\n\n# two\r\n| three |",
    "\u202egnirts \u200b\x00\x1b[31m\u2028x",
    "- [ ] task",
)


@given(drawn=st.text())
@example(drawn="  ")
@example(drawn="\ud800 is half a character")
@pytest.mark.parametrize("text", HOSTILE)
def test_a_cell_shows_the_text_and_nothing_of_it_works(text: str, drawn: str) -> None:
    cells = (code(text), code(drawn), f"by {code(text)}, {code(drawn)}")
    written = "\n".join([*head(("a", "b", "c")), row(cells), row(("x", "y", "z"))]) + "\n"
    ((_, first, last),) = tables(written)
    assert first[:2] == [shortened(text), shortened(drawn)]
    assert last == ["x", "y", "z"]
    assert strange(written) == []


def test_what_is_easy_to_read_stays_so() -> None:
    assert code("web -> db : tcp 3306") == "`web -> db : tcp 3306`"
    assert code("a|b") == "<code>a&#124;b</code>"
    assert code(" \n ") == ""


def test_long_text_is_cut_and_is_one_line() -> None:
    assert shortened("one\n  two\tthree") == "one two three"
    assert shortened("x" * 300) == "x" * 239 + "…"
    assert shortened("a\u202eb\x07") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"


def test_a_page_takes_lines_together_or_not_at_all() -> None:
    page = Page(12)
    assert not page.add("12345", "123456")
    assert page.add("é", "123", spare=5) and page.room == 5
    assert not page.add("1", spare=4) and page.add("1234")
    assert page.text == "é\n123\n1234\n" and weight("é") == 3
