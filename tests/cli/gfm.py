"""Markdown as another reader than ours understands it: tables, and whatever else than tables and code it holds."""

from __future__ import annotations

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

_READER = MarkdownIt("commonmark", {"html": True}).enable("table")
_OURS = re.compile(r"</?code>|</details>\n?|<details><summary>[^<>]*</summary>\n?")
_PLAIN = ("inline", "text", "text_special", "code_inline", "softbreak")
_BLOCKS = ("paragraph", "heading", "table", "thead", "tbody", "tr", "th", "td", "bullet_list", "list_item", "strong")
_LIVE = ("@", "#", "://", "www.", "$")
"""What GitHub makes something of, where it stands in a text."""


def tables(text: str) -> list[list[list[str]]]:
    """The cells of every table by row, as they are shown; a row with too many or too few cells is an error."""
    found: list[list[list[str]]] = []
    lines, tokens = text.split("\n"), _READER.parse(text)
    for at, token in enumerate(tokens):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
            # The reader fills rows up and cuts them, so the bars are counted.
            assert token.map is not None
            bars = {lines[number].count("|") for number in range(_first(tokens, at), token.map[0] + 1)}
            assert len(bars) == 1, lines[token.map[0]]
        elif token.type in ("th_open", "td_open"):
            found[-1][-1].append(shown(tokens[at + 1]))
    return found


def shown(inline: Token) -> str:
    """The text that people see of it."""
    return "".join(one.content for one in inline.children or () if one.type != "html_inline")


def strange(text: str) -> list[str]:
    """What a text holds that is not ours: a link, an image, emphasis, foreign HTML, or a word that GitHub acts on."""
    found = []
    for token, in_code in _every(_READER.parse(text)):
        if token.type in ("html_inline", "html_block"):
            found += [] if _OURS.fullmatch(token.content) else [token.content]
        elif token.type in ("text", "text_special"):
            found += [token.content] if not in_code and any(mark in token.content for mark in _LIVE) else []
        elif token.type not in _PLAIN and token.type.removesuffix("_open").removesuffix("_close") not in _BLOCKS:
            found.append(f"{token.type} {token.content}")
    return found


def _first(tokens: list[Token], at: int) -> int:
    """The line of the head of the table that holds the token."""
    table = next(one for one in reversed(tokens[: at + 1]) if one.type == "table_open")
    assert table.map is not None
    return table.map[0]


def _every(tokens: list[Token]) -> Iterator[tuple[Token, bool]]:
    """The tokens and what is in them, and whether it stands in code."""
    for token in tokens:
        yield token, False
        depth = 0
        for child in token.children or ():
            depth += {"<code>": 1, "</code>": -1}.get(child.content, 0) if child.type == "html_inline" else 0
            yield child, depth > 0
