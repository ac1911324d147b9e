"""A comment of any number of changes and clusters has room, and is whole: what it begins it ends."""

from __future__ import annotations

import pytest

from netpolicy.packet.family import Family
from netpolicy.packet.packets import Packet
from netpolicy.packet.ports import PortSet, Protocol
from netpolicy.policy.contents import Entry
from netpolicy.policy.identity import Identity
from netpolicy.report.comment import comment
from netpolicy.report.diff import Comparison
from netpolicy.report.gfm import LIMIT
from netpolicy.verify.diff.blame import Cause
from netpolicy.verify.diff.compare import Difference, Tally, Touched
from netpolicy.verify.diff.cover import End
from netpolicy.verify.diff.crossing import Share
from netpolicy.verify.diff.gates import Way
from netpolicy.verify.diff.kinds import NEW
from netpolicy.verify.diff.naming import Change
from netpolicy.verify.diff.restated import Broken, Moves, Restated
from tests.cli.gfm import strange, tables

HOSTILE = "@everyone | `x` <b> #1 https://example.org \\ " * 9
PACKET = Packet(Family.V4, 1, 2, protocol=6, port=80)


def changes(share: Share, number: int) -> list[Change]:
    cause = Cause(NEW, "c0ffee00", "a -> b : tcp 1", f"{HOSTILE}.netpol:1:1", HOSTILE, HOSTILE)
    return [
        Change(
            share,
            bool(at % 3),
            Way.RECEIVED,
            End(f"a{at}", ("a",), 1),
            End(HOSTILE, (HOSTILE, "b"), 3),
            PortSet.ports(Protocol.TCP, [(at, at)]),
            PACKET,
            (cause,),
        )
        for at in range(number)
    ]


def comparison(name: str, number: int) -> Comparison:
    """As many as that of everything, all of it hostile."""
    entries = tuple(Entry("never", f"{at} {HOSTILE}", f"{at:08x}", HOSTILE, HOSTILE) for at in range(number))
    every = [one for share in Share for one in changes(share, number)]
    nodes = tuple(Identity("c", f"n{at}", (HOSTILE,), (), ()) for at in range(number))
    touched = tuple(Touched(f"t{at}", rules=True, addresses=True) for at in range(number))
    tallies = tuple(Tally(f"{at} {HOSTILE}", 1, 2) for at in range(number))
    broken = tuple(Broken("NP301", one, HOSTILE, HOSTILE, (HOSTILE, HOSTILE), before=False) for one in entries)
    moves = Moves(entries, entries, tuple(zip(entries, entries, strict=True)))
    restated = Restated(moves, moves, ((HOSTILE, HOSTILE, HOSTILE),) * number, broken, entries)
    found = Difference(tuple(every), touched, nodes, nodes, tallies)
    return Comparison(HOSTILE, f"{name}{HOSTILE}", found, restated, (), f"netpolicy diff {HOSTILE}")


@pytest.mark.parametrize(("clusters", "number"), [(1, 1), (1, 400), (2, 100), (40, 20), (90, 2)])
def test_a_comment_has_room_and_is_whole(clusters: int, number: int) -> None:
    text = comment([comparison(f"{at}", number) for at in range(clusters)])
    assert len(text.encode()) <= LIMIT
    assert strange(text) == []
    assert text.count("<details>") == text.count("</details>")
    for cells in tables(text):
        assert len({len(row) for row in cells}) == 1
    assert ("left out here" in text) == (number > 1)


def test_of_very_many_clusters_some_are_named_and_fewer_have_a_section() -> None:
    text = comment([comparison(f"{at}", 1) for at in range(90)])
    named, sections = text.count("\n- <code>"), text.count("\n### ")
    assert text.startswith("🔴 **90 clusters compared, 90 of them changed**\n")
    assert 5 < sections < named < 90 and f"\n- and {90 - named} more\n" in text
    assert text.endswith(f"\n{90 - sections} changed clusters have no room here: ask for one at a time.\n")


def test_of_very_many_nodes_the_first_are_named() -> None:
    touched = tuple(Touched(f"t{at}", rules=True, addresses=False) for at in range(455))
    found = Difference((), touched, (), (), (Tally("web", 455, 500),))
    text = comment([Comparison("a", "b", found, None, (), "netpolicy diff a b --format json")])
    assert text.startswith("🟢 **no flow opened or closed, 455 nodes touched**\n\nThe meaning is the same: ")
    assert "\n**455 nodes touched:** 455 of 500 `web`\n" in text and text.count("`t") == 400
    assert text.endswith("\nTheir names: 55 more are left out here; `netpolicy diff a b --format json` lists them.\n")


def test_the_section_of_the_highest_risk_comes_first() -> None:
    touched = Difference((), (Touched("t", rules=True, addresses=False),), (), ())
    broken = Restated(broken=(Broken("NP301", Entry("never", "a -> b : any"), "", "it is", (), before=False),))
    low, high = (Comparison("old", name, touched, told, (), "x") for name, told in (("low", None), ("high", broken)))
    lines = comment([low, high]).split("\n")
    assert [one[:8] for one in lines if one.startswith("- `")] == ["- `low`:", "- `high`"]
    assert [one for one in lines if one.startswith("#")] == ["### `high`", "### `low`"]
