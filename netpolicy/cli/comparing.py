"""Which sides `diff` compares, and all that changes between two of them."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from netpolicy.cli import UNUSABLE
from netpolicy.cli.operand import GIT, Operand, OperandError
from netpolicy.cli.reporting import clashing
from netpolicy.diagnostic import error

if TYPE_CHECKING:
    from netpolicy.policy.model import Policy
    from netpolicy.report.diff import Comparison, Input
    from netpolicy.verify.diff.restated import Restated
    from netpolicy.verify.emitted import Emitted

Pair = tuple[str, str]
Key = tuple[str, str]


def pairs(options: argparse.Namespace) -> list[Pair]:
    """The names of the sides, old and new; what names no two sides is an OperandError."""
    given, against = list(dict.fromkeys(options.operands)), options.against
    if clash := clashing(options):
        raise _usage(f"two reports would go to `{clash}`", "give each a file of its own")
    if against is None:
        if len(options.operands) == 2:
            return [(options.operands[0], options.operands[1])]
        if len(options.operands) > 2:
            raise _usage(
                f"{len(options.operands)} operands, and nothing says what they are compared with",
                "several clusters are compared with `--against git:REV`",
            )
        raise _usage(
            f"nothing is named to compare `{given[0]}` with", "add `--against git:HEAD`, or name two sides: OLD NEW"
        )
    sides = [one for one in given if one.startswith(GIT) and ":" not in one.removeprefix(GIT)]
    if sides:
        raise _usage(
            f"`{sides[0]}` and `--against {against}` both name an old side",
            "leave one of them out; a cluster is a file",
        )
    if len(given) > 1 and (not against.startswith(GIT) or ":" in against.removeprefix(GIT)):
        raise _usage(
            f"`{against}` is one side, and {len(given)} clusters are to be compared with it",
            "`--against git:REV` compares each with itself, as of that revision",
        )
    return [(against, one) for one in given]


def _usage(why: str, hint: str) -> OperandError:
    return OperandError(UNUSABLE, error("NP905", why, hint=hint))


def compared(old: Operand, new: Operand, before: Emitted, after: Emitted, options: argparse.Namespace) -> Comparison:
    """All that changes between two clusters."""
    from netpolicy.report.diff import Comparison
    from netpolicy.verify.diff.compare import diff

    found, inputs = diff(before, after), tuple(inputs_of(old, new))
    command = _command(old.name, new.name, options)
    return Comparison(old.name, new.name, found, _restated(old, new), inputs, command, absent=old.absent)


def _command(old: str, new: str, options: argparse.Namespace) -> str:
    """What to run to see everything: the same comparison, for programs."""
    sides = [old, new] if options.against is None else [new, "--against", old]
    cluster = ["--cluster", options.cluster] if options.cluster else []
    day = ["--as-of", options.as_of.isoformat()] if options.as_of else []
    omit = ["--omit-expired"] if options.omit_expired else []
    return shlex.join(["netpolicy", "diff", *sides, *cluster, *day, *omit, "--format", "json"])


def inputs_of(old: Operand, new: Operand) -> Iterator[Input]:
    """The files that were read."""
    from netpolicy.report.diff import Input

    for side, one in (("old", old), ("new", new)):
        yield from (Input(side, path, digest) for path, digest in one.inputs)


def _restated(old: Operand, new: Operand) -> Restated | None:
    """What the new policy says otherwise, which promises are broken, and which of the removed ones would be."""
    from netpolicy.verify.diff.restated import broken, restated

    if old.contents is None or new.contents is None:
        return None
    found = restated(old.contents, new.contents)
    before, after = ({one.key for one in side.breaches} for side in (old, new))
    return replace(
        found,
        broken=tuple(broken(new.contents.promises, new.breaches, before)),
        mended=tuple(one for one in new.contents.promises if one.key in before and one.key not in after),
        lost=_lost(old, new, {one.key for one in found.promises.removed}, before),
    )


def _lost(old: Operand, new: Operand, removed: Collection[Key], before: Collection[Key]) -> dict[Key, str] | None:
    """What would break each removed promise on the new side; None where it is not about the same nodes there."""
    from netpolicy.verify.diff.restated import shown_by
    from netpolicy.verify.promises import Breach, judged, judged_demands

    was = old.pipeline.policy if old.pipeline is not None else None
    now = new.pipeline.policy if new.pipeline is not None else None
    if not removed or was is None or now is None or new.pipeline is None or not _same_nodes(was, now):
        return None
    promises = [one for one in was.statements if (one.verb.value, one.id) in removed]
    found: list[Breach] = judged(now, new.pipeline.plans, promises) + judged_demands(now, was.demands)
    return {
        one.key: shown_by(one.finding.message) + (" (as before)" if one.key in before else "")
        for one in reversed(found)
        if one.key in removed
    }


def _same_nodes(old: Policy, new: Policy) -> bool:
    """True where the selectors of the one mean the same in the other."""
    a, b = old.cluster, new.cluster
    return (a.nodes, a.networks, a.mbus) == (b.nodes, b.networks, b.mbus)
