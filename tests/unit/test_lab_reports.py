"""A rehearsal as a line, as JSON and as JUnit: the same numbers, the same bytes for the same outcome."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from netpolicy.diagnostic import error
from netpolicy.report.rehearsal import Judged, Played, Rehearsed, Told, as_json, as_junit, line

PAIRS = {("web", "db"): 1200, ("a container of web", "outside"): 1, ("db", "web"): 34}
PLAYED = Played("small", 2, PAIRS, 17, ("no host can have such addresses as 127.0.0.0",))
FINDING = error("NP321", 'lets `a <b> & "c"` pass', hint="see")
JUDGED = (
    Judged("web", "OUTPUT", True, "lets it pass", ()),
    Judged("db", "INPUT", False, "drops it", ("-A x -j RETURN",)),
)
TOLD = Told("web", "db", "tcp 1 -> 2", "it is dropped", "it arrived", JUDGED, FINDING)
FINE = Rehearsed("iptables-legacy", {}, ())
WRONG = Rehearsed("iptables-nft", {("web", "db"): 3, ("db", "web"): 1}, (TOLD,))


@pytest.mark.parametrize(
    ("results", "wanted"),
    [
        ([FINE], "1,235 probes, 1 backend: all as the policy says"),
        ([FINE, FINE], "2,470 probes, 2 backends: all as the policy says"),
        ([FINE, WRONG], "2,470 probes, 2 backends: 4 not as the policy says"),
    ],
)
def test_the_line(results: list[Rehearsed], wanted: str) -> None:
    assert line(PLAYED, results) == wanted


def test_one_probe_is_one_probe() -> None:
    one = Played("small", 2, {("web", "db"): 1}, 1, ())
    assert line(one, [FINE]) == "1 probe, 1 backend: all as the policy says"


def test_json_tells_all_of_it() -> None:
    tree = json.loads(as_json(PLAYED, [FINE, WRONG], [{"path": "cluster.yaml", "sha256": "0" * 64}]))
    assert (tree["result"], tree["cluster"], tree["nodes"]) == ("differs", "small", 2)
    assert (tree["probes"], tree["passing"]) == (2470, 34)
    fine, wrong = tree["backends"]
    assert (fine["backend"], fine["differing"], fine["differing_pairs"], fine["explained"]) == (
        "iptables-legacy",
        0,
        [],
        [],
    )
    assert wrong["differing_pairs"] == [
        {"sender": "db", "receiver": "web", "probes": 1},
        {"sender": "web", "receiver": "db", "probes": 3},
    ]
    (told,) = wrong["explained"]
    assert (told["sender"], told["receiver"], told["packet"]) == ("web", "db", "tcp 1 -> 2")
    assert (told["policy"], told["kernel"], told["finding"]["code"]) == ("it is dropped", "it arrived", "NP321")
    assert [(one["node"], one["hook"], one["policy"], one["decide"], one["counted"]) for one in told["judged"]] == [
        ("web", "OUTPUT", "lets it pass", "lets it pass", []),
        ("db", "INPUT", "refuses it", "drops it", ["-A x -j RETURN"]),
    ]
    assert tree["left_out"] == list(PLAYED.left_out)
    assert json.loads(as_json(PLAYED, [FINE], []))["result"] == "as the policy says"


def test_equal_outcomes_are_equal_bytes_in_whatever_order_they_came() -> None:
    other = Played("small", 2, dict(reversed(list(PAIRS.items()))), 17, PLAYED.left_out)
    mixed = Rehearsed("iptables-nft", dict(reversed(list(WRONG.odd.items()))), WRONG.told)
    assert as_json(PLAYED, [FINE, WRONG], []) == as_json(other, [FINE, mixed], [])
    assert as_junit(PLAYED, [FINE, WRONG]) == as_junit(other, [FINE, mixed])


def test_junit_has_a_test_a_pair_and_fails_it_with_all_that_is_told() -> None:
    suites = ElementTree.fromstring(as_junit(PLAYED, [FINE, WRONG]))
    assert (suites.tag, suites.attrib["tests"], suites.attrib["failures"]) == ("testsuites", "6", "2")
    assert [(one.attrib["name"], one.attrib["tests"], one.attrib["failures"]) for one in suites] == [
        ("iptables-legacy", "3", "0"),
        ("iptables-nft", "3", "2"),
    ]
    for suite in suites:
        names = [case.attrib["name"] for case in suite]
        assert names == ["a container of web -> outside (1 probes)", "db -> web (34 probes)", "web -> db (1200 probes)"]
        assert len(suite) == int(suite.attrib["tests"])
        assert len(suite.findall("testcase/failure")) == int(suite.attrib["failures"])
    unexplained, explained = suites.findall("testsuite/testcase/failure")
    assert unexplained.attrib == {"type": "NP321", "message": "1 packets did not fare as the policy says"}
    assert explained.attrib == {"type": "NP321", "message": 'lets `a <b> & "c"` pass'}
    assert explained.text is not None
    assert 'lets `a <b> & "c"` pass' in explained.text
    assert "and 2 more of this pair" in explained.text
    assert "hint: see" in explained.text
