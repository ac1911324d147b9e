"""One process that answers many questions to python-iptables in a namespace: its start costs more than an answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.kernel.lab import Lab, Namespace, inside

Ask = Callable[[dict[str, Any]], dict[str, Any]]
_ANSWERING = """
import json, os, sys
from netpolicy.node.legacy.__main__ import answer
from netpolicy.node.legacy.library import load
answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)
iptc = load()
for line in sys.stdin:
    print(json.dumps(answer(iptc, json.loads(line))), file=answers)
os._exit(0)
"""


@contextmanager
def answering(lab: Lab, space: Namespace) -> Iterator[Ask]:
    """A function that asks the process, which is gone after the block."""
    environment = {**os.environ, "XTABLES_LOCKFILE": lab.lock}
    command = (sys.executable, "-W", "ignore", "-c", _ANSWERING)
    with inside(space):
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=environment
        )
    assert process.stdin is not None and process.stdout is not None
    questions, answers = process.stdin, process.stdout

    def ask(question: dict[str, Any]) -> dict[str, Any]:
        print(json.dumps(question), file=questions)
        answer = answers.readline()
        assert answer, f"the process that answers ended with {process.wait()}"
        return dict(json.loads(answer))

    with process:
        try:
            yield ask
        finally:
            questions.close()
            process.wait(10)
