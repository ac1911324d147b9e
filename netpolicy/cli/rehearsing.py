"""What `rehearse` plays: the rules of every node, the packets that are chosen, and how they fared."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

from netpolicy.cli.against import otherwise, unknown
from netpolicy.cli.node_rules import statements
from netpolicy.diagnostic import error, has_errors
from netpolicy.lab.able import unable
from netpolicy.lab.apart import apart
from netpolicy.lab.explain import Disagreement
from netpolicy.lab.pairs import Pair
from netpolicy.lab.party import Party
from netpolicy.lab.post import LostError
from netpolicy.lab.rehearse import Choice, Outcome, Rehearsal, rehearsal, run
from netpolicy.lab.space import SpaceError
from netpolicy.node.backend import Backend
from netpolicy.node.bundle import Build, Bundle, bundle_of, class_digest
from netpolicy.node.stopped import Ending, StoppedError
from netpolicy.packet.addresses import AddressSet
from netpolicy.packet.intervals import overlaps
from netpolicy.pipeline import Pipeline
from netpolicy.policy.cluster import Address
from netpolicy.policy.identity import identity_of
from netpolicy.policy.model import Policy
from netpolicy.policy.question import Asking, Question
from netpolicy.report.rehearsal import Judged, Played, Rehearsed, Told
from netpolicy.verify.meaning import atoms

_PROCESSES = 4
"""As many at most share a backend: each hears all packets, and what one sends alone gets less with every other."""


def rehearsed(pipeline: Pipeline, options: argparse.Namespace) -> tuple[Played, list[Rehearsed]]:
    """What was asked and how it fared; a StoppedError tells why it could not be."""
    policy = pipeline.policy
    assert policy is not None
    backends = [one for one in Backend if one.value in options.backend or not options.backend]
    asked = _asked(pipeline, policy, options.only)
    missing = unable(backends)
    if missing:
        raise StoppedError(Ending.UNUSABLE, *missing)
    try:
        one = rehearsal(policy, [plan.node_class for plan in pipeline.plans], _choice(policy, asked))
    except SpaceError as failure:
        hint = "choose some of them with `--only`: nodes of a class are judged alike"
        raise StoppedError(Ending.UNUSABLE, error("NP324", str(failure), hint=hint)) from None
    if not one.probes:
        hint = "packets go between two hosts, one of which is a node: name roles, networks or nodes of the cluster"
        raise StoppedError(Ending.UNUSABLE, error("NP325", f"`{options.only}` is about nobody here", hint=hint))
    bundles = _of_build(policy, options.build) if options.build else _compiled(pipeline, policy)
    try:
        with _progress(one.probes * len(backends), options) as progress:
            # A backend has a processor of its own, or a single one has some.
            processes = min(os.cpu_count() or 1, _PROCESSES) if len(backends) == 1 else 1
            outcomes = apart([partial(_run, one, bundles, backend, processes) for backend in backends], progress)
    except (SpaceError, LostError) as failure:
        raise StoppedError(Ending.UNUSABLE, error("NP324", str(failure))) from None
    return _played(policy, one), [_result(outcome) for outcome in outcomes]


def _run(
    one: Rehearsal, bundles: dict[str, Bundle], backend: Backend, processes: int, progress: Callable[[int], object]
) -> Outcome:
    return run(one, bundles, backend, progress, processes)


def _compiled(pipeline: Pipeline, policy: Policy) -> dict[str, Bundle]:
    """The rules of every node, proved as any compile is."""
    nodes = {node.name: node for node in policy.cluster.nodes}
    texts = statements(policy)
    bundles: dict[str, Bundle] = {}
    for built, limits in pipeline.built():
        wrong = [*(one for one in limits if has_errors([one])), *pipeline.proved(built)[1]]
        if wrong:
            raise StoppedError(Ending.REFUSED, *wrong)
        digest = class_digest(built.files)
        first: Bundle | None = None
        for name in built.node_class.members:
            identity = identity_of(policy.cluster, nodes[name], digest)
            first = first or bundle_of(identity, built.files, texts)
            bundles[name] = Bundle(identity, first.files, first.ruleset, texts)
    return bundles


def _of_build(policy: Policy, folder: str) -> dict[str, Bundle]:
    """The rules of every node as a build has them; it must be one of these nodes."""
    try:
        build = Build(Path(folder))
        nodes = {node.name: node for node in policy.cluster.nodes}
        wrong = list(unknown(nodes, build))
        for name, node in nodes.items():
            if name in build.manifest["nodes"]:
                wrong += otherwise(policy, node, build.identity(name))
        if wrong:
            raise StoppedError(Ending.UNUSABLE, *wrong)
        return {name: build.bundle(name) for name in nodes}
    except StoppedError as stopped:  # what is wrong with a build says nothing about its rules
        raise StoppedError(Ending.UNUSABLE, *stopped.found) from None


def _asked(pipeline: Pipeline, policy: Policy, only: str | None) -> tuple[Question, ...]:
    """Who and whom `--only` names; nothing where it is not given."""
    if only is None:
        return ()
    if not only.strip():
        hint = "give it a value, or leave it away"
        raise StoppedError(Ending.UNUSABLE, error("NP325", "`--only` has an empty value", hint=hint))
    asking = Asking(pipeline.files, policy.cluster, policy.egress)
    asked, unfit = asking.read(f"{only} : any")
    if has_errors(unfit):
        if not has_errors(Asking(pipeline.files, policy.cluster, policy.egress).read(only)[1]):
            hint = "leave out the `:` and what follows: every edge of every port is asked"
            unfit = [error("NP325", "`--only` names who and whom alone", hint=hint)]
        raise StoppedError(Ending.UNUSABLE, *unfit)
    return asked


def _choice(policy: Policy, asked: Sequence[Question]) -> Choice:
    """All, or what a question is about. A stranger stands for all addresses that the policy does not tell from it."""
    if not asked:
        return Choice()
    known = atoms(policy)

    @cache
    def holds(side: AddressSet, address: Address) -> bool:
        family, number = address
        if address in side or address in policy.nodes:
            return address in side
        return overlaps(side.of(family), known[family].members(known[family].number(number)))

    def takes(party: Party) -> bool:
        return any(holds(side, address) for _, address in party.addresses for side in sides)

    def asks(pair: Pair) -> bool:
        return any(
            (holds(one.who.addresses, pair.seen) or holds(one.who.addresses, pair.source)) and aims(one, pair)
            for one in asked
        )

    def aims(one: Question, pair: Pair) -> bool:
        virtual: list[Address] = [(each.family, each.address) for each in one.whom.virtual]
        whom = one.whom.addresses
        return pair.destination in virtual or holds(whom, pair.via) or holds(whom, pair.destination)

    sides = [side.addresses for one in asked for side in (one.who, one.whom)]
    sides += [each.nodes for one in asked for each in one.whom.virtual]
    return Choice(takes, asks)


@contextmanager
def _progress(total: int, options: argparse.Namespace) -> Iterator[Callable[[int], Any]]:
    """A bar on a terminal."""
    if options.quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit=" probes", leave=False, file=sys.stderr) as bar:
        yield bar.update


def _played(policy: Policy, one: Rehearsal) -> Played:
    pairs: Counter[tuple[str, str]] = Counter()
    for batch in one.batches:
        pairs[_ends(batch.pair)] += len(batch)
    nodes = sum(party.judges for party in one.parties)
    return Played(policy.cluster.name, nodes, pairs, one.passing, one.left_out)


def _result(outcome: Outcome) -> Rehearsed:
    odd = Counter(_ends(each.batch.pair) for each in outcome.odd)
    return Rehearsed(outcome.backend.value, odd, tuple(map(_told, outcome.explained)))


def _told(one: Disagreement) -> Told:
    judged = tuple(
        Judged(voice.stop.node, voice.stop.hook, voice.policy, voice.decide, voice.met) for voice in one.voices
    )
    return Told(*_ends(one.pair), one.words, one.policy, one.kernel, judged, one.finding)


def _ends(pair: Pair) -> tuple[str, str]:
    return str(pair.sender), str(pair.receiver)
