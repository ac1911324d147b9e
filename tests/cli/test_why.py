"""What `why` answers: whole outputs, exit status, and where a wrong question is underlined."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netpolicy.data import folder
from tests.cli.conftest import Run
from tests.cli.running import CLUSTER, POLICY, Outcome, place

DAY = ("--as-of", "2026-06-01")
SHIPPED = folder("rules") / "clusters"
ENFORCED = POLICY + "option egress = enforced\n"


def asked(run: Run, question: str, *more: str) -> Outcome:
    return run("why", "cluster.yaml", question, *DAY, *more)


def shipped(run: Run, name: str, question: str) -> Outcome:
    return run("why", str(SHIPPED / f"{name}.yaml"), question, *DAY)


PASSES = """\
Yes: `web -> node db : tcp 3306` passes.

From web (2 nodes: web1, web2) to db:
  tcp 3306 passes.
    Allowed by policy.netpol:7 `allow web -> db : tcp 3306` [77a6f6af].
    web1 lets it out: egress is open.
    db lets it in by nodes/db/rules.v4:{line}
        {rule}
    Its reply passes as established traffic (nodes/web1/rules.v4:{reply}).
    Witness: web1 -> db, tcp 10.0.0.1:40000 -> 10.0.0.9:3306 in eth0, new.
"""
REFUSED = """\
No: `web -> db : tcp 5432` does not pass.

From web (2 nodes: web1, web2) to db:
  tcp 5432 does not pass: no statement allows it.
    web1 lets it out: egress is open.
    db refuses it by nodes/db/rules.v4:{line}
        {rule}
    Witness: web1 -> db, tcp 10.0.0.1:40000 -> 10.0.0.9:5432 in eth0, new.
  To allow it, add: allow web -> db : tcp 5432
  The same ends may use other ports: policy.netpol:7 `allow web -> db : tcp 3306` [77a6f6af].
"""


def emitted(run: Run, world: Path, node: str, words: str) -> tuple[int, str]:
    """The only line of the node's IPv4 rules with these words, and its number, as `compile` writes it."""
    assert run("compile", "cluster.yaml", "-o", "build", *DAY).status == 0
    lines = (world / "build" / "nodes" / node / "rules.v4").read_text(encoding="utf-8").splitlines()
    (found,) = [(number, line) for number, line in enumerate(lines, start=1) if words in line]
    return found


def test_what_passes(run: Run, world: Path) -> None:
    line, rule = emitted(run, world, "db", "--dport 3306")
    reply, _ = next((n, text) for n, text in [emitted(run, world, "web1", "NP-IN-")] if text) if False else (0, "")
    number = [
        at
        for at, text in enumerate((world / "build/nodes/web1/rules.v4").read_text().splitlines(), start=1)
        if "ESTABLISHED" in text and "NP-IN-" in text
    ]
    outcome = asked(run, "web -> node db : tcp 3306")
    expected = PASSES.format(line=line, rule=rule, reply=number[0])
    assert (outcome.status, outcome.out, outcome.err) == (0, expected, "")
