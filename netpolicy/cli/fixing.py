"""`lint --fix`: what is needless goes, where the rules of every node, compiled anew, let the same packets pass."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import TYPE_CHECKING

from netpolicy.cli import FINE, UNUSABLE, WRONG
from netpolicy.cli.files import read
from netpolicy.cli.folder import OutputError, write_file
from netpolicy.cli.tell import many, tell
from netpolicy.diagnostic import Diagnostic, error, has_errors
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


@dataclass(frozen=True, slots=True)
class Fix:
    """The new text of a file, and how many findings are mended by it."""

    before: Source
    after: str
    count: int


def fix(linting: Linting) -> int:
    """Mends the files, or shows what would change; answers the exit status.

    A file that several of the clusters read is changed only by what is needless in all of them.
    """
    mended: dict[str, Fix] = {}
    for _ in range(_ROUNDS):
        round_of = _round(linting, {name: one.after for name, one in mended.items()})
        if not round_of:
            break
        for name, one in round_of.items():
            first = mended.get(name)
            mended[name] = Fix(first.before, one.after, first.count + one.count) if first is not None else one
    if linting.options.diff:
        return _show(mended)
    return _write(linting, mended)


def _round(linting: Linting, texts: Mapping[str, str]) -> dict[str, Fix]:
    """What can go at once now; of several that cannot go together, those that can one after the other."""
    pipelines = [one for path in linting.clusters if (one := _sound(linting.pipeline(path, _over(texts)))) is not None]
    wanted = _wanted(pipelines)
    chosen = wanted if wanted and _proved(linting, pipelines, texts, wanted) else {}
    if not chosen:
        for name, cut in _single(wanted):
            more = {**chosen, name: sorted({*chosen.get(name, []), cut})}
            if _proved(linting, pipelines, texts, more):
                chosen = more
    sources = {one.name: one for pipeline in pipelines for one in pipeline.sources}
    return {
        name: Fix(sources[name], without(sources[name].text, removed), len(removed))
        for name, removed in chosen.items()
        if removed
    }


def _sound(pipeline: Pipeline) -> Pipeline | None:
    try:
        return pipeline if not has_errors(pipeline.faults) and pipeline.policy is not None else None
    except InputError:
        return None


def _wanted(pipelines: list[Pipeline]) -> dict[str, list[Cut]]:
    """What each file could do without, by every cluster that reads it."""
    by_file: dict[str, list[set[Cut]]] = {}
    for pipeline in pipelines:
        found = [one for one in pipeline.linted.findings if one.removable]
        for file in pipeline.files:
            if file.source not in pipeline.shipped:
                places = [one.span for one in found if one.span is not None and one.span.source is file.source]
                by_file.setdefault(file.source.name, []).append(set(cuts(file, places)))
    return {name: sorted(set.intersection(*each)) for name, each in by_file.items() if set.intersection(*each)}


def _single(wanted: Mapping[str, list[Cut]]) -> Iterator[tuple[str, Cut]]:
    return ((name, one) for name, removed in wanted.items() if len(wanted) > 1 or len(removed) > 1 for one in removed)


def _proved(
    linting: Linting, pipelines: list[Pipeline], texts: Mapping[str, str], removed: Mapping[str, list[Cut]]
) -> bool:
    """Whether every cluster is as sound without it, and every packet fares as before, by the rules read back."""
    for old in pipelines:
        sources = {one.name: one.text for one in old.sources}
        fresh = {name: without(sources[name], cut) for name, cut in removed.items() if name in sources}
        new = _sound(linting.pipeline(old.cluster_path, _over({**texts, **fresh})))
        if new is None or _kinds(new.faults) != _kinds(old.faults):
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
        if isinstance(source, Source) and not place.shipped and source.name in texts:
            return Source(source.name, texts[source.name], source.digest)
        return source

    return reading


def _show(mended: Mapping[str, Fix]) -> int:
    for name, one in sorted(mended.items()):
        lines = unified_diff(one.before.text.splitlines(), one.after.splitlines(), name, name, lineterm="")
        print("\n".join(lines), flush=True)  # before what follows on stderr
    print(_said(mended, "would go"), file=sys.stderr)
    return WRONG if mended else FINE


def _write(linting: Linting, mended: Mapping[str, Fix]) -> int:
    for name, one in sorted(mended.items()):
        try:
            write_file(name, one.after)
        except OutputError as failure:
            tell([error("NP904", str(failure), hint=failure.hint)], linting.options)
            return UNUSABLE
    if mended and not linting.options.quiet:
        print(_said(mended, "removed"), file=sys.stderr)
    return FINE


def _said(mended: Mapping[str, Fix], verb: str) -> str:
    if not mended:
        return "nothing is needless that could go"
    each = (
        f"{name}: {many(one.count, 'statement or name', 'statements or names')} {verb}"
        for name, one in sorted(mended.items())
    )
    return "\n".join([*each, "proved: every packet fares as before"])
