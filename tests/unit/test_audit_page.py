"""The page of an audit as text: what needs no browser to be seen."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from math import hypot

import pytest

from netpolicy.report.audit.heatmap import heat_map, idle_of
from netpolicy.report.audit.page import as_html
from netpolicy.report.audit.rolegraph import EVERY, role_graph
from tests.browser.trees import TREE, Tree, audit

DOCUMENT = re.compile(r'<script type="application/json" id="document">(.*?)</script>', re.DOTALL)
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
NOTHING = (
    "No address outside the cluster may reach a node.",
    "The cluster has no roles and no networks.",
    "The policy has no statement.",
    "Nothing passes that no statement allows.",
    "The policy makes no promise.",
    "The policy demands nothing of a cluster.",
    "No finding is suppressed.",
    "No statement has an end.",
    "No review is due.",
    "Every statement has a reason or a source.",
    "Every statement has an owner.",
    "No statement is in doubt.",
    "Lint found nothing.",
    "The cluster has no security groups.",
    "No policy was named that says what is needed, so nothing can be called surplus.",
    "No node was asked, so what is in force on them is not known.",
    "No revision was named to compare with.",
)


def small(flows: dict[tuple[str, str], list[str]], nodes: dict[str, list[str]]) -> Tree:
    """A document with these flows alone; `nodes` has the roles of each."""
    names = sorted({role for roles in nodes.values() for role in roles})
    ends = [{"name": name, "kind": "role", "nodes": 1} for name in names] + [
        {"name": "world", "kind": "outside", "nodes": 0},
        {"name": "unused", "kind": "network", "nodes": 0},
    ]
    matrix = [
        {
            "source": source,
            "destination": destination,
            "risk": "low",
            "services": [{"text": text, "protocol": text.split()[0]} for text in services],
        }
        for (source, destination), services in flows.items()
    ]
    return {
        "roles": ends,
        "matrix": matrix,
        "list_of_nodes": [{"name": name, "roles": roles} for name, roles in nodes.items()],
    }


def words(html: str) -> str:
    """The page in one line: where its own ends is of no meaning."""
    return " ".join(html.split())


def test_the_document_is_in_the_page_and_cannot_leave_its_place() -> None:
    tree = audit(names=("</script><!--", "&lt;", "a\u2028b"), reason="]]><script>")
    found = DOCUMENT.search(as_html(tree))
    assert found
    assert json.loads(found[1]) == tree
    assert not set(found[1]) & set("<>&\u2028")


def test_the_browser_runs_what_the_page_came_with_and_nothing_else() -> None:
    html = as_html(TREE)
    policy = POLICY.search(html)
    assert policy
    allowed = dict(one.strip().split(" ", 1) for one in policy[1].replace("&#39;", "'").split(";"))
    assert allowed["default-src"] == "'none'"
    for directive, tag in (("style-src", "style"), ("script-src", "script")):
        [text] = re.findall(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        assert allowed[directive] == f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
    assert not re.search(r'<(link|img|iframe|base)\b|\ssrc=|url\(|@import|\sstyle="|\son\w+="', html)
    assert as_html(TREE) == html


def test_five_thousand_nodes_fit_in_five_megabytes() -> None:
    assert len(as_html(audit(5000, 40)).encode()) < 5_000_000


def test_main_tables_are_there_without_a_script() -> None:
    html = DOCUMENT.sub("", as_html(TREE))
    for one in TREE["register"]:
        assert f'id="rule={one["id"]}"' in html
    for cell in TREE["matrix"]:
        assert f'data-source="{cell["source"]}" data-destination="{cell["destination"]}"' in html
    for text in ("all of IPv4", "never outside -&gt; role2 : tcp 3306", "public by design", "a migration", "<i>"):
        assert (text in html) == (text != "<i>")


def test_a_section_without_content_says_so() -> None:
    bare = TREE | dict.fromkeys(("surplus", "nodes", "since", "revision"))
    bare |= {key: [] for key, value in TREE.items() if isinstance(value, list) and key != "inputs"}
    bare["exceptions"] = {key: [] for key in TREE["exceptions"]}
    html = words(as_html(bare))
    for sentence in NOTHING:
        assert sentence in html, sentence
    full = words(as_html(TREE))
    assert [sentence for sentence in NOTHING if sentence in full] == ["No review is due."]


def test_the_head_tells_what_an_auditor_asks_first() -> None:
    """None drifted is no comfort where all have another build, and a review that is due is no detail."""
    nodes = TREE["nodes"] | {"drifted": 0, "another_build": 3, "not_reached": ["a", "b"]}
    demand = {"text": "x", "binding": True, "because": "", "file": "f", "line": 1, "result": "does not hold"}
    due = TREE["exceptions"] | {"review_due": [TREE["register"][0]["id"]]}
    tree = TREE | {"nodes": nodes, "demands": [demand | {"message": "y"}], "exceptions": due}
    head = words(as_html(tree)).partition("<nav")[0]
    for text in ("3 on another build", "2 not reached", "1 demand not met", "1 due for review", "since "):
        assert text in head, text
    assert "none with a day of review" not in head
    assert "not compared with a last review" in words(as_html(TREE | {"since": None})).partition("<nav")[0]


def test_a_proof_that_differs_is_not_called_one() -> None:
    finding = {"code": "NP801", "severity": "error", "message": "`a` <b>", "hint": None, "place": None}
    html = words(as_html(TREE | {"proof": TREE["proof"] | {"result": "differs", "findings": [finding]}}))
    assert "Proved:" not in html
    assert "Not proved: rules and policy differ." in html
    assert "<code>a</code> &lt;b&gt;" in html


def test_squares_tell_risk_and_number() -> None:
    flows = {("a", "b"): ["tcp 22", "udp 53"], ("world", "a"): ["any"]}
    drawn = heat_map(small(flows, {"n": ["a"], "m": ["b"]}))
    assert [end.name for end in drawn.ends] == ["world", "a", "b"]
    marks = {(cell.source, cell.destination): cell.mark for cell in drawn.cells if cell.mark}
    assert marks == {("a", "b"): "L2", ("world", "a"): "Lall"}
    [title] = [cell.title for cell in drawn.cells if (cell.source, cell.destination) == ("a", "b")]
    assert title == "a to b: tcp 22, udp 53; risk low"
    assert len(drawn.cells) == 9


def test_who_has_neither_nodes_nor_flows_is_named_and_not_drawn() -> None:
    tree = small({("a", "b"): ["tcp 22"]}, {"n": ["a"], "m": ["b"]})
    assert idle_of(tree) == ("world", "unused")
    assert {end.name for end in heat_map(tree).ends} == {"a", "b"}


def test_what_every_role_has_is_told_in_words() -> None:
    nodes = {"n1": ["a"], "n2": ["b", "c"], "n3": ["d"], "n4": ["d"]}
    pairs = [(one, other) for one in "abcd" for other in "abcd" if one != other and {one, other} != {"b", "c"}]
    pairs.append(("d", "d"))
    flows = {pair: ["tcp 22"] for pair in pairs}
    flows["world", "a"] = ["tcp 22"]
    for source in "bcd":
        flows[source, "a"] = [*flows[source, "a"], "tcp 80"]
    flows["a", "b"] = ["tcp 22", "tcp 90"]
    graph = role_graph(small(flows, nodes))
    assert [(one.source, one.destination, one.services) for one in graph.shared] == [
        (EVERY, EVERY, ("tcp 22",)),
        (EVERY, "a", ("tcp 80",)),
    ]
    drawn = {(one.source, one.destination): one.title for one in graph.arrows}
    assert drawn == {("world", "a"): "world to a: tcp 22; risk low", ("a", "b"): "a to b: tcp 90; risk low"}
    assert {dot.end.name for dot in graph.dots if dot.shared} == {"a"}


@pytest.mark.parametrize("roles", [3, 12, 40])
def test_every_flow_is_drawn_or_told(roles: int) -> None:
    tree = audit(80, roles)
    graph = role_graph(tree)
    drawn = {(one.source, one.destination): one.title for one in graph.arrows}
    kinds = {role["name"]: role["kind"] for role in tree["roles"]}
    told = [(one.source, one.destination, service) for one in graph.shared for service in one.services]
    for cell in tree["matrix"]:
        source, destination = cell["source"], cell["destination"]
        if source == destination:
            continue
        ways = [{source}, {destination}]
        for way, name in zip(ways, (source, destination), strict=True):
            way.update([EVERY] if kinds[name] == "role" else [])
        title = drawn.get((source, destination), ": ; risk").split(": ", 1)[1].rsplit("; risk", 1)[0]
        for service in cell["services"]:
            in_words = any(a in ways[0] and b in ways[1] and text == service["text"] for a, b, text in told)
            assert in_words != (service["text"] in title.split(", "))


def test_dots_lie_on_a_circle_inside_the_picture() -> None:
    graph = role_graph(audit(80, 40))
    left, top, width, height = graph.box
    assert len({round(hypot(dot.x, dot.y)) for dot in graph.dots}) == 1
    for dot in graph.dots:
        assert left < dot.x < left + width
        assert top < dot.y < top + height
    assert len({(dot.x, dot.y) for dot in graph.dots}) == len(graph.dots) == 42
