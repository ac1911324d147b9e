"""What never changes the meaning of a policy: its layout, its comments, how its names are spelt."""

import re
from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lark import Token

from netpolicy.dsl.build import build
from netpolicy.dsl.parse import grammar, parse
from netpolicy.dsl.syntax import PolicyFile
from netpolicy.dsl.vocabulary import STATEMENT_WORDS, terminals
from netpolicy.source import Source
from tests.clusters import scenes
from tests.draws import pick
from tests.strategies import policy_texts

BEGINNING = terminals(STATEMENT_WORDS)
COMMENTS = ("# so", "#", '# "not closed', "# } { allow a -> b : any", "#\t# ü \\")
BLANKS = ("", " ", "  ", "\t", " \f ")
SIGNS = {
    "ARROW",
    "BOTH_WAYS",
    "COLON",
    "COMMA",
    "AMPERSAND",
    "AT",
    "PLUS",
    "ASSIGN",
    "OPEN",
    "CLOSE",
    "LBRACE",
    "RBRACE",
}
NODE_NAMES = {"HOSTNAME"}
NAMES = {"NAME", "PARAMETER"}

laws = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@st.composite
def policies(draw: st.DrawFn) -> str:
    """The text of a random policy."""
    return draw(policy_texts(draw(scenes()), promises=True))


def meaning(text: str) -> PolicyFile:
    """The syntax tree of a text without errors; places are no part of its equality."""
    source = Source("policy.netpol", text)
    tree, broken, found = parse(source)
    file, also_found = build(tree, source, broken)
    assert [one.message for one in (*found, *also_found)] == [], text
    return file


def tokens_of(text: str) -> Sequence[Token]:
    """The words and signs of a text, without what stands between them."""
    return [one for one in grammar().parse_interactive(text).exhaust_lexer() if one.type != "$END"]


def begins_statement(tokens: Sequence[Token], place: int) -> bool:
    """True where a statement begins that has to stand on a line of its own."""
    before = tokens[place - 1].type if place else ""
    return tokens[place].type in BEGINNING and before not in ("FORWARDED", "LBRACE")


@st.composite
def gaps(draw: st.DrawFn, needs_line: bool, needs_blank: bool, line_end: str) -> str:
    """Blanks, line breaks and comments; nothing where nothing is needed."""
    gap = pick(draw, BLANKS)
    for _ in range(draw(st.integers(1 if needs_line else 0, 2))):
        gap += pick(draw, ("", pick(draw, COMMENTS))) + line_end + pick(draw, BLANKS)
    return gap or (" " if needs_blank else "")


@st.composite
def laid_out(draw: st.DrawFn, text: str) -> str:
    """The text with other blanks, line breaks and comments between its words, and other line ends."""
    line_end = pick(draw, ("\n", "\r\n"))
    tokens = tokens_of(text)
    written = [draw(gaps(False, False, line_end)) + pick(draw, ("", pick(draw, COMMENTS) + line_end))]
    for place, token in enumerate(tokens):
        before = tokens[place - 1] if place else None
        # The colon behind an address would belong to it.
        apart = before is not None and (not {before.type, token.type} & SIGNS or before.type == "ADDRESS")
        written.append(draw(gaps(before is not None and begins_statement(tokens, place), apart, line_end)) + token)
    return "".join([*written, draw(gaps(False, False, line_end)), pick(draw, ("", *COMMENTS))])


@st.composite
def respelt(draw: st.DrawFn, text: str) -> str:
    """The text with every name in other letters and other hyphens; nodes have no hyphens but their own."""
    parts, end = [], 0
    for token in tokens_of(text):
        parts.append(text[end : token.start_pos])
        end = token.end_pos or 0
        word = str(token)
        if token.type in NAMES:
            word = re.sub("[-_]", lambda _: pick(draw, "-_"), word)
        if token.type in NAMES | NODE_NAMES:
            word = "".join(pick(draw, (letter, letter.swapcase())) for letter in word)
        parts.append(word)
    return "".join([*parts, text[end:]])


@laws
@given(st.data(), policies())
def test_layout_means_nothing(data: st.DataObject, text: str) -> None:
    """Comments, blank lines, blanks and line breaks inside statements, and Windows line ends change nothing."""
    assert meaning(data.draw(laid_out(text))) == meaning(text)


@laws
@given(policies())
def test_windows_line_ends_mean_nothing(text: str) -> None:
    assert meaning(text.replace("\n", "\r\n")) == meaning(text)


@laws
@given(st.data(), policies())
def test_the_spelling_of_names_means_nothing(data: st.DataObject, text: str) -> None:
    """Names are equal in capitals and small letters, with `-` and with `_`."""
    assert meaning(data.draw(respelt(text))) == meaning(text)


def test_the_laws_change_texts() -> None:
    """What is compared differs: else the laws would hold for nothing."""
    changed = [0, 0]

    @settings(max_examples=20, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data(), policies())
    def collect(data: st.DataObject, text: str) -> None:
        changed[0] += data.draw(laid_out(text)) != text
        changed[1] += data.draw(respelt(text)) != text

    collect()
    assert min(changed) >= 15
