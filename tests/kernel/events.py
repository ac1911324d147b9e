"""What the kernel tells of changes to its nf_tables, which iptables-nft writes: who changes nothing is silent.

Legacy tables and sets tell nobody; there the calls of the tools are the evidence (`faults.Tools.writes`).
"""

from __future__ import annotations

import os
import secrets
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from tests.kernel.lab import Lab, Namespace, inside

_CANARY = "canary"
_PATIENCE = 0.5  # seconds until another canary is sent
_TRIES = 60


@contextmanager
def events(lab: Lab, space: Namespace) -> Iterator[list[str]]:
    """The lines of `nft monitor` of what happened in the block; the list is filled when the block ends.

    The monitor is known to hear before the block begins, and to have heard all when it ends: a table of ours comes
    and goes at either end.
    """
    environment = {**os.environ, "LC_ALL": "C"}
    with inside(space):
        monitor = subprocess.Popen(("nft", "monitor"), stdout=subprocess.PIPE, env=environment)
    assert monitor.stdout is not None
    found: list[str] = []
    try:
        _heard(lab, space, monitor.stdout)
        yield found
        found += _heard(lab, space, monitor.stdout)
    finally:
        monitor.kill()
        monitor.wait()
        monitor.stdout.close()


def _heard(lab: Lab, space: Namespace, told: IO[bytes]) -> list[str]:
    """What was told until a table that is made and removed here was; a monitor that starts may miss the first few."""
    text, last = "", b""
    for _ in range(_TRIES):
        name = f"{_CANARY}-{secrets.token_hex(4)}"
        lab.restore(space, "nft -f -", f"add table inet {name}\ndelete table inet {name}\n")
        while select.select([told], (), (), _PATIENCE)[0]:
            last = os.read(told.fileno(), 1 << 16)
            assert last, "nft monitor has ended"
            text += last.decode()
            if f"delete table inet {name}\n" in text:
                return [line for line in text.splitlines() if _CANARY not in line and not line.startswith("#")]
    raise AssertionError(f"nft monitor tells nothing; so far: {text}")
