"""The legacy filter tables by python-iptables: a reader and a writer that share no code with the tools' text.

    read_legacy()              what the kernel holds of ours, with counters
    write_legacy(family, text) a part of `iptables-restore --noflush`, in one commit, read back and compared
    start_voice()              the reader, started early: its library takes its time to load
    second_voice(wanted)       where the kernel differs from a ruleset

Each call is a child process of its own, in the caller's network namespace, with a limit of time. It is for hosts whose
rules are legacy: the caller has looked first, since to open a legacy table is to create it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netpolicy.node.legacy.child import Child
from netpolicy.node.legacy.live import OURS, LegacyChain, LegacyRule, LegacyTable, Unreadable
from netpolicy.node.legacy.text import Step, steps
from netpolicy.node.legacy.unavailable import BackendUnavailableError, WriteDiffersError, WriteRefusedError
from netpolicy.node.legacy.voice import FAMILIES, READ_SECONDS, Difference, Voice, differences
from netpolicy.node.legacy.wire import packed_rule
from netpolicy.packet.addresses import Family
from netpolicy.targets.iptables.rules import Ruleset

__all__ = [
    "BackendUnavailableError",
    "Difference",
    "LegacyChain",
    "LegacyRule",
    "LegacyTable",
    "Unreadable",
    "Voice",
    "WriteDiffersError",
    "WriteRefusedError",
    "read_legacy",
    "second_voice",
    "start_voice",
    "write_legacy",
]
LOCK_SECONDS = 5.0
WRITE_SECONDS = 30.0


def start_voice() -> Voice:
    """A reader whose library loads while the caller goes on; it opens no table before its `read`."""
    return Voice()


def read_legacy(
    families: tuple[Family, ...] = FAMILIES, prefixes: tuple[str, ...] = OURS, seconds: float = READ_SECONDS
) -> Mapping[Family, LegacyTable]:
    """Our chains and the jumps to them, with packets and bytes; a table that is not there is BackendUnavailableError.

    Nothing is created and no lock is taken. A rule that has no value of ours is an `Unreadable` in its place.
    """
    with Voice() as voice:
        return voice.read(families, prefixes, seconds)


def second_voice(wanted: Ruleset, voice: Voice | None = None) -> list[Difference]:
    """Where the kernel differs from the wanted rules, chain by chain; empty if it holds them exactly."""
    with voice or Voice() as speaking:
        return differences(wanted, speaking.read())


def write_legacy(family: Family, text: str, wait: float = LOCK_SECONDS, seconds: float = WRITE_SECONDS) -> None:
    """The text is in the kernel, as one commit, and was read back equal; nothing else in the table has changed.

    The text is `*filter`, then `:CHAIN - [0:0]`, `-A`, `-I CHAIN n`, `-D`, `-X CHAIN`, then `COMMIT`, and acts in
    order. The lock of the legacy tools is taken for at most `wait` seconds: the caller
    must not hold it. WriteRefusedError and BackendUnavailableError: nothing was written, unless the time is over,
    which says so. WriteDiffersError: it was written and is not what was meant. The filter table is created if there
    is none.
    """
    with Child() as child:
        child.ask(question(family, text, wait), wait + seconds)


def question(family: Family, text: str, wait: float) -> dict[str, Any]:
    """What a child is asked so that it writes the text; text that may not be written is a WriteRefusedError."""
    return {
        "ask": "write",
        "family": family.value,
        "steps": [_said(step) for step in steps(text, family)],
        "wait": wait,
    }


def _said(step: Step) -> dict[str, Any]:
    rule = packed_rule(step.rule) if step.rule else None
    return {"act": step.act.value, "chain": step.chain, "text": step.text, "rule": rule, "number": step.number}
