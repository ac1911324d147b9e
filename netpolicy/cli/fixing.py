"""`lint --fix`: what is needless goes, where the rules of every node, compiled anew, let the same packets pass."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

from netpolicy.cli import FINE, UNUSABLE, WRONG
from netpolicy.cli.files import read
from netpolicy.cli.folder import OutputError, write_file
from netpolicy.cli.tell import many, tell
from netpolicy.data import folder
from netpolicy.diagnostic import Diagnostic, error, has_errors, one_line
from netpolicy.dsl.syntax import PolicyFile
from netpolicy.pipeline import InputError, Pipeline
from netpolicy.policy.load import Place, Reader, Unreadable
from netpolicy.readback import of_pipeline
from netpolicy.source import Source
from netpolicy.verify.diff.compare import diff
from netpolicy.waivers.removal import Cut, cuts, without

if TYPE_CHECKING:
    from netpolicy.cli.linting import Linting

_ROUNDS = 10
"""What goes may have been the last use of a name: then that goes in the next round."""


Removed = Mapping[str, list[Cut]]
"""What goes from each file; a file is the path that all its names lead to."""


@dataclass(frozen=True, slots=True)
class Fix:
    """The new text of a file, and how many findings are mended by it."""

    before: Source
    after: str
    count: int


def fix(linting: Linting) -> int:
    """Mends the files, or shows what would change; answers the exit status.

    A file that several of the clusters read is changed only by what is needless in all of them. So nothing is while
    one of them has errors: nobody knows what that one needs.
    """
    mended: dict[str, Fix] = {}
    for _ in range(_ROUNDS):
        texts = {file: one.after for file, one in mended.items()}
        pipelines = [linting.pipeline(path, _over(texts)) for path in linting.clusters]
        if (unsound := next((one for one in pipelines if not _sound(one)), None)) is not None:
            print(f"nothing is removed while `{one_line(unsound.cluster_path)}` has errors", file=sys.stderr)
            linting.blocked = True
            return FINE
        round_of = _round(linting, pipelines, texts)
        if not round_of:
            break
        for file, one in round_of.items():
            first = mended.get(file)
            mended[file] = Fix(first.before, one.after, first.count + one.count) if first is not None else one
    if linting.options.diff:
        return _show(mended)
    return _write(linting, mended)


def _round(linting: Linting, pipelines: list[Pipeline], texts: Mapping[str, str]) -> dict[str, Fix]:
    """What can go at once now; of several that cannot go together, those that can one after the other."""
    files = {_path(file.source): file for pipeline in pipelines for file in _own(pipeline)}
    wanted = _wanted(pipelines)
    chosen = wanted if wanted and _proved(linting, pipelines, texts, _without(files, wanted)) else {}
    if not chosen:
        for file, cut in _single(wanted):
            more = {**chosen, file: sorted({*chosen.get(file, []), cut})}
            if _proved(linting, pipelines, texts, _without(files, more)):
                chosen = more
    return {file: Fix(files[file].source, text, len(chosen[file])) for file, text in _without(files, chosen).items()}


def _path(source: Source) -> str:
    return os.path.realpath(source.name)


def _without(files: Mapping[str, PolicyFile], removed: Removed) -> dict[str, str]:
    return {file: without(files[file], cut) for file, cut in removed.items() if cut}


def _own(pipeline: Pipeline) -> Iterator[PolicyFile]:
    """The policy files of the user, by whatever name those of the product are read."""
    shipped = folder("rules").resolve()
    for file in pipeline.files:
        if file.source not in pipeline.shipped and not Path(_path(file.source)).is_relative_to(shipped):
            yield file


def _sound(pipeline: Pipeline) -> bool:
    try:
        return not has_errors(pipeline.faults) and pipeline.policy is not None
    except InputError:
        return False


def _wanted(pipelines: list[Pipeline]) -> dict[str, list[Cut]]:
    """What each file could do without, by every cluster that reads it."""
    by_file: dict[str, list[set[Cut]]] = {}
    for pipeline in pipelines:
        found = [one for one in pipeline.linted.findings if one.removable]
        for file in _own(pipeline):
            places = [one.span for one in found if one.span is not None and one.span.source is file.source]
            by_file.setdefault(_path(file.source), []).append(set(cuts(file, places)))
    return {file: sorted(set.intersection(*each)) for file, each in by_file.items() if set.intersection(*each)}


def _single(wanted: Mapping[str, list[Cut]]) -> Iterator[tuple[str, Cut]]:
    return ((name, one) for name, removed in wanted.items() if len(wanted) > 1 or len(removed) > 1 for one in removed)


def _proved(linting: Linting, pipelines: list[Pipeline], texts: Mapping[str, str], fresh: Mapping[str, str]) -> bool:
    """Whether every cluster is as sound with these texts, and every packet fares as before, by the rules read back."""
    for old in pipelines:
        new = linting.pipeline(old.cluster_path, _over({**texts, **fresh}))
        if not _sound(new) or _kinds(new.faults) != _kinds(old.faults):
            return False
        (before, _), (after, _) = of_pipeline(old), of_pipeline(new)
        if before is None or after is None or diff(before, after).changes:
            return False
    return True


def _kinds(found: list[Diagnostic]) -> list[tuple[str, str]]:
    return sorted({(one.code, one.message) for one in found})


def _over(texts: Mapping[str, str]) -> Reader:
    """Reads files, of which some have another text by now."""

    def reading(place: Place) -> Source | Unreadable:
        source = read(place)
        if isinstance(source, Source) and not place.shipped and (text := texts.get(_path(source))) is not None:
            return Source(source.name, text, source.digest)
        return source

    return reading


def _show(mended: Mapping[str, Fix]) -> int:
    for one in _in_order(mended):
        name = one_line(one.before.name)
        lines = unified_diff(one.before.text.splitlines(), one.after.splitlines(), name, name, lineterm="")
        print("\n".join(lines), flush=True)  # before what follows on stderr
    print(_said(mended, "would go"), file=sys.stderr)
    return WRONG if mended else FINE


def _in_order(mended: Mapping[str, Fix]) -> list[Fix]:
    return sorted(mended.values(), key=lambda one: one.before.name)


def _write(linting: Linting, mended: Mapping[str, Fix]) -> int:
    """Writes all files or none: what is proved is proved of them together."""
    written = list[Fix]()
    for one in _in_order(mended):
        try:
            write_file(one.before.name, one.after)
            written.append(one)
        except OutputError as failure:
            with suppress(OutputError):
                for each in written:
                    write_file(each.before.name, each.before.text)
            tell([error("NP904", str(failure), hint="check its permissions")], linting.options)
            return UNUSABLE
    if not linting.options.quiet:
        print(_said(mended, "removed"), file=sys.stderr)
    return FINE


def _said(mended: Mapping[str, Fix], verb: str) -> str:
    if not mended:
        return "nothing is needless that could go"
    each = (
        f"{one_line(one.before.name)}: {many(one.count, 'statement or name', 'statements or names')} {verb}"
        for one in _in_order(mended)
    )
    return "\n".join([*each, "proved: every packet fares as before"])
