"""Whatever stands in a file, a person is told something sensible: nothing raises, and no error passes in silence."""

import re

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.lark import from_lark
from lark.exceptions import UnexpectedInput

from netpolicy.diagnostic import has_errors, render
from netpolicy.dsl.build import build
from netpolicy.dsl.parse import grammar, parse
from netpolicy.dsl.vocabulary import ATTRIBUTE_WORDS, PLACE_WORDS, RESERVED_WORDS, STATEMENT_WORDS
from netpolicy.policy.clusterfile import read_cluster
from netpolicy.source import Source
from tests.errors.diagnose import CLUSTER, POLICY, WORLD, diagnose

RICH = """policy rich "all that the language has"
include "./world2.netpol"
option egress = enforced
option refuse = reject
param  ldap : ports = 389, 636-640 "directory"
param  mode = fast | slow
param  tracing : flag = off
set    log_streaming = on
role   login "entry", stager
label  edge
network partner "a peer", nfs
group  fronts = login, "MySQL nodes" "what the outside sees"
alias  "the core" = controller
service dns = tcp+udp 53, icmp echo-request
forwarded service pods = tcp 41000-61000, udp 9000
allow all -> all : ssh because "ssh" source "S1", "S2"
allow (dea, router) & public -> mysql@eth1, node dea[1-3] : tcp 80, 443, $ldap, web, icmpv4 8/0, esp, proto 47 {
    owner "platform"
    ticket "NET-1"
    expires 2027-01-31
    review 2026-12-31
    tag audit, "long tag"
    log 5/second
}
allow dea <-> controller : tcp 9022
allow all except (dea, 10.0.0.0/8) -> all@224.0.0.251 : udp 5353 log
allow 2001:db8::/32 -> self : any  # a comment
deny quarantined -> all : any
never outside -> mysql : any
expect dea -> mysql : tcp 22
when tracing and (exists router or not mode == slow) {
    when count(router & public) >= 1 { require at least 1 router }
    allow "the core" -> nas : udp 2049
}
require exactly 1 primary because "one"
require primary with controller & router
require load_balancer alone source "S73"
advise no dea
"""
TOKEN = re.compile(r'"[^"\n]*"|[A-Za-z_][\w-]*|\d+|[ \t]+|<->|->|.|\n')
STRANGE = {'"', "'", "\0", "\ufeff", "\u00a0", "é", "😀", "\r", "\t", "$", "70000"}
WORDS = sorted({*STATEMENT_WORDS, *TOKEN.findall(RICH), *STRANGE, "except"})
TRAPS = {"&a ", "*a", "!!str ", "<<: *a", "- ", "? ", "|", ">", "no", "010", "22:22"}
YAML_WORDS = sorted({*TOKEN.findall(WORLD[CLUSTER]), *STRANGE, *TRAPS})

# A guard against runaways, and no measure: an example takes a hundredth of this.
_LONGER_WORD = re.compile(rf"\b(?:{'|'.join((*RESERVED_WORDS, *ATTRIBUTE_WORDS, *PLACE_WORDS))})(?=\w|-\w)", re.ASCII)
few = settings(max_examples=100, deadline=2000, suppress_health_check=[HealthCheck.too_slow])

# What the grammar itself knows: its fixed words and signs, and for each pattern a text near its edge.
FIXED = sorted(str(one.pattern.value) for one in grammar().terminals if one.pattern.type == "str")
EDGES = {
    "NAME": ("a", "a_b-c", "A", "a__b", "x" * 64),
    "STRING": ('"a"', '""', '"\\"', '"', '"\t"'),
    "ADDRESS": ("10.0.0.1", "10.0.0.1/24", "::", "::1", "fe80::1%a", "1.2.3.4.5", "::ffff:1.2.3.4", "a:b:c"),
    "HOSTNAME": ("node a[1-3]", "node a[3-1]", "node a[", "node a[1-100000]"),
    "INTERFACE": ("a@eth0", "@eth0.1", "@eth0@eth1", "@x_y-z"),
    "DATE": ("expires 2027-01-31", "expires 0-0-0", "expires 2027-02-30"),
    "RATE": ("log 5/second", "log 0/day", "log 5/s"),
    "PORT": ("tcp 0", "tcp 65535", "tcp 65536", "tcp 9-1", "icmpv4 8/0", "tcp 1/2"),
    "NUMBER": ("count(all) > 0", "exactly 01 all", "9" * 20),
    "PARAMETER": ("tcp $a", "$", "$9"),
    "COMMENT": ("# x\n",),
    "BLANK": (" ", "\n", "\t\n", "\f"),
}
SENTENCE = sorted({*FIXED, *(text for texts in EDGES.values() for text in texts)})


@st.composite
def mutated(draw: st.DrawFn, text: str, words: list[str]) -> str:
    """The text with some tokens or lines deleted, doubled, replaced, swapped or put in."""
    parts = TOKEN.findall(text) if draw(st.booleans()) else text.splitlines(keepends=True)
    word = st.sampled_from(words)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(parts) - 1)))
        match draw(st.sampled_from(("delete", "double", "replace", "insert", "swap", "cut"))):
            case "delete":
                del parts[at : at + draw(st.integers(1, 3))]
            case "double":
                parts[at:at] = parts[at : at + 2]
            case "replace":
                parts[at : at + 1] = [draw(word)]
            case "insert":
                parts[at:at] = draw(st.lists(word, min_size=1, max_size=3))
            case "swap":
                parts[at : at + 2] = parts[at : at + 2][::-1]
            case "cut":
                parts = parts[:at]
        parts = parts or [""]
    return "".join(parts)


def anything(words: list[str]) -> st.SearchStrategy[str]:
    """Text of any characters, and text of the words of a language."""
    return st.one_of(st.text(max_size=60), st.lists(st.sampled_from(words), max_size=25).map("".join))


POLICIES = st.one_of(mutated(RICH, WORDS), anything(WORDS))
CLUSTERS = st.one_of(mutated(WORLD[CLUSTER], YAML_WORDS), anything(YAML_WORDS))


def told(files: dict[str, str]) -> None:
    """Everything can be shown, and its place is in its file."""
    for one in diagnose({"world2.netpol": "", **files}):
        assert "\n" not in one.message
        for label in one.labels:
            assert 0 <= label.span.start <= label.span.end <= len(label.span.source.text)
        assert one.message in render(one)


def test_the_rich_policy_is_right() -> None:
    """The mutations begin from a policy without an error."""
    assert not has_errors(diagnose({POLICY: RICH, "world2.netpol": ""}))


@few
@given(POLICIES)
@example("when x {\nallow a -> b : tcp 1 {\n")
@example('allow a -> b : c because "')
@example("{}{}}{")
def test_no_policy_makes_us_stumble(text: str) -> None:
    """Any text is read to its end, with findings that can be shown."""
    told({POLICY: text})


@few
@given(POLICIES)
@example("allow a -> b : c\n\ufeff")
@example("role a\n}\nrole b")
@example("when a { role b")
@example("allows -> b : c")
def test_what_the_grammar_refuses_is_told(text: str) -> None:
    """A text that the plain parser refuses has an error, and one that it reads gives the same tree.

    Where a keyword begins a longer word (`allows`), the plain parser takes it for two; that is an error here.
    """
    tree, broken, found = parse(Source(POLICY, text))
    try:
        plain = grammar().parse(text.removeprefix("\ufeff"))
    except UnexpectedInput:
        assert has_errors(found)
        return
    if tree != plain:
        assert has_errors(found)
        assert _LONGER_WORD.search(text)
        return
    assert not broken
    assert all("does not begin a line" in one.message for one in found)


@few
@given(from_lark(grammar(), start="start"))
def test_sentences_of_the_grammar_are_built(text: str) -> None:
    """Every sentence of the grammar is built, or what is wrong with its words is told."""
    tree, broken, syntax_errors = parse(Source(POLICY, text))
    file, found = build(tree, Source(POLICY, text), broken)
    if not has_errors([*syntax_errors, *found]):
        assert len(file.statements) >= len(tree.children)
    told({POLICY: text})


@st.composite
def spoilt_sentences(draw: st.DrawFn) -> str:
    """A sentence of the grammar in which words of the grammar's own terminals are put in, doubled, swapped or lost."""
    return draw(mutated(draw(from_lark(grammar(), start="start")), SENTENCE))


def test_the_edges_name_every_pattern_of_the_grammar() -> None:
    """No terminal is left out of the mutations."""
    patterns = {str(one.name) for one in grammar().terminals if one.pattern.type == "re"}
    assert patterns == set(EDGES)


@few
@given(spoilt_sentences())
@example("when " + "(" * 60)
@example("allow a" + "@b" * 60)
def test_spoilt_sentences_of_the_grammar_are_told(text: str) -> None:
    """A sentence that nearly is one is read to its end, and what is wrong is told once for each place."""
    found = diagnose({POLICY: text, "world2.netpol": ""})
    told({POLICY: text})
    places = [(one.code, one.message, one.span.place if one.span else "") for one in found]
    assert len(places) == len(set(places))


@few
@given(st.lists(st.sampled_from(SENTENCE), max_size=30).map(" ".join))
def test_words_of_the_grammar_in_any_order_are_told(text: str) -> None:
    """Even where nothing fits together."""
    told({POLICY: text})


@few
@given(CLUSTERS)
@example("nodes: {a: &a {b: *a}}")
@example("? {a: b}\n: c")
@example("nodes:\n  a:\n  roles: [x]\n  b: [")
@example("a: &a [x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]")
@example("nodes: {'a[1-9999]': {address: '10.0.0.[1-9999]'}}")
@example("\ufeffpolicy: x")
def test_no_cluster_makes_us_stumble(text: str) -> None:
    """Any text is a cluster, or there is an error; what YAML refuses is refused."""
    cluster, found = read_cluster(Source(CLUSTER, text))
    assert cluster is not None or has_errors(found)
    try:
        yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        assert has_errors(found)
    told({CLUSTER: text})
