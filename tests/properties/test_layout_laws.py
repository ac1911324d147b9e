"""What holds for the layout of every policy: it says the same, it is its own layout, and it follows from the words."""

import re

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.lark import from_lark

from netpolicy.diagnostic import has_errors
from netpolicy.dsl.build import build
from netpolicy.dsl.format import Formatted, format, keeps_meaning
from netpolicy.dsl.parse import grammar, parse
from netpolicy.dsl.syntax import PolicyFile
from netpolicy.dsl.vocabulary import STATEMENT_WORDS
from netpolicy.source import Source
from tests.draws import pick
from tests.errors.test_fuzz import RICH
from tests.properties.test_language_laws import SIGNS, begins_statement, laid_out, policies, respelt, tokens_of

NAMED = {
    "NAME": ("a", "Bb-c", "dea", "log", "source", "a_very_long_name_of_a_role_that_fills_a_line_with_others"),
    "STRING": ('"x"', '"so \\"it\\" is # no comment"', '"ü \\\\"', f'"{"long " * 15}"'),
    "ADDRESS": ("10.0.0.1", "10.0.0.0/8", "2001:DB8:0::/32", "::FFFF:10.0.0.1"),
    "HOSTNAME": ("dea", "DEA[1-3].example"),
    "INTERFACE": ("eth0", "Bond0.5"),
    "DATE": ("2027-01-31",),
    "RATE": ("5/second",),
    "PORT": ("80", "443-444", "9"),
    "NUMBER": ("1", "12"),
    "PARAMETER": ("$a", "$Bb-c"),
    "COMMENT": ("# so\n", '#"} {\n', "#\t\n"),
    "BLANK": (" ", "\n", "\n\n\n", "\t"),
}

laws = settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def _words() -> dict[str, st.SearchStrategy[str]]:
    """How terminals are written: apart from each other, a statement on a line of its own."""
    written: dict[str, st.SearchStrategy[str]] = {}
    for terminal in grammar().terminals:
        known = NAMED.get(terminal.name, (terminal.pattern.value,))
        before = "\n" if terminal.pattern.value in STATEMENT_WORDS else " "
        written[terminal.name] = st.sampled_from([f"{before}{one}{'' if one[-1] == chr(10) else ' '}" for one in known])
    return written


@st.composite
def sentences(draw: st.DrawFn) -> str:
    """A few statements that the grammar allows."""
    statements = draw(st.lists(from_lark(grammar(), start="start", explicit=_words()), min_size=1, max_size=4))
    return "\n".join(statements)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A policy in any layout, with comments in any place."""
    text = draw(st.one_of(policies(), st.just(RICH), sentences()))
    assume(read(text) is not None)
    if draw(st.integers(0, 3)) == 0:
        return text
    return draw(laid_out(draw(respelt(text))))


def read(text: str) -> PolicyFile | None:
    """The statements of a text, when it has no error."""
    source = Source("policy.netpol", text)
    tree, broken, found = parse(source)
    file, also_found = build(tree, source, broken)
    return None if has_errors([*found, *also_found]) else file


def layout(text: str) -> str:
    """The layout of a text without errors."""
    made, found = format(Source("policy.netpol", text))
    assert made is not None, found
    return made.text


def gaps(text: str) -> list[str]:
    """What stands between the words of a text, its beginning and its end."""
    tokens = tokens_of(text)
    starts = [*(one.start_pos or 0 for one in tokens), len(text)]
    ends = [0, *(one.end_pos or 0 for one in tokens)]
    return [text[end:start] for end, start in zip(ends, starts, strict=True)]


def comments(text: str) -> list[str]:
    """The comments, found between the words."""
    return [one.rstrip() for gap in gaps(text) for one in re.findall("#[^\n]*", gap)]


@st.composite
def stretched(draw: st.DrawFn, text: str) -> str:
    """The text with other blanks and, inside statements, other line breaks; comments and blank lines stay."""
    tokens = tokens_of(text)
    written = [gaps(text)[0]]
    for place, (token, gap) in enumerate(zip(tokens, gaps(text)[1:], strict=True)):
        following = tokens[place + 1] if place + 1 < len(tokens) else None
        written.append(str(token))
        if following is None or "#" in gap or token.type == "LBRACE" or begins_statement(tokens, place + 1):
            written.append(re.sub(r"(?m)^[ \t]+", lambda _: pick(draw, (" ", "\t", "   ")), gap))
        else:
            apart = not {token.type, following.type} & SIGNS or token.type == "ADDRESS"
            written.append(pick(draw, (" ", "\n", "\t ", "\r\n  ") if apart else ("", " ", "\n", "  ")))
    return "".join(written)


@laws
@given(texts())
@example("")
@example("# alone")
@example("\n\n")
@example("allow a -> b : c { # hi\n # there\n }\n\nrole a")
@example("require no (a # last\n)\nrole b # two\n")
@example("allow ( # first\n a) -> b : c")
@example("when (a # c\n) # d\n{ # e\n} # f\n# g")
def test_the_layout_says_the_same(text: str) -> None:
    """Its statements are equal, and its comments are the same in the same order."""
    made = layout(text)
    assert read(made) == read(text)
    assert comments(made) == comments(text)


@laws
@given(texts())
@example("require no (a # x\n)\nrequire no bb # y\n")
def test_a_layout_is_its_own(text: str) -> None:
    made = layout(text)
    assert layout(made) == made


@laws
@given(texts())
def test_the_form_of_a_layout(text: str) -> None:
    """No blanks at ends of lines, no two blank lines, none at the ends, no long line that could be broken."""
    made = layout(text)
    assert made == "" or (made.endswith("\n") and not made.startswith("\n"))
    assert "\n\n\n" not in made
    assert not made.endswith("\n\n")
    assert not re.search(r"(?m)^[^#\n]*{\n\n", made)
    assert not re.search(r"\n\n *}", made)
    assert all("\r" not in gap and "\t" not in gap for gap in map(without_comments, gaps(made)))
    for line in made.splitlines():
        assert line == line.rstrip(" ")
        assert (len(line) - len(line.lstrip(" "))) % 4 == 0
        assert len(line) <= 120 or "#" in line or line.lstrip(" ").count('"') >= 2


def without_comments(gap: str) -> str:
    return re.sub("#[^\n]*", "", gap)


@laws
@given(st.data(), texts())
def test_blanks_mean_nothing_to_the_layout(data: st.DataObject, text: str) -> None:
    """Texts that differ in blanks and in line breaks inside statements have one layout."""
    assert layout(data.draw(stretched(text))) == layout(text)


@laws
@given(texts())
def test_line_ends_mean_nothing_to_the_layout(text: str) -> None:
    plain = text.replace("\r", "")
    assert layout(plain.replace("\n", "\r\n")) == layout(plain) == layout("\ufeff" + plain)


def test_a_change_is_noticed() -> None:
    """`keeps_meaning` compares statements and comments, each of them."""
    text = 'role a, b  # one\nallow a -> b : tcp 1  because "x" source "S1", "S2"\n# two\n'
    made, _ = format(Source("policy.netpol", text))
    assert made is not None
    assert keeps_meaning(made)
    for old, new in (
        ("tcp 1", "tcp 2"),
        ("-> b", "<-> b"),
        ('"S1", "S2"', '"S2", "S1"'),
        ("# two", "# too"),
        ("# one", ""),
        ("b ", "c "),
        (":", ""),
    ):
        assert not keeps_meaning(Formatted(made.text.replace(old, new, 1), made.file, made.comments)), new


def test_the_laws_see_many_policies() -> None:
    """What is drawn has comments inside statements, and sentences of the grammar are often right."""
    seen = {"changed": 0, "comments": 0, "sentences": 0}

    @settings(max_examples=40, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(texts(), sentences())
    def collect(text: str, sentence: str) -> None:
        seen["changed"] += layout(text) != text
        seen["comments"] += bool(comments(text))
        seen["sentences"] += read(sentence) is not None

    collect()
    assert min(seen.values()) >= 12, seen
