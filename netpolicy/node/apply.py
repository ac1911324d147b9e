"""Makes the kernel hold exactly the ruleset of a node.

Sets and chains of the new generation are loaded where nothing refers to them, and read back; then one small text a
family flips to it. At every instant each family is wholly old or wholly new. What fails is taken back by looking at
what the kernel holds and at what it held, never by assuming how far we came.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import urandom

from netpolicy.diagnostic import Diagnostic, error, warning
from netpolicy.node.backend import Backend, choose, live, observe, read_live
from netpolicy.node.bundle import Bundle
from netpolicy.node.host import Host
from netpolicy.node.journal import Attempt, Journal, Phase, Record, now
from netpolicy.node.second import Second
from netpolicy.node.stopped import Ending, StoppedError
from netpolicy.node.write import Iptc, Restore, Writer, write_sets
from netpolicy.packet.addresses import FAMILIES
from netpolicy.policy.identity import Identity
from netpolicy.targets.iptables.change import change, revert, set_change
from netpolicy.targets.iptables.live import STABLE, Live, LiveTable
from netpolicy.targets.iptables.rules import Ruleset
from netpolicy.targets.iptables.standing import Standing, standing

_PHASES = {
    Ending.REFUSED: Phase.REFUSED,
    Ending.UNUSABLE: Phase.REFUSED,
    Ending.ROLLED_BACK: Phase.ROLLED_BACK,
    Ending.UNKNOWN: Phase.UNKNOWN,
}
_LATER = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM}


@dataclass(frozen=True, slots=True)
class Choices:
    """How to apply: the backend that is asked for, seconds to wait for locks, and whether python-iptables writes."""

    backend: Backend | None = None
    wait: int = 5
    by_iptc: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """An apply that came to its end. `found` is what could not be cleared away, or not read a second time, and
    what others refuse of what we admit.

    `read_twice` is True when python-iptables, too, read what was given.
    """

    backend: Backend
    changed: bool
    found: tuple[Diagnostic, ...] = ()
    read_twice: bool = False


def apply(host: Host, bundle: Bundle, journal: Journal, choices: Choices) -> Result:
    """The kernel holds the ruleset of the bundle, and the journal says so; else we are stopped, and told what it holds.

    Where it holds it already, nothing is written at all.
    """
    with journal.locked(choices.wait):
        record = journal.read()
        refuse_older(bundle.identity, record)
        refuse_unseen(host, record)
        observed = observe(host)
        backend = choose(host, observed, choices.backend)
        before = live(host, backend, observed)
        one = standing(before, bundle.ruleset)
        if one.in_force and one.clean and _said(record, bundle.identity, backend) and journal.keeps(bundle):
            return Result(backend, changed=False, found=tuple(_overruled(before, bundle.ruleset)))
        by = writer(host, backend, choices)
        refuse_unable(host, backend, bundle.ruleset)
        attempt = Attempt(urandom(4).hex(), Phase.BEGUN, bundle.identity.digest, backend.value, now())
        journal.begin(bundle, attempt, record)
        with _undisturbed():
            work = _Work(by, Restore(host, backend, choices.wait), before, one, bundle.ruleset)
            try:
                work.bring_in()
            except StoppedError as stopped:
                ending, found = work.take_back(stopped)
                journal.ended(attempt, _PHASES[ending], record)
                raise StoppedError(ending, *found) from None
            journal.applied()
            told = (*work.second.found, *work.sweep(), *_overruled(before, bundle.ruleset))
            return Result(backend, not one.in_force, told, work.second.spoke)


def choices_of(backend: str, wait: int, via: str) -> Choices:
    """The choices as a command line says them; `auto` is the backend that holds rules."""
    return Choices(None if backend == "auto" else Backend(backend), wait, by_iptc=via == "iptc")


def writer(host: Host, backend: Backend, choices: Choices) -> Writer:
    """What writes to that backend; python-iptables writes to the legacy one only."""
    if not choices.by_iptc:
        return Restore(host, backend, choices.wait)
    if backend is not Backend.LEGACY:
        message = f"`--via iptc` writes to {Backend.LEGACY.value}, and the backend here is {backend.value}"
        raise StoppedError(Ending.REFUSED, error("NP752", message, hint="leave `--via iptc` away"))
    return Iptc(choices.wait)


def refuse_older(identity: Identity, record: Record) -> None:
    """A build that is older than what was applied stops us, and so does one whose order nobody knows."""
    last = record.in_force
    if last is None or identity.serial >= last.serial:
        return
    given = f"has serial {identity.serial}" if identity.serial else "has no serial"
    hint = f"compile with `--serial {last.serial}` or greater"
    found = error("NP757", f"this build {given}, and {last.serial} was applied at {last.at}", hint=hint)
    raise StoppedError(Ending.REFUSED, found)


def refuse_unseen(host: Host, record: Record) -> None:
    """Where the tools are gone of the backend that was applied to, its rules may be in force and nobody sees them."""
    if record.in_force is None:
        return
    for family in FAMILIES:
        tool = Backend(record.in_force.backend).tool(family, "save")
        if not host.has(tool):
            message = f"`{tool}` is not installed, and {record.in_force.backend} was applied to at {record.in_force.at}"
            hint = "install it: rules that nobody can read may be in force, and a packet passes both backends"
            raise StoppedError(Ending.UNUSABLE, error("NP753", message, hint=hint))


def refuse_unable(host: Host, backend: Backend, ruleset: Ruleset) -> None:
    """Each program that an apply needs is there, or we are stopped before anything is begun."""
    for family in FAMILIES:
        host.need(backend.tool(family, "restore"))
    if ruleset.sets:
        host.need("ipset")


def refusals(host: Host, bundle: Bundle, record: Record, backend: Backend, choices: Choices) -> list[Diagnostic]:
    """All for which an apply would refuse these rules, whatever the kernel holds."""
    found: list[Diagnostic] = []
    for refuse in (
        lambda: refuse_older(bundle.identity, record),
        lambda: writer(host, backend, choices),
        lambda: refuse_unable(host, backend, bundle.ruleset),
    ):
        try:
            refuse()
        except StoppedError as stopped:
            found += stopped.found
    return found


def _said(record: Record, identity: Identity, backend: Backend) -> bool:
    """True when the journal has nothing new to say."""
    one, last = record.in_force, record.last
    wanted = (identity.cluster, identity.node, identity.digest, identity.serial, backend.value)
    told = one is not None and (one.cluster, one.node, one.digest, one.serial, one.backend) == wanted
    return told and last is not None and last.phase is Phase.APPLIED


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Signals that would end us wait until the block has ended; its programs wait for nothing without end."""
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, _LATER)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)


class _Work:
    """One change of the kernel, and the way back."""

    def __init__(self, by: Writer, back: Restore, before: Live, one: Standing, wanted: Ruleset) -> None:
        self.host, self.backend = back.host, by.backend
        self.writer, self.back = by, back  # whatever brought the new rules in: the way back is the plain tool
        self.second = Second(self.host, self.backend)
        self.wanted = wanted
        self.before = before
        self.changes = [change(each) for each in one.families]
        self.sets = set_change(before, one, wanted)

    def bring_in(self) -> None:
        """The kernel holds what is wanted, by its own word."""
        if self.sets.create:
            write_sets(self.host, self.sets.create)
        for one in self.changes:
            if one.load:
                self.writer.write(one.family, one.load)
        if self.sets.create or any(one.load for one in self.changes):
            self._check(flipped=False)
        for one in self.changes:
            if one.flip:
                self.writer.write(one.family, one.flip)
        self._check(flipped=True)
        self.second.check(self.wanted)

    def _check(self, *, flipped: bool) -> None:
        one = standing(read_live(self.host, self.backend), self.wanted)
        loaded = not one.absent and not one.changed and not any(each.stale for each in one.families)
        if not loaded or (flipped and not one.in_force):
            what = _unlike(one)
            hint = "does another program change our chains at the same time?"
            found = error("NP761", f"the kernel does not hold what it was given: {what} differ", hint=hint)
            raise StoppedError(Ending.REFUSED, found)

    def take_back(self, stopped: StoppedError) -> tuple[Ending, list[Diagnostic]]:
        """Our part of the kernel is what it was, if that can be; what to tell of it."""
        found = list(stopped.found)
        self.second.close()
        try:
            flipped = self._revert()
            after = read_live(self.host, self.backend)
        except StoppedError as again:
            return Ending.UNKNOWN, [*found, *again.found, _unknown(self.backend)]
        if any(revert(after.table(family), self.before.table(family)) for family in FAMILIES):
            return Ending.UNKNOWN, [*found, _unknown(self.backend)]
        self._destroy([name for name in self.sets.created if name in after.sets or name in after.strange])
        if not flipped:
            return (Ending.UNUSABLE if stopped.ending is Ending.UNUSABLE else Ending.REFUSED), found
        message = "the new rules could not come into force in both families, so the old ones were put back in both"
        hint = "mend what is told above, then apply again"
        return Ending.ROLLED_BACK, [*found, error("NP762", message, hint=hint)]

    def _revert(self) -> bool:
        """Writes what brings the old rules back; answers whether new ones were in force in some family."""
        held = read_live(self.host, self.backend)
        flipped = False
        for family in FAMILIES:
            flipped = flipped or _force(held.table(family)) != _force(self.before.table(family))
            text = revert(held.table(family), self.before.table(family))
            if text:
                self.back.write(family, text)
        return flipped

    def sweep(self) -> Iterator[Diagnostic]:
        """What nothing needs is gone; what cannot go is told, and does no harm."""
        for one in self.changes:
            if one.sweep:
                try:
                    self.writer.write(one.family, one.sweep)
                except StoppedError as stopped:
                    yield from (_left("chains of an old generation", why.message) for why in stopped.found)
        yield from self._destroy(self.sets.left)

    def _destroy(self, names: tuple[str, ...] | list[str]) -> list[Diagnostic]:
        """The sets are gone, all by one call where all can go."""
        text = "".join(f"destroy {name}\n" for name in names)
        if not text or not self.host.run("ipset", "restore", text=text).status:
            return []
        left = ((name, self.host.run("ipset", "-exist", "destroy", name)) for name in names)
        return [_left(f"set `{name}`", answer.why) for name, answer in left if answer.status]


def _force(table: LiveTable) -> list[object]:
    """What decides which generation a packet meets: our stable chains, and the rules that lead to them."""
    names = [name for pair in STABLE.items() for name in pair]
    chains = [(name, table.chain(name)) for name in names]
    return [
        [rule.text for rule in chain.rules if rule.target[0] in STABLE.values() or name in STABLE.values()]
        if chain is not None
        else []
        for name, chain in chains
    ]


def _unlike(one: Standing) -> str:
    chains = [chain.name for each in one.families for chain in (*each.stale, *each.unflipped)]
    jumps = [jump.built_in for each in one.families for jump in each.jumps if not jump.stands]
    return ", ".join(f"`{name}`" for name in dict.fromkeys((*one.absent, *one.changed, *chains, *jumps)))


def _overruled(live: Live, wanted: Ruleset) -> list[Diagnostic]:
    """What others refuse of what we admit; where the built-in chains hold nothing of others, nothing is imported."""
    chains = [chain for family in FAMILIES for name in STABLE if (chain := live.table(family).chain(name)) is not None]
    alone = all(rule.target[0] in STABLE.values() for chain in chains for rule in chain.rules)
    if alone and all(chain.policy == "ACCEPT" for chain in chains):
        return []
    from netpolicy.node.overruled import overruled

    return overruled(live, wanted)


def _left(what: str, why: str) -> Diagnostic:
    return warning("NP765", f"{what} could not be removed: {why}", hint="it does no harm; the next apply tries again")


def _unknown(backend: Backend) -> Diagnostic:
    tools = " and ".join(f"`{backend.tool(family, 'save')}`" for family in FAMILIES)
    message = "the old rules could not be put back, and nobody knows which rules are in force"
    hint = f"see `netpolicy apply-rules status` and {tools}; when the cause is mended, apply again"
    return error("NP763", message, hint=hint)
