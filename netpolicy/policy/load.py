"""Reads a policy and everything it includes; a file is read once."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass, field

from netpolicy.diagnostic import Diagnostic, error
from netpolicy.dsl.build import build
from netpolicy.dsl.parse import parse
from netpolicy.dsl.syntax import Include, PolicyFile
from netpolicy.policy.names import LONGEST_CHAIN
from netpolicy.source import Source, Span


@dataclass(frozen=True, slots=True)
class Place:
    """Where a policy file is: shipped with the product, or a path of the user's."""

    path: str
    shipped: bool


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a file cannot be read, and what to do."""

    why: str
    hint: str = ""
    code: str = "NP901"


Reader = Callable[[Place], Source | Unreadable]


def place_of(reference: str, beside: Place) -> Place:
    """Where a reference leads: `./x` and `../x` beside the file that names it, `/x` is a path, the rest is shipped."""
    if reference.startswith("/"):
        return Place(posixpath.normpath(reference), False)
    if reference.startswith(("./", "../")):
        return Place(posixpath.normpath(posixpath.join(posixpath.dirname(beside.path), reference)), beside.shipped)
    return Place(posixpath.normpath(reference), True)


@dataclass(slots=True)
class _Loading:
    read: Reader
    files: dict[Place, PolicyFile] = field(default_factory=dict)
    found: list[Diagnostic] = field(default_factory=list)


def load(
    reference: str, named_at: Span | None, beside: Place, read: Reader
) -> tuple[tuple[PolicyFile, ...], list[Diagnostic]]:
    """The policy file that a cluster names and all files it includes, includes first."""
    loading = _Loading(read)
    _refer(loading, reference, named_at, beside, ())
    return tuple(loading.files.values()), loading.found


def _refer(loading: _Loading, reference: str, named_at: Span | None, beside: Place, path: tuple[Place, ...]) -> None:
    """Loads what a reference names, if it can be the name of a policy."""
    problem = _unfit(reference)
    if problem is None:
        _load(loading, place_of(reference, beside), named_at, path)
        return
    message, hint = problem
    loading.found.append(error("NP121", message, named_at, hint=hint))


def _unfit(reference: str) -> tuple[str, str] | None:
    """Why a reference can name no policy, and what to do; None where it can."""
    if not reference.strip():
        return "this names no file", "such as `./rules.netpol`"
    if "://" in reference:
        return f"`{reference}` is an address of the web, not a file", "fetch it, and name the file"
    if "\\" in reference:
        return f"`{reference}` holds a backslash", "folders are parted by `/`"
    if reference.lower().endswith((".yaml", ".yml", ".json")):
        return f"`{reference}` is a cluster file by its name, not a policy", "a policy is such as `./rules.netpol`"
    if reference.endswith("/"):
        return f"`{reference}` is a folder", "name a file in it, such as `./rules.netpol`"
    return None


def _load(loading: _Loading, place: Place, named_at: Span | None, path: tuple[Place, ...]) -> None:
    if place in path:
        trail = " -> ".join(one.path for one in (*path[path.index(place) :], place))
        message = f"files include each other: {trail}"
        loading.found.append(error("NP122", message, named_at, hint="remove one of the includes"))
        return
    if place in loading.files:
        return
    if len(path) > LONGEST_CHAIN:
        hint = f"{LONGEST_CHAIN} files in a chain are the most; include this one at the start"
        loading.found.append(error("NP131", "includes are nested too deep", named_at, hint=hint))
        return
    if place.shipped and place.path.startswith(".."):
        message = f"`{place.path}` leads out of the shipped policies"
        loading.found.append(error("NP121", message, named_at, hint="a file of yours begins with `./` or `/`"))
        return
    source = loading.read(place)
    if isinstance(source, Unreadable):
        loading.found.append(error(source.code, source.why, named_at, hint=source.hint))
        return
    tree, broken, syntax_errors = parse(source)
    file, literal_errors = build(tree, source, broken)
    loading.found += syntax_errors + literal_errors
    for statement in file.statements:
        if isinstance(statement, Include):
            _refer(loading, statement.path.text, statement.path.span, place, (*path, place))
    loading.files[place] = file
