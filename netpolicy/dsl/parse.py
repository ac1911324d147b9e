"""Reads a policy text into Lark's tree, reporting every syntax error of the file.

After an error reading goes on at the next line that begins with a statement word or `}`, or holds a whole flow: the
parser's stack is cut back to where the broken statement began, so one mistake costs one statement. A broken `when`
header keeps its block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar

from lark import Lark, Token, Tree, lexer
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from netpolicy.data import folder
from netpolicy.diagnostic import Diagnostic, did_you_mean, error
from netpolicy.dsl.expected import blame, missing
from netpolicy.dsl.failure import failure
from netpolicy.dsl.vocabulary import (
    ATTRIBUTE_WORDS,
    DECLARING_WORDS,
    PLACE_WORDS,
    RESERVED_WORDS,
    STATEMENT_WORDS,
    TEXT,
    terminals,
)
from netpolicy.source import Source, Span

DEEPEST = 50
"""Levels of parentheses, `not` and `when` that may stand in each other; people need three."""
_NESTING = frozenset({"OPEN", "NOT", "WHEN"})
_LONGEST_AT = 4  # `a@eth0@eth1`: each takes from the one before
_BYTE_ORDER_MARK = "\ufeff"
_DECLARING = terminals(DECLARING_WORDS)
_STATEMENT_TOKENS = terminals(STATEMENT_WORDS)
_WORDS = terminals((*RESERVED_WORDS, *ATTRIBUTE_WORDS, *PLACE_WORDS))
_GOES_ON = re.compile(r"[A-Za-z0-9_]|-[A-Za-z0-9]")
# What stands behind a whole statement and still belongs to it: what was read is not what was meant.
_SPOILING = frozenset({"EQUAL", "ASSIGN", "COLON", "STRING"})
_VERB = re.compile(r"\s*(?:allow|deny|never|expect)(?![A-Za-z0-9_-])")  # a statement that was pasted as a question
_OTHER_BLOCK = re.compile(r"(?:else|elif|if|unless)\b[^\n{]*(?=\{)")  # it is read as the block of a broken `when`
_NAME_OR_TEXT = re.compile(r'[A-Za-z][A-Za-z0-9_-]*|"[^"\n]*"')
_RESUME = re.compile(
    rf"""
    {TEXT} | "[^\n]*[^\n{{}}\s] | \#[^\n]*
    | (?P<brace>[{{}}])
    | ^[ \t]*(?P<word>(?:{"|".join(STATEMENT_WORDS)})(?![A-Za-z0-9_-]))
    | ^[ \t]*(?P<other>(?!node\b)[A-Za-z]++)(?=[ \t]++(?!except\b)[A-Za-z0-9("](?>[^\n]*?->)[^\n]*?[ \t]:[ \t])
    """,
    re.MULTILINE | re.VERBOSE,
)


class _KeepReserved:
    """Tells the contextual lexer that reserved words are keywords in every place."""

    always_accept: ClassVar[tuple[str, ...]] = tuple(sorted(terminals(RESERVED_WORDS)))

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        return stream


@cache
def grammar(strict: bool = False) -> Lark:
    """The parser of the language. `strict` proves that terminals do not collide (slower: for tests)."""
    # Lark looks for colliding terminals whenever it can, which takes longer than all the rest.
    lexer.has_interegular = strict
    text = (folder("grammar") / "netpolicy.lark").read_text(encoding="utf-8")
    return Lark(
        text,
        parser="lalr",
        propagate_positions=True,
        maybe_placeholders=True,
        strict=strict,
        postlex=_KeepReserved(),
    )


@dataclass(slots=True)
class _Reading:
    """The state of one reading: the parser, where statements began on its stack, what went wrong."""

    source: Source
    parser: Any
    begun: list[tuple[int, Token]] = field(default_factory=list)
    last: Token | None = None
    found: list[Diagnostic] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    known_accepts: dict[tuple[int, ...], frozenset[str]] = field(default_factory=dict)

    @property
    def state(self) -> Any:
        return self.parser.parser_state

    def tokens(self, start: int) -> Iterator[Token]:
        """Tokens from an offset on, read in the context of the parser's state."""
        line_counter = self.parser.lexer_thread.state.line_ctr
        line_counter.char_pos = start
        lexed: Iterator[Token] = self.parser.lexer_thread.lex(self.state)
        return lexed

    def feed(self, token: Token) -> None:
        """Shifts the token; remembers where a statement begins on the stack."""
        self.state.feed_token(token)
        if token.type in _STATEMENT_TOKENS and not (
            self.last and self.last.type == "FORWARDED" and token.type == "SERVICE"
        ):
            depth = len(self.state.state_stack) - 1
            while self.begun and self.begun[-1][0] >= depth:
                self.begun.pop()
            self.begun.append((depth, token))
        self.last = token

    def place(self, token: Token) -> Span:
        return Span(self.source, token.start_pos or 0, token.end_pos or 0)

    def accepts(self) -> frozenset[str]:
        """What could follow; it depends on the states alone, and Lark tries every terminal to find it."""
        key = tuple(self.state.state_stack)
        if key not in self.known_accepts:
            self.known_accepts[key] = frozenset(self.parser.accepts())
        return self.known_accepts[key]

    def open_braces(self, depth: int = 0) -> list[Token]:
        """`{` tokens on the stack above `depth`: blocks that are still open there."""
        opened: list[Token] = []
        for value in self.state.value_stack[depth:]:
            if isinstance(value, Token) and value.type == "LBRACE":
                opened.append(value)
            elif isinstance(value, Token) and value.type == "RBRACE" and opened:
                opened.pop()  # closed, but not yet reduced to a block
        return opened


def parse(source: Source) -> tuple[Tree[Token], frozenset[str], list[Diagnostic]]:
    """The tree of all statements that can be read, the names that broken declarations meant to give, the errors."""
    reading = _Reading(source, grammar().parse_interactive(source.text))
    start: int | None = 1 if source.text.startswith(_BYTE_ORDER_MARK) else 0
    while start is not None:
        start = _read_from(reading, start)
    return _finish(reading), frozenset(reading.broken), reading.found


def parse_question(source: Source) -> tuple[Tree[Token], list[Diagnostic]]:
    """The tree of a text that is one flow, with or without its verb, as a promise about it; and the errors."""
    reading = _Reading(source, grammar().parse_interactive(source.text))
    verb = _VERB.match(source.text)
    start: int | None = verb.end() if verb is not None else 0
    assert start is not None
    reading.feed(Token("EXPECT", "expect", start_pos=0, line=1, column=1, end_line=1, end_column=1, end_pos=start))
    while start is not None:
        start = _read_from(reading, start)
    return _finish(reading), reading.found


def _read_from(reading: _Reading, start: int) -> int | None:
    """Reads up to the next error; answers where to go on, or None at the end of the text."""
    tokens = reading.tokens(start)
    while True:
        try:
            token = next(tokens, None)
            if token is None:
                return None
            if _is_beginning(token, reading.source.text):
                return _recover(reading, token.start_pos or 0, "")
            _require_own_line(reading, token)
            if _is_too_deep(reading, token):
                return _leave_out(reading, token)
            reading.feed(token)
        except UnexpectedInput as unexpected:
            return _recover(reading, *_failure(unexpected))


def _is_beginning(token: Token, text: str) -> bool:
    """True for a keyword that is only the beginning of a longer word: the lexer takes `allow` out of `allows`."""
    return token.type in _WORDS and _GOES_ON.match(text, token.end_pos or 0) is not None


def _require_own_line(reading: _Reading, token: Token) -> None:
    """Reports a statement that neither begins a line nor follows `{`; it is read all the same."""
    if token.type not in _STATEMENT_TOKENS:
        return
    text, start = reading.source.text, token.start_pos or 0
    end = start
    while end and text[end - 1] in " \t\r\f" + _BYTE_ORDER_MARK:
        end -= 1
    forwarded = token.type == "SERVICE" and text.endswith("forwarded", 0, end)
    if end == 0 or text[end - 1] in "\n{" or forwarded:
        return
    if token.type in reading.accepts():  # else it breaks off the statement before it, which is told
        hint = "a statement begins a line, or follows the `{` of a `when`"
        reading.found.append(error("NP101", f"`{token}` does not begin a line", reading.place(token), hint=hint))


def _is_too_deep(reading: _Reading, token: Token) -> bool:
    """True for what opens a level too many: the passes after this one walk the tree by recursion."""
    values = reading.state.value_stack
    if token.type == "AT":
        behind = len(values) > 1 and isinstance(values[-2], Token) and values[-2].type == "AT"  # not yet reduced
        length, base = int(behind), values[-3 if behind else -1]
        while isinstance(base, Tree) and base.data in ("at", "enclosed"):
            length, base = length + (base.data == "at"), base.children[0]
        return length >= _LONGEST_AT
    if token.type not in _NESTING or len(values) <= DEEPEST:
        return False
    levels = sum(isinstance(value, Token) and value.type in _NESTING for value in values)
    return levels >= DEEPEST and token.type in reading.accepts()


def _leave_out(reading: _Reading, token: Token) -> int:
    """Reports what is nested too deep, and leaves out the statement or the whole block; answers where to go on."""
    at = token.start_pos or 0
    hint = f"{DEEPEST} levels are the most; write it apart" if token.type != "AT" else "one interface is enough"
    reading.found.append(error("NP131", "this is nested too deep", reading.place(token), hint=hint))
    if token.type != "WHEN":
        return _resume(reading, at, complete=False)
    level = 0
    for found in _RESUME.finditer(reading.source.text, at):
        level += {"{": 1, "}": -1}.get(found["brace"], 0)
        if found["brace"] == "}" and level <= 0:
            return found.end()
    return len(reading.source.text)


def _recover(reading: _Reading, at: int, kind: str) -> int:
    """Reports one error and cuts the broken statement off the stack; answers where reading goes on."""
    accepts = reading.accepts()
    complete = "ROLE" in accepts  # the statement before could have ended here: keep it
    if kind == "RBRACE" and not reading.open_braces():
        reading.found.append(error("NP107", "`}` closes nothing", Span(reading.source, at, at + 1), hint="remove it"))
        if not complete:
            _cut(reading)
        return at + 1
    source_text = reading.source.text
    told = _diagnosis(reading, at, kind, accepts)
    reading.found.append(told)
    # Where the blame falls on a word of the statement itself, its rest is not judged: one mistake, one error.
    blames_statement = told.span is not None and told.span.start < at and told.code != "NP102"
    spoilt = kind in _SPOILING or source_text[at : at + 1].isdigit()
    return _resume(reading, at, complete and not blames_statement and not spoilt)


def _failure(unexpected: UnexpectedInput) -> tuple[int, str]:
    """Offset and terminal name of what was not expected; the name is empty when nothing could be read there."""
    if isinstance(unexpected, UnexpectedToken):
        return int(unexpected.token.start_pos or 0), str(unexpected.token.type)
    assert isinstance(unexpected, UnexpectedCharacters)
    at: Any = unexpected.pos_in_stream
    return int(at or 0), ""


def _diagnosis(reading: _Reading, at: int, kind: str, accepts: frozenset[str]) -> Diagnostic:
    source = reading.source
    before = reading.place(reading.last) if reading.last is not None else None
    previous = before if before is not None and before.end <= at else None
    failed = failure(Span(source, at, at), kind, previous, accepts, reading.begun[-1][1].type if reading.begun else "")
    inside = not failed.at_line_start and bool({"NAME", "DATE"} & accepts)
    breaks_off = kind in _STATEMENT_TOKENS and not failed.complete and not inside
    if breaks_off and {"RBRACE", "BECAUSE"} <= accepts:
        opening = reading.place(reading.open_braces()[-1])
        return error("NP105", "this block is never closed", opening, hint="add `}` where it ends")
    if kind == "RBRACE" or breaks_off:
        return missing(Span(source, at, at + 1), previous, accepts)
    return blame(failed)


def _cut(reading: _Reading) -> bool:
    """Removes the statement under way from the stack; True when that was a `when` header."""
    if not reading.begun:
        return False
    depth, word = reading.begun.pop()
    lost = reading.state.value_stack[depth - 1 :]
    if word.type in _DECLARING:
        reading.broken |= {text for value in lost for text in _names(value)}
    header = word.type == "WHEN" and not reading.open_braces(depth)
    del reading.state.state_stack[depth:], reading.state.value_stack[depth - 1 :]
    return header


def _names(value: object) -> Iterator[str]:
    if isinstance(value, Token) and value.type in ("NAME", "STRING"):
        yield str(value).strip('"')
    elif isinstance(value, Tree):
        for child in value.children:
            yield from _names(child)


def _resume(reading: _Reading, at: int, complete: bool) -> int:
    depth = reading.begun[-1][0] if reading.begun else 0
    skipping = len(reading.open_braces(depth)) if reading.begun and reading.begun[-1][1].type != "WHEN" else 0
    declaring = _declares(reading, at, complete)
    header = bool(_OTHER_BLOCK.match(reading.source.text, at)) if complete and not skipping else _cut(reading)
    end = _skip(reading, at, header, skipping)
    if declaring:
        reading.broken |= {word.strip('"') for word in _NAME_OR_TEXT.findall(reading.source.text, at, end)}
    return end


def _declares(reading: _Reading, at: int, complete: bool) -> bool:
    """True when the broken statement, or the misspelt one that begins here, declares: uses of its names pass."""
    word = _NAME_OR_TEXT.match(reading.source.text, at)
    if complete and word is not None and did_you_mean(word.group(), DECLARING_WORDS):
        return True
    return bool(reading.begun) and reading.begun[-1][1].type in _DECLARING


def _skip(reading: _Reading, at: int, header: bool, skipping: int) -> int:
    """Where reading goes on; `header` is a broken `when`, `skipping` the blocks that are left out."""
    for found in _RESUME.finditer(reading.source.text, at):
        if found["word"]:
            return found.start("word")
        if found["other"] and found.start("other") > at:  # a whole flow on a line, by another word
            return found.start("other")
        if found["brace"] == "{":
            if header:
                _open_broken_block(reading, found.start())
                return found.end()
            skipping += 1
        elif found["brace"] == "}":
            if not skipping and reading.open_braces():
                return found.start()
            skipping = max(0, skipping - 1)
    return len(reading.source.text)


def _open_broken_block(reading: _Reading, brace: int) -> None:
    """Shifts `when BROKEN {`, so that the statements of the block are read."""
    for kind, text in (("WHEN", "when"), ("NAME", ""), ("LBRACE", "{")):
        reading.feed(Token(kind, text, start_pos=brace, line=1, column=1, end_line=1, end_column=1, end_pos=brace))


def _finish(reading: _Reading) -> Tree[Token]:
    """Ends the text, closing what is open with an error at its opening."""
    end = len(reading.source.text)
    left_out = any(one.code == "NP131" for one in reading.found)  # with it the end of a block may be left out, too
    for _ in range(len(reading.state.state_stack) + 2):
        accepts = reading.accepts()
        if "$END" in accepts:
            break
        braces = reading.open_braces()
        if braces and "RBRACE" in accepts:
            opening = reading.place(braces[-1])
            if not left_out:
                hint = "add `}` where it ends"
                reading.found.append(error("NP105", "this block is never closed", opening, hint=hint))
            reading.feed(Token("RBRACE", "}", start_pos=end, end_pos=end))
            continue
        previous = reading.place(reading.last) if reading.last is not None else None
        reading.found.append(missing(Span(reading.source, end, end), previous, accepts))
        _cut(reading)
    tree: Tree[Token] = reading.parser.feed_eof(reading.last)
    return tree
