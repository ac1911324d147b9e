"""Reads the files that a command names."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from pathlib import Path

from netpolicy.data import STARTER, folder
from netpolicy.policy.load import Place, Unreadable
from netpolicy.source import Source

LARGEST = 64 * 1024 * 1024
STANDARD_INPUT = "<stdin>"


def read(place: Place) -> Source | Unreadable:
    """The text at a place, or why it cannot be read (NP901 to NP903 are told by `InputError` and by `load`)."""
    path = folder("rules") / place.path if place.shipped else Path(place.path)
    try:
        data = _bytes(path)
    except OSError as failure:
        return _unreadable(place, path, failure)
    except ValueError:  # a zero byte, or half of a surrogate pair
        return Unreadable(f"`{place.path}` is no name of a file", "remove what is no letter from it", "NP901")
    return _source(place.path, data)


def read_standard_input() -> Source | Unreadable:
    """The text on standard input, or why it cannot be read."""
    try:
        data = sys.stdin.buffer.read(LARGEST + 1) if sys.stdin is not None else b""
    except OSError as failure:
        why = (failure.strerror or "no reason given").lower()
        return Unreadable(f"standard input cannot be read: {why}", "name a file", "NP901")
    return _source(STANDARD_INPUT, data)


def _source(name: str, data: bytes) -> Source | Unreadable:
    if len(data) > LARGEST:
        return Unreadable(f"`{name}` is larger than {LARGEST >> 20} MiB", "is this the right file?", "NP903")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        return Unreadable(
            f"`{name}` is not a text file (byte {failure.start} is not UTF-8)", "save it as UTF-8", "NP902"
        )
    if "\0" in text:
        return Unreadable(f"`{name}` is not a text file (it holds a zero byte)", "name a policy or a cluster", "NP902")
    return Source(name, text, hashlib.sha256(data).hexdigest())


def _bytes(path: Path) -> bytes:
    """What the file holds, or more than `LARGEST` bytes when it holds more."""
    # O_NONBLOCK: opening a pipe that nobody writes must not hang.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.set_blocking(handle, True)
        return file.read(LARGEST + 1)


def _unreadable(place: Place, path: Path, failure: OSError) -> Unreadable:
    if isinstance(failure, FileNotFoundError):
        hint = ""
        if place.shipped:
            beside = Path(place.path).name
            shipped = ", ".join(_shipped(".netpol"))
            hint = f"shipped are {shipped}; a file of yours begins with `./`, such as `./{beside}`"
        return Unreadable(
            f"there is no file `{place.path}`" + (" among the shipped policies" if place.shipped else ""), hint, "NP901"
        )
    if isinstance(failure, IsADirectoryError):
        return Unreadable(f"`{place.path}` is a folder", "name a file in it", "NP901")
    return Unreadable(
        f"`{place.path}` cannot be read: {(failure.strerror or 'no reason given').lower()}",
        "check its permissions",
        "NP901",
    )


def shipped_clusters() -> dict[str, Source]:
    """The cluster files that come with the product, by the name that each gives its cluster."""
    from netpolicy.policy.clusterfile import read_cluster

    clusters: dict[str, Source] = {}
    for path in _shipped(".yaml"):
        source = read(Place(path, shipped=True))
        cluster = read_cluster(source)[0] if isinstance(source, Source) else None
        if isinstance(source, Source) and cluster is not None:
            clusters[cluster.name] = source
    return clusters


def _shipped(suffix: str) -> list[str]:
    """The shipped files of that kind, but what `init` writes: nobody includes that."""
    rules = folder("rules")
    paths = sorted(path.relative_to(rules) for path in rules.rglob(f"*{suffix}"))
    return [str(path) for path in paths if path.parts[0] != STARTER]
