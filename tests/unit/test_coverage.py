"""Coverage: which statements a promise would miss, what is suggested for the others, and how it is told."""

from __future__ import annotations

import json
from datetime import date

import pytest

from netpolicy.pipeline import Pipeline
from netpolicy.report.coverage import as_markdown, as_text, as_value, summary
from netpolicy.source import Source
from netpolicy.verify.coverage.score import Coverage, coverage

CLUSTER = """cluster: c
policy: ./p.netpol
networks: {admins: [198.51.100.0/24]}
nodes:
  web1: {roles: [web], interfaces: {eth0: [10.0.0.1, '2001:db8::1'], eth1: [203.0.113.1]}}
  web2: {roles: [web], interfaces: {eth0: [10.0.0.2, '2001:db8::2']}}
  db: {roles: [db, store], interfaces: {eth0: [10.0.0.9, '2001:db8::9']}}
  old: {roles: [old], interfaces: {eth0: [10.0.0.20]}}
"""
DECLARED = "role web, db, store, old\nnetwork admins\nforwarded service apps = tcp 41000-41009\n"
TWO = "expect old -> db : tcp 1-2\n"
ENFORCED = "option egress = enforced\n"
TO_DB = "allow web -> db : tcp 3306\n"


def covered(policy: str) -> Coverage:
    texts = {"c.yaml": CLUSTER, "p.netpol": DECLARED + policy}
    pipeline = Pipeline("c.yaml", lambda place: Source(place.path, texts[place.path]), date(2026, 6, 1))
    assert pipeline.policy is not None, pipeline.diagnostics
    return coverage(pipeline.policy)


def told(policy: str) -> list[str]:
    """A line for each statement: what notices its loss, `idle`, or the promise to add after a `+`."""
    lines = []
    for one in covered(policy).statements:
        noticed = "; ".join(f"{each.verb.value} {each.text}" for each in one.noticed_by)
        lines.append(f"{one.text} | {'idle' if one.changes_nothing else noticed or f'+ {one.suggestion}'}")
    return lines


def test_an_expect_notices_the_loss_of_an_allow_in_part_too() -> None:
    for promise in ("expect web -> db : tcp 3306", "expect node web2 -> db : tcp 3306"):
        assert told(f"{TO_DB}{promise}\n") == [f"allow web -> db : tcp 3306 | {promise}"]
    assert told(f"{TO_DB}expect web -> db : tcp 22\n")[0].endswith("| + expect web -> db : tcp 3306")


def test_what_another_allow_admits_is_not_missed() -> None:
    both = f"{TO_DB}allow all -> db : tcp 3000-4000\nexpect web -> db : tcp 3306\n"
    assert told(both) == [
        "allow web -> db : tcp 3306 | idle",
        "allow all -> db : tcp 3000-4000 | + expect all -> db : tcp 3000-4000",
    ]


def test_two_allows_that_cover_a_third_only_together_make_it_idle() -> None:
    halves = "allow node web1 -> db : tcp 3306\nallow node web2 -> db : tcp 3306\n"
    assert told(TO_DB + halves)[0] == "allow web -> db : tcp 3306 | idle"
    assert told(TO_DB + halves.replace("web2 -> db", "web2@eth0 -> 10.0.0.9"))[0].endswith(
        "+ expect web -> db : tcp 3306"
    )


def test_a_never_notices_the_loss_of_a_deny_only_where_an_allow_stands_behind_it() -> None:
    deny = "deny old -> db : any\n"
    behind = "allow all -> db : tcp 22\n"
    assert (
        told(f"{behind}{deny}never old -> db : tcp 1-100\n")[1] == "deny old -> db : any | never old -> db : tcp 1-100"
    )
    assert told(f"{behind}{deny}never old -> db : tcp 23\n")[1] == "deny old -> db : any | + never old -> db : any"
    assert told(f"{TO_DB}{deny}never old -> db : any\n")[1] == "deny old -> db : any | idle"


def test_directions_are_one_statement() -> None:
    allow = "allow web <-> db : tcp 22"
    assert told(f"{allow}\n") == [f"{allow} | + expect web <-> db : tcp 22"]
    assert told(f"{allow}\nexpect db -> web : tcp 22\n") == [f"{allow} | expect db -> web : tcp 22"]
    only_back = f"{allow}\nallow web -> db : tcp 1-100\n"
    assert told(only_back)[0] == f"{allow} | + expect web <-> db : tcp 22"


def test_a_broken_promise_notices_nothing() -> None:
    assert told(f"{TO_DB}expect web -> db : tcp 3306-3307\n") == [
        "allow web -> db : tcp 3306 | + expect web -> db : tcp 3306"
    ]


def test_a_node_reaches_itself_anyway() -> None:
    assert told("allow store -> db : tcp 22\n") == ["allow store -> db : tcp 22 | idle"]
    assert told("allow web -> self : tcp 22\n") == ["allow web -> self : tcp 22 | idle"]


def test_open_egress_makes_an_allow_outwards_idle() -> None:
    policy = "allow web -> admins : tcp 25\n"
    assert told(policy) == ["allow web -> admins : tcp 25 | idle"]
    assert told(ENFORCED + policy) == ["allow web -> admins : tcp 25 | + expect web -> admins : tcp 25"]
    promise = "expect web -> admins : tcp 25"
    assert told(f"{ENFORCED}{policy}{promise}\n") == [f"allow web -> admins : tcp 25 | {promise}"]


def test_virtual_addresses() -> None:
    allow = "allow all -> web@10.0.0.100 : tcp 80"
    assert told(f"{allow}\n") == [f"{allow} | + expect all -> web@10.0.0.100 : tcp 80"]
    assert (
        told(f"{allow}\nexpect old -> web@10.0.0.100 : tcp 80\n")[0]
        == f"{allow} | expect old -> web@10.0.0.100 : tcp 80"
    )


def test_published_ports_are_missed_by_no_expect() -> None:
    policy = "allow old -> web : apps\nallow old -> web : tcp 41000-41009\nexpect old -> web : apps\n"
    assert told(policy) == ["allow old -> web : apps | + ", "allow old -> web : tcp 41000-41009 | idle"]
    denied = "allow outside -> web : apps\ndeny outside -> web@10.0.0.100 : apps\n"
    assert told(f"{denied}never outside -> web@10.0.0.100 : apps\n")[1].endswith(
        "| never outside -> web@10.0.0.100 : apps"
    )


def test_where_a_deny_takes_its_part_a_packet_is_suggested() -> None:
    policy = "allow all -> db : tcp 22\ndeny old -> db : tcp 22\n"
    assert told(policy)[0] == "allow all -> db : tcp 22 | + expect 10.0.0.1 -> 10.0.0.9 : tcp 22"


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("", "no statement to miss"),
        ("allow store -> db : tcp 22\n", "no statement to miss: 1 changes nothing"),
        (TO_DB, "0 of 1 statement would be missed: 0 %"),
        (
            f"{TO_DB}allow old -> db : tcp 1\nallow old -> db : tcp 2\nallow db -> store : tcp 3\n{TWO}",
            "2 of 3 statements would be missed: 66 %; 1 changes nothing",
        ),
    ],
)
def test_the_score(policy: str, words: str) -> None:
    assert summary(covered(policy)) == words


REPORTED = f"{TO_DB}allow admins -> web : tcp 22\nexpect web -> db : tcp 3306\n"


def test_text() -> None:
    lines = [line.rstrip() for line in as_text(covered(REPORTED), 150).splitlines()]
    assert lines == [
        "statement                     place       missed by",
        "----------------------------  ----------  ---------------------------",
        "allow web -> db : tcp 3306    p.netpol:4  expect web -> db : tcp 3306",
        "allow admins -> web : tcp 22  p.netpol:5  no promise",
        "",
        "Promises that hold and would notice the others:",
        "expect admins -> web : tcp 22",
        "",
        "1 of 2 statements would be missed: 50 %",
    ]


def test_markdown() -> None:
    text = as_markdown(covered(REPORTED))
    assert text.startswith("1 of 2 statements would be missed: 50 %\n\n| statement ")
    assert "| `allow web -> db : tcp 3306`   | p.netpol:4 | `expect web -> db : tcp 3306` |" in text
    assert text.endswith("```\nexpect admins -> web : tcp 22\n```\n")


def test_json() -> None:
    tree = json.loads(json.dumps(as_value(covered(REPORTED))))
    assert (tree["format_version"], tree["noticed"], tree["counted"], tree["score"]) == (1, 1, 2, 0.5)
    first, second = tree["statements"]
    assert first["noticed_by"] == [
        {"id": first["noticed_by"][0]["id"], "text": "expect web -> db : tcp 3306", "place": "p.netpol:6"}
    ]
    assert (first["suggestion"], first["changes_nothing"]) == (None, False)
    assert (second["place"], second["suggestion"]) == ("p.netpol:5", "expect admins -> web : tcp 22")
    assert as_value(covered(""))["score"] is None
