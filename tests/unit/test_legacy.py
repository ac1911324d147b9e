"""The part of the legacy backend that needs no kernel: the text that is taken, the words for failures, the wire."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given

from netpolicy.node.legacy.child import Child
from netpolicy.node.legacy.text import Act, steps
from netpolicy.node.legacy.unavailable import BackendUnavailableError, WriteRefusedError, not_loaded, not_opened
from netpolicy.node.legacy.wire import packed_rule, unpacked_rule
from netpolicy.packet.addresses import Family
from netpolicy.targets.iptables.rules import Rule
from tests.drawn_rules import rules_of


def text(*lines: str) -> str:
    return "\n".join(("*filter", *lines, "COMMIT", ""))


def test_every_kind_of_line_is_a_step() -> None:
    written = text(
        *(":NP-A - [0:0]", "-A NP-A -j DROP", "-I INPUT 1 -j NETPOLICY-IN"),
        *("-D INPUT -j NETPOLICY-IN", "-X NP-A"),
    )
    found = steps(written, Family.V4)
    assert [(step.act, step.chain, step.number) for step in found] == [
        (Act.DECLARE, "NP-A", 0),
        (Act.APPEND, "NP-A", 0),
        (Act.INSERT, "INPUT", 1),
        (Act.DELETE, "INPUT", 0),
        (Act.REMOVE, "NP-A", 0),
    ]


@pytest.mark.parametrize(
    "line",
    [
        *(":INPUT DROP [0:0]", ":DOCKER - [0:0]", ":NP-A DROP [0:0]", f":NP-{'a' * 26} - [0:0]", ":NP-A - [0:0] x"),
        *("-A INPUT -j DROP", "-A INPUT -j NP-IN-1", "-A INPUT -g NETPOLICY-IN", "-A DOCKER -j DROP"),
        *("-A NP-A -j DOCKER", "-A NP-A -g INPUT", "-A NP-A -j ACCEPT", "-A NP-A -m length --length 4 -j DROP"),
        *("-D INPUT 1", "-I NP-A -j DROP", "-I NP-A 0 -j DROP", "-X DOCKER", "-X", "-F NP-A", "-P INPUT DROP"),
        *("-N NP-A", "-R NP-A 1 -j DROP", "[1:2] -A NP-A -j DROP", "*nat", "COMMIT", "-A NP-A --comment"),
        '-A NP-A -m comment --comment "open -j DROP',
    ],
)
def test_any_other_line_is_refused(line: str) -> None:
    with pytest.raises(WriteRefusedError) as refused:
        steps(text(line), Family.V4)
    assert refused.value.reason and refused.value.hint


@pytest.mark.parametrize("whole", ["", "*filter\n", "COMMIT\n", "*nat\nCOMMIT\n", "*filter\n-A NP-A -j DROP\n"])
def test_a_text_that_is_cut_is_refused(whole: str) -> None:
    with pytest.raises(WriteRefusedError, match="one whole filter table"):
        steps(whole, Family.V4)


@given(rules_of(Family.V4) | rules_of(Family.V6))
def test_a_rule_comes_back_from_the_wire(rule: Rule) -> None:
    assert unpacked_rule(json.loads(json.dumps(packed_rule(rule)))) == rule


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModuleNotFoundError("No module named 'iptc'", name="iptc"), "python-iptables is not installed"),
        (AttributeError("'NoneType' object has no attribute 'iptc_init'"), "the library `libip4tc` is missing"),
        (AttributeError("'NoneType' object has no attribute 'ip6tc_init'"), "the library `libip6tc` is missing"),
        (TypeError("'>' not supported between instances of 'NoneType' and 'int'"), "the library `libxtables`"),
        (RuntimeError("can't find directory with extensions; please set XTABLES_LIBDIR"), "the folder `xtables`"),
        (OSError("libip4tc.so.2: file too short"), "python-iptables cannot be loaded: libip4tc.so.2: file too short"),
    ],
)
def test_what_is_missing_is_named(error: Exception, said: str) -> None:
    assert not_loaded(error).reason.startswith(said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("can't initialize filter: b'Permission denied (you must be root)'", "this user may not open"),
        ("can't initialize filter: b'Table does not exist (do you need to insmod?)'", "this kernel has no legacy"),
        ("can't initialize filter: b\"it's odd\"", "the filter table cannot be opened: can't initialize filter: it's"),
    ],
)
def test_a_table_that_does_not_open_says_why(words: str, said: str) -> None:
    assert not_opened(RuntimeError(words)).reason.startswith(said)


@pytest.mark.parametrize("printed", ["", "garbage", "[]", "1", '{"tables": 3}', '{"unavailable": [1]}', '{"done": 0}'])
def test_an_answer_that_is_none_is_an_error(printed: str) -> None:
    command = (sys.executable, "-c", f"import sys; sys.stdin.read(); print({printed!r})")
    with Child(command) as child, pytest.raises(BackendUnavailableError, match="an answer that is not understood"):
        child.ask({}, 10)


def test_a_child_that_fails_tells_its_last_word() -> None:
    with (
        Child((sys.executable, "-c", "raise SystemExit('no memory')")) as child,
        pytest.raises(BackendUnavailableError, match="ended with 1: no memory"),
    ):
        child.ask({}, 10)


def test_a_program_that_is_not_there_is_an_error() -> None:
    with pytest.raises(BackendUnavailableError, match="cannot be started"):
        Child(("/nonexistent/python",))
