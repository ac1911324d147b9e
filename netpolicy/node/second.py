"""A second reader after an apply: python-iptables, on a legacy host. It shares no code with the tools' text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netpolicy.diagnostic import Diagnostic, error, notice
from netpolicy.node.backend import Backend
from netpolicy.node.host import Host
from netpolicy.node.stopped import Ending, StoppedError
from netpolicy.packet.addresses import FAMILIES, Family
from netpolicy.targets.iptables.live import STABLE, Live, LiveRule
from netpolicy.targets.iptables.normal import BUILT_IN
from netpolicy.targets.iptables.rules import Ruleset

if TYPE_CHECKING:
    from netpolicy.node.drift import Held
    from netpolicy.node.legacy import Difference, LegacyTable, Voice

_MOST = 5


class Second:
    """The reader, which loads its library while the rules are loaded. On another backend it has nothing to say."""

    def __init__(self, host: Host, backend: Backend) -> None:
        self.spoke = False
        self.found: list[Diagnostic] = []
        self._voice: Voice | None = None
        if backend is Backend.LEGACY:
            from netpolicy.node.legacy import BackendUnavailableError

            try:
                self._voice = host.voice()
            except BackendUnavailableError as failure:
                self.found.append(_silent(failure.reason, failure.hint))

    def check(self, wanted: Ruleset) -> None:
        """It reads what is wanted, or we are stopped. Where it cannot read at all, that is told in `found`."""
        if self._voice is None:
            return
        from netpolicy.node.legacy import BackendUnavailableError, second_voice

        voice, self._voice = self._voice, None
        try:
            differing = [one for one in second_voice(wanted, voice) if not _left_over(one)]
        except BackendUnavailableError as failure:
            self.found.append(_silent(failure.reason, failure.hint))
            return
        self.spoke = True
        if differing:
            notes = [one.text for one in differing[:_MOST]]
            message = f"python-iptables reads other rules than were given (differences: {len(differing)})"
            hint = "does another program change our chains at the same time?"
            raise StoppedError(Ending.REFUSED, error("NP761", message, hint=hint, notes=notes))

    def close(self) -> None:
        """Its process is gone, whether it was asked or not."""
        if self._voice is not None:
            self._voice.close()


@dataclass(frozen=True, slots=True)
class Seen:
    """How many packets went through our jumps since they were loaded, by family, and who says so."""

    by: str
    packets: Mapping[Family, int]


def packets_seen(host: Host, held: Held) -> Seen:
    """On a legacy host by the word of python-iptables, where it works."""
    if held.backend == Backend.LEGACY.value:
        from netpolicy.node.legacy import BackendUnavailableError

        with suppress(BackendUnavailableError), host.voice() as voice:
            return Seen("python-iptables", {family: _by_voice(table) for family, table in voice.read().items()})
    jumps = {family: list(_jumps(held.live, family)) for family in FAMILIES}
    counts = {family: [rule.packets or 0 for rule in rules] for family, rules in jumps.items()}
    return Seen(f"{held.backend}-save", {family: sum(each) for family, each in counts.items()})


def _by_voice(table: LegacyTable) -> int:
    chains = (table.chain(name) for name in BUILT_IN)
    return sum(rule.packets for chain in chains if chain is not None for rule in chain.rules)


def _jumps(live: Live, family: Family) -> Iterator[LiveRule]:
    chains = (live.table(family).chain(name) for name in BUILT_IN)
    return (rule for chain in chains if chain is not None for rule in chain.rules if rule.target[0] in STABLE.values())


def _left_over(one: Difference) -> bool:
    """True for a chain of an old generation: nothing leads to it, and it is swept afterwards."""
    return one.number == 0 and one.wanted is None


def _silent(reason: str, hint: str) -> Diagnostic:
    message = f"python-iptables did not read the rules back: {reason}"
    return notice("NP767", message, hint=f"`iptables-legacy-save` did, and it reads what was given; {hint}")
