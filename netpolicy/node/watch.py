"""Waits for the kernel to say that a link, an address or a route has changed, and says what that changed.

What the kernel says is not read: the whole state is, again. So a message that was lost does no harm.
"""

from __future__ import annotations

import errno
import json
import select
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from types import FrameType, TracebackType
from typing import Any, Self

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.node.machine import Checked, document
from netpolicy.report.findings import as_list

_LINK, _V4_ADDRESS, _V4_ROUTE, _V6_ADDRESS, _V6_ROUTE = 0x1, 0x10, 0x40, 0x100, 0x400  # linux/rtnetlink.h
GROUPS = _LINK | _V4_ADDRESS | _V4_ROUTE | _V6_ADDRESS | _V6_ROUTE
APART = 0.005
"""Seconds between two looks: a change that comes as many messages is one."""


class Events:
    """The kernel's messages of the namespace in which this is made, and the wish of a person to end.

    `lost` is True once the kernel has dropped messages.
    """

    def __init__(self) -> None:
        self._kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
        self._kernel.bind((0, GROUPS))
        self._ended, self._end = socket.socketpair()
        self._end.setblocking(False)
        self.lost = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for one in (self._kernel, self._ended, self._end):
            one.close()

    def wait(self, patience: float | None = None) -> bool:
        """True when something has changed, or may have; False when it is time to end. `patience` is in seconds."""
        ready = select.select([self._kernel, self._ended], [], [], patience)[0]
        if self._ended in ready:
            return False
        if self._kernel in ready:
            self._drain()
            time.sleep(APART)
            self._drain()
        return True

    def _drain(self) -> None:
        """Everything that has come is taken; messages that were lost (ENOBUFS) are as good as one that came."""
        while True:
            try:
                self._kernel.recv(65536)
            except BlockingIOError:
                return
            except OSError as failure:
                if failure.errno != errno.ENOBUFS:
                    raise
                self.lost = True

    @contextmanager
    def until_signalled(self) -> Iterator[None]:
        """SIGINT and SIGTERM end the wait, and nothing else, while the block runs."""

        def end(_: int, __: FrameType | None) -> None:
            with suppress(OSError):
                self._end.send(b"\0")

        before = {one: signal.signal(one, end) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)


def line_of(change: str, told: dict[str, Any]) -> str:
    """A line of JSON that says since when, what has come about, and all that is `told` of it."""
    return json.dumps(
        {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "change": change, **told}, sort_keys=True
    )


def first_line(one: Checked, summary: str) -> str:
    """How the node stands, as `Lines` says it, with the whole document: the state and all findings."""
    return line_of("state", {**document(one), "summary": summary})


class Lines:
    """What to say of a state, given what was said of the one before; when `quiet`, errors alone."""

    def __init__(self, first: Checked, summary: str, *, json_lines: bool, quiet: bool = False) -> None:
        self._found, self._summary, self._json, self._quiet = _known(first), summary, json_lines, quiet

    def about(self, one: Checked, summary: str) -> Iterator[str]:
        """A line for each finding that came or went, then one that says how the node stands, if that changed."""
        found, before = _known(one), self._found
        for change, some in (("gone", before.keys() - found.keys()), ("found", found.keys() - before.keys())):
            for finding in ((before if change == "gone" else found)[key] for key in sorted(some)):
                if not self._quiet or finding.severity is Severity.ERROR:
                    yield self._line(change, finding)
        if not self._quiet and (found.keys(), summary) != (before.keys(), self._summary):
            yield self._stand(one, summary)
        self._found, self._summary = found, summary

    def _line(self, change: str, finding: Diagnostic) -> str:
        if self._json:
            return line_of(change, as_list([finding])[0])
        hint = f"; {finding.hint}" if finding.hint and change == "found" else ""
        return f"{_clock()} {change} {finding.severity.value}[{finding.code}]: {finding.message}{hint}"

    def _stand(self, one: Checked, summary: str) -> str:
        if self._json:
            node = one.identity.node if one.identity else None
            return line_of("state", {"node": node, "in_order": one.right, "summary": summary})
        return f"{_clock()} {summary}"


def _known(one: Checked) -> dict[tuple[str, str, str], Diagnostic]:
    """The findings by what they say; notes may change by the second."""
    return {(each.code, each.severity.value, each.message): each for each in one.found}


def _clock() -> str:
    return datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]
