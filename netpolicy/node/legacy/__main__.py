"""The child process: one question as JSON on its input, one answer as JSON on its output, and its end.

python-iptables keeps one handle for a process and may abort it, so it lives here and never in netpolicy itself. It is
loaded at once, while the one who asks does something else; no table is opened before the question.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from netpolicy.node.legacy.library import load, must_exist, opened
from netpolicy.node.legacy.reading import our_table
from netpolicy.node.legacy.text import Act, Step
from netpolicy.node.legacy.unavailable import BackendUnavailableError, WriteDiffersError, WriteRefusedError
from netpolicy.node.legacy.wire import packed_table, unpacked_rule
from netpolicy.node.legacy.writing import write
from netpolicy.packet.addresses import Family
from netpolicy.targets.iptables.rules import Rule


def main() -> None:
    """The question is answered, or the input ended without one."""
    # Extensions print to the first output, and the library reads it there: the answer goes another way.
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    try:
        iptc: Any = load()
    except BackendUnavailableError as error:
        iptc = error
    asked = sys.stdin.read()
    if not asked:
        return
    with answers:
        json.dump(answer(iptc, json.loads(asked)), answers)
    # What the library does at the end of a process has no use here, and may go wrong.
    os._exit(0)


def answer(iptc: Any, asked: Any) -> dict[str, Any]:
    """The answer to one question; `iptc` is the library, or why there is none."""
    try:
        if isinstance(iptc, BackendUnavailableError):
            raise iptc
        if asked["ask"] == "write":
            write(iptc, Family(asked["family"]), tuple(_step(step) for step in asked["steps"]), asked["wait"])
            return {"done": True}
        return {"tables": [_read(iptc, Family(family), tuple(asked["prefixes"])) for family in asked["families"]]}
    except BackendUnavailableError as error:
        return {"unavailable": [error.reason, error.hint]}
    except WriteRefusedError as error:
        return {"refused": [error.reason, error.hint]}
    except WriteDiffersError as error:
        return {"differs": list(error.differences)}


def _read(iptc: Any, family: Family, prefixes: tuple[str, ...]) -> dict[str, Any]:
    must_exist(family)
    return packed_table(our_table(iptc, opened(iptc, family), family, prefixes))


def _step(said: Any) -> Step:
    rule = unpacked_rule(said["rule"]) if said["rule"] else None
    assert rule is None or isinstance(rule, Rule)
    return Step(Act(said["act"]), said["chain"], said["text"], rule, said["number"])


if __name__ == "__main__":
    main()
