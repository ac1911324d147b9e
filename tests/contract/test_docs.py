"""The language reference: what it shows is true, and it leaves nothing out.

A `netpol` block with a `policy` line is a file of its own; every other one goes on from the first of the page. A line
that is told something ends in a comment with the code, with `notice` or `warning` where it is no error, and with the
hint if it quotes one. `yaml` blocks are clusters, or parts of one. `console` blocks are run beside the first policy and
cluster; GOLDEN=write rewrites what they print, for a person to review.
"""

from __future__ import annotations

import os
import re
from datetime import date
from pathlib import Path

import pytest
import yaml

from netpolicy import cli
from netpolicy.cli.build import BASELINE
from netpolicy.cli.files import read as read_file
from netpolicy.data import folder
from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.dsl.build import build
from netpolicy.dsl.literals import ICMP_TYPES
from netpolicy.dsl.params import _TYPES
from netpolicy.dsl.parse import grammar, parse
from netpolicy.dsl.syntax import Declaration, DeclarationKind
from netpolicy.dsl.vocabulary import ATTRIBUTE_WORDS, PROTOCOL_WORDS, RESERVED_WORDS, STATEMENT_WORDS
from netpolicy.packet.addresses import FAMILIES, Family
from netpolicy.pages import codes
from netpolicy.pipeline import Pipeline
from netpolicy.policy.cluster import AddressesAre
from netpolicy.policy.clusterfile import CLUSTER_KEYS, read_cluster
from netpolicy.policy.load import Place, Unreadable
from netpolicy.policy.nodes import NODE_KEYS
from netpolicy.policy.params import _OPTIONS
from netpolicy.source import Source

PAGE = Path(__file__).parents[2] / "docs" / "language.md"
TEXT = PAGE.read_text(encoding="utf-8")
DAY = date(2026, 6, 1)
CLUSTER, POLICY = "cluster.yaml", "policy.netpol"
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SAID = re.compile(r"#.*?(?P<code>NP\d{3})(?P<more>.*)$")
PROSE = FENCED.sub("", TEXT)
SPAN = re.compile(r"`([^`]+)`")


def blocks(kind: str) -> list[str]:
    """The fenced blocks of a kind, in order."""
    return [text for fence, text in FENCED.findall(TEXT) if fence == kind]


def section(title: str) -> str:
    """The text below a heading, up to the next of its rank or a higher one; without blocks."""
    found = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#{{1,2}} |\Z)", PROSE, re.MULTILINE | re.DOTALL)
    assert found is not None, f"no section `{title}`"
    return found[2].split(f"\n{found[1]} ")[0]


def table(heading: str) -> list[list[str]]:
    """The rows of the table whose first heading that is, as cells."""
    found = re.search(rf"^\| {heading} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", PROSE, re.MULTILINE)
    assert found is not None, f"no table of `{heading}`"
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in found[1].splitlines()]
    return [[cell.strip().replace("\\|", "|") for cell in row] for row in rows]


EXAMPLE, *_ = blocks("netpol")
WORLD, *_ = blocks("yaml")
ALS = (folder("rules") / "clusters" / "three.yaml").read_text(encoding="utf-8").replace("als/seed", "./policy")
MORE = "label quarantined\nparam db_ports = 5432\nparam overlay = vxlan | geneve\n"


def is_whole(policy: str) -> bool:
    """True for a file of its own."""
    return re.search("^policy ", policy, re.MULTILINE) is not None


def cluster_of(policy: str) -> str:
    """The cluster of the page, in which every network that the policy declares has an address."""
    source = Source(POLICY, policy)
    tree, broken, _ = parse(source)
    declared = [one for one in build(tree, source, broken)[0].statements if isinstance(one, Declaration)]
    cluster = yaml.safe_load(WORLD)
    for number, one in enumerate(declared):
        if one.kind is DeclarationKind.NETWORK:
            cluster["networks"].setdefault(one.name.text, f"192.0.2.{number}")
    return yaml.safe_dump(cluster)


def told(policy: str) -> tuple[int, list[Diagnostic]]:
    """How many lines stand before the example, and all that is told of it."""
    before = "" if is_whole(policy) else EXAMPLE
    texts = {POLICY: before + policy, CLUSTER: ALS if "als/" in policy else cluster_of(before + policy)}

    def read(place: Place) -> Source | Unreadable:
        return read_file(place) if place.shipped else Source(place.path, texts[place.path])

    return before.count("\n"), Pipeline(CLUSTER, read, DAY).diagnostics


def judge(text: str, before: int, found: list[Diagnostic], name: str) -> None:
    """The codes that stand in the example are told on their lines, and no other error."""
    lines = text.splitlines()
    said = {(number, match) for number, line in enumerate(lines, 1) for match in [SAID.search(line)] if match}
    expected = {(number, match["code"]) for number, match in said}
    codes = {"NP305", *(code for _, code in expected)}
    placed = [(one.span.line - before if one.span else 0, one) for one in found]
    assert {(line, one.code) for line, one in placed if one.code in codes or one.severity is Severity.ERROR} == expected
    for number, match in said:
        weight = next(
            (one for one in (Severity.NOTICE, Severity.WARNING) if one.value in match["more"]), Severity.ERROR
        )
        here = [one for line, one in placed if (line, one.code) == (number, match["code"])]
        assert {one.severity for one in here} == {weight}
        assert all(one.span is not None and one.span.source.name == name for one in here)
        hint = re.search(r"did you mean `.*`\?", match["more"])
        assert hint is None or hint[0] in {one.hint for one in here}


# Examples.


@pytest.mark.parametrize("policy", blocks("netpol"), ids=lambda text: text.splitlines()[0])
def test_policies_are_told_what_stands_in_them(policy: str) -> None:
    judge(policy, *told(policy), POLICY)


@pytest.mark.parametrize("text", blocks("yaml"), ids=lambda text: text.splitlines()[0])
def test_clusters_are_told_what_stands_in_them(text: str) -> None:
    """What a part of a cluster leaves out is added behind it."""
    rest = {"policy": "policy: ./policy.netpol\n", "nodes": "nodes: {core: {address: 10.9.9.9}}\n"}
    whole = text + "".join(line for key, line in rest.items() if not re.search(f"^{key}:", text, re.MULTILINE))
    judge(text, 0, read_cluster(Source(CLUSTER, whole))[1], CLUSTER)


@pytest.mark.parametrize("shown", blocks("console"), ids=lambda text: text.splitlines()[0])
def test_commands_print_what_stands_there(
    shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    Path(POLICY).write_text(EXAMPLE, encoding="utf-8")
    Path(CLUSTER).write_text(WORLD, encoding="utf-8")
    again = ""
    for line in re.findall(r"^\$ .*$", shown, re.MULTILINE):
        adding = re.fullmatch(r"\$ echo '(.*)' >> (\S+)", line)
        printed = ""
        if adding is not None:
            with Path(adding[2]).open("a", encoding="utf-8") as file:
                file.write(f"{adding[1]}\n")
        else:
            program, command, *arguments = line.split()[1:]
            assert program == "netpolicy"
            cli.main([command, *arguments, *([] if command == "init" else ["--as-of", str(DAY)])])
            outcome = capsys.readouterr()
            printed = outcome.err + outcome.out
        again += ("\n" if again and not again.endswith("' >> policy.netpol\n") else "") + f"{line}\n{printed}"
    if os.environ.get("GOLDEN") == "write":
        PAGE.write_text(PAGE.read_text(encoding="utf-8").replace(shown, again), encoding="utf-8")
        return
    assert again == shown


WRITTEN = {
    "selector": "allow {} -> web : tcp 1",
    "whom": "allow app -> {} : tcp 1",
    "what": "allow web -> app : {}",
    "condition": "when {} {{ expect web -> app : tcp 8080 }}",
    "demand": "require {}",
    "attribute": "allow web -> app : tcp 1 {}",
    "option": "{}",
}


@pytest.mark.parametrize(
    ("heading", "written"),
    [(heading, one) for heading in WRITTEN for cell, *_ in table(heading) for one in SPAN.findall(cell)],
)
def test_what_a_table_lists_can_be_written_so(heading: str, written: str) -> None:
    text = MORE + WRITTEN[heading].format(written)
    assert [one for one in told(text)[1] if one.severity is Severity.ERROR] == []


@pytest.mark.parametrize("written", [SPAN.findall(row[1])[0] for row in table("type")])
def test_params_can_be_declared_so(written: str) -> None:
    assert [one for one in told(f"{written}\n")[1] if one.severity is Severity.ERROR] == []


# Nothing is left out, and nothing invented.


def test_all_reserved_words_are_listed() -> None:
    listed = [set(SPAN.findall(line)) for line in section("Reserved words").splitlines() if line.startswith("- ")]
    assert listed[:2] == [set(STATEMENT_WORDS), set(PROTOCOL_WORDS)]
    assert set().union(*listed) == RESERVED_WORDS


def test_all_other_words_are_listed() -> None:
    """Those that mean something in their places alone."""
    words = {
        one.pattern.value for one in grammar().terminals if one.pattern.type == "str" and one.pattern.value.isalpha()
    }
    *_, last = section("Reserved words").strip().split("\n\n")
    assert words - RESERVED_WORDS == set(SPAN.findall(last)) - {"public", "web"}


@pytest.mark.parametrize(
    "word", sorted({*STATEMENT_WORDS, *PROTOCOL_WORDS, *ATTRIBUTE_WORDS, *RESERVED_WORDS, "except"})
)
def test_every_word_stands_in_an_example(word: str) -> None:
    """In a block, or in the first column of a table."""
    examples = [line.partition("#")[0] for text in blocks("netpol") for line in text.splitlines()]
    examples += [one for heading in WRITTEN for cell, *_ in table(heading) for one in SPAN.findall(cell)]
    assert any(word in re.findall(r"\w+", re.sub('"[^"]*"', "", line)) for line in examples)


def test_all_attributes_are_listed() -> None:
    assert {SPAN.findall(cell)[0].split()[0] for cell, *_ in table("attribute")} == set(ATTRIBUTE_WORDS)


def test_all_types_of_params_are_listed() -> None:
    assert {SPAN.findall(cell)[0] for cell, *_ in table("type")} == set(_TYPES)


def test_all_options_are_listed() -> None:
    known = {f"option {name} = {value}" for name, values in _OPTIONS.items() for value in values}
    assert {SPAN.findall(cell)[0] for cell, *_ in table("option")} == known


def test_all_keys_of_a_cluster_are_listed() -> None:
    cluster, node = re.findall(r"^\| key \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", section("The cluster file"), re.MULTILINE)
    assert set(re.findall(r"^\| `(\w+)`", cluster, re.MULTILINE)) == set(CLUSTER_KEYS)
    assert set(re.findall(r"^\| `(\w+)`", node, re.MULTILINE)) == set(NODE_KEYS)
    origins = re.search(r"^\| `addresses_are` \| (.*)", node, re.MULTILINE)
    assert origins is not None
    assert set(SPAN.findall(origins[1])) == {one.value for one in AddressesAre}


def test_all_icmp_names_are_listed() -> None:
    """By the families that have them."""
    paragraph = next(text for text in section("What").split("\n\n") if text.startswith("Names of ICMP"))
    lists = re.split(r"alone:|\. A name", " ".join(paragraph.split()))
    both, v4, v6 = (set(SPAN.findall(one)) for one in lists[:3])
    families = {name: {family for family in FAMILIES if family in rows} for name, rows in ICMP_TYPES.items()}
    assert both == {name for name, held in families.items() if len(held) == 2}
    assert v4 == {name for name, held in families.items() if held == {Family.V4}}
    assert v6 == {name for name, held in families.items() if held == {Family.V6}}


def test_the_baseline_is_that_of_the_manifest() -> None:
    assert tuple(re.findall(r"^   - (.*)$", section("What a policy means"), re.MULTILINE)) == BASELINE


def test_there_are_twelve_points_of_meaning() -> None:
    assert re.findall(r"^(\d+)\. \*\*", section("What a policy means"), re.MULTILINE) == [str(n) for n in range(1, 13)]


def test_the_grammar_in_short_has_the_words_and_signs_of_the_grammar() -> None:
    """All of them, and no other; `x, …` is a list, and `$` stands before the name of a param."""
    *_, short = blocks("text")
    known = {one.pattern.value for one in grammar().terminals if one.pattern.type == "str"}
    written = set(re.findall(r'"([^"]+)"', short))
    assert written == known | {"$"}


def test_the_grammar_in_short_tells_every_rule_that_it_uses() -> None:
    *_, short = blocks("text")
    told_of = set(re.findall(r"^(\w+):", short, re.MULTILINE))
    used = set(re.findall(r"\b[a-z_]+\b", re.sub(r'"[^"]*"|^\w+:', "", short, flags=re.MULTILINE)))
    assert used <= told_of
    statements = ("policy", "include", "set", "option", "param", "declaration", "group", "alias", "service")
    assert told_of - used == set(statements)


# Codes and links.


def test_every_code_has_a_page() -> None:
    assert set(re.findall(r"NP\d{3}", TEXT)) <= set(codes())


def test_links_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.*)$", PROSE, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert {link[1:] for link in links if link.startswith("#")} <= anchors
    assert all((PAGE.parent / link).exists() for link in links if not link.startswith("#"))
