"""What a watch says when one state follows another."""

from __future__ import annotations

import json
import re

from netpolicy.node.machine import check
from netpolicy.node.watch import Lines, first_line
from tests.unit.test_node_rules import CORE, DEA, V4_ROUTE, state

RIGHT = check((CORE, DEA), state("10.0.0.2/24", routes=[V4_ROUTE]), "dea")
WRONG = check((CORE, DEA), state("10.0.0.2/24", "10.0.0.1/24", routes=[]), "dea")  # an error and a warning


def lines(*, json_lines: bool = False, quiet: bool = False) -> list[str]:
    """What is said when the node breaks and is mended."""
    watched = Lines(RIGHT, "right", json_lines=json_lines, quiet=quiet)
    return [*watched.about(WRONG, "wrong"), *watched.about(WRONG, "wrong"), *watched.about(RIGHT, "right")]


def test_each_change_is_a_line_and_then_how_the_node_stands() -> None:
    told = [re.sub(r"^\d\d:\d\d:\d\d\.\d{3} ", "", line).partition(":")[0] for line in lines()]
    assert told == [
        "found error[NP702]",
        "found warning[NP712]",
        "wrong",
        "gone error[NP702]",
        "gone warning[NP712]",
        "right",
    ]


def test_a_quiet_watch_tells_of_errors_alone() -> None:
    assert [line.split(" ", 1)[1][:17] for line in lines(quiet=True)] == ["found error[NP702", "gone error[NP702]"]


def test_the_lines_of_json_are_of_one_family() -> None:
    first, *later = map(json.loads, [first_line(RIGHT, "right"), *lines(json_lines=True)])
    assert [one["change"] for one in later] == ["found", "found", "state", "gone", "gone", "state"]
    assert (first["change"], first["findings"], first["state"]["routes"]) == ("state", [], [V4_ROUTE])
    assert all(first.keys() > one.keys() for one in later if one["change"] == "state")
