"""The grammar: sound by itself, and of one mind with the words that the code knows."""

from pathlib import Path
from typing import Any

import pytest
from lark.exceptions import LexError
from lark.parsers.lalr_interactive_parser import InteractiveParser

from netpolicy.data import folder
from netpolicy.diagnostic import has_errors
from netpolicy.dsl.build import build
from netpolicy.dsl.parse import grammar, parse
from netpolicy.dsl.vocabulary import ATTRIBUTE_WORDS, DECLARING_WORDS, RESERVED_WORDS, STATEMENT_WORDS, terminals
from netpolicy.source import Source

PATTERNS = {terminal.name: terminal.pattern for terminal in grammar().terminals}
WORDS = {pattern.value for pattern in PATTERNS.values() if pattern.type == "str" and pattern.value.isalnum()}


def is_right(text: str) -> bool:
    """True when nothing is wrong with the words and signs of a policy."""
    source = Source("policy.netpol", text)
    tree, broken, found = parse(source)
    return not has_errors([*found, *build(tree, source, broken)[1]])


def test_the_grammar_builds_in_strict_mode() -> None:
    """No two terminals match one text, and no rule conflicts with another: Lark refuses either in strict mode."""
    strict = grammar(strict=True)
    assert strict.options.strict
    assert len(strict.terminals) == len(PATTERNS)


def test_strict_mode_refuses_terminals_that_collide(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A second terminal for ports passes without strict mode and fails with it, so building in it proves something."""
    text = (folder("grammar") / "netpolicy.lark").read_text(encoding="utf-8")
    collision = text.replace('"proto" PORT', '"proto" (PORT | SHORT)') + "\nSHORT: /[0-9]/\n"
    (tmp_path / "netpolicy.lark").write_text(collision, encoding="utf-8")
    monkeypatch.setattr("netpolicy.dsl.parse.folder", lambda _: tmp_path)
    assert grammar.__wrapped__(strict=False).terminals
    with pytest.raises(LexError, match="Collision"):
        grammar.__wrapped__(strict=True)


@pytest.mark.parametrize("word", sorted({*RESERVED_WORDS, *ATTRIBUTE_WORDS}))
def test_every_word_of_the_language_is_a_terminal(word: str) -> None:
    """It is named by its capitals and matches the word alone."""
    pattern = PATTERNS[word.upper()]
    assert (pattern.type, pattern.value) == ("str", word)


def test_statements_begin_with_the_statement_words() -> None:
    reading: Any = grammar().parse_interactive("")
    assert reading.accepts() == terminals(STATEMENT_WORDS) | {"$END"}
    assert set(DECLARING_WORDS) <= set(STATEMENT_WORDS)


def test_all_words_are_reserved_but_those_of_attributes_and_demands() -> None:
    """A new keyword is reserved unless it is listed here: it could be somebody's role."""
    contextual = {*ATTRIBUTE_WORDS, "except", "exactly", "at", "least", "no", "with", "alone"}
    assert contextual == WORDS - RESERVED_WORDS


@pytest.mark.parametrize("word", sorted(RESERVED_WORDS))
def test_a_reserved_word_is_no_name(word: str) -> None:
    """It is one in no spelling."""
    assert not is_right(f"role {word}")
    assert not is_right(f"role {word.upper()}")


@pytest.mark.parametrize("word", sorted(WORDS - RESERVED_WORDS))
def test_any_other_word_is_a_name_where_the_grammar_has_no_use_for_it(word: str) -> None:
    assert is_right(f'role {word}, x "a {word}"\nservice s = tcp 22\nallow {word} <-> x : s because "so"\n')
    assert is_right(f'allow ({word}, x) & x -> x : s log tag {word}\nrequire exactly 1 {word} because "so"')


def test_a_right_text_is_read_without_asking_what_could_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the parser accepts is asked for messages and at the end; asking is dear, and a policy has many lines."""
    asked = 0
    ask: Any = InteractiveParser.accepts

    def accepts(parser: InteractiveParser) -> Any:
        nonlocal asked
        asked += 1
        return ask(parser)

    monkeypatch.setattr(InteractiveParser, "accepts", accepts)
    assert is_right("role a, b\n" + 'when exists a { allow a -> b : tcp 22 because "so" }\n' * 50)
    assert asked <= 2
