"""A second reader after an apply: python-iptables, on a legacy host. It shares no code with the tools' text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from netpolicy.diagnostic import Diagnostic, error, notice
from netpolicy.node.backend import Backend
from netpolicy.node.host import Host
from netpolicy.node.stopped import Ending, StoppedError
from netpolicy.packet.addresses import FAMILIES, Family
from netpolicy.targets.iptables.normal import BUILT_IN
from netpolicy.targets.iptables.rules import Ruleset

if TYPE_CHECKING:
    from netpolicy.node.legacy import Difference, Voice

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


def packets_seen(host: Host) -> Mapping[Family, int] | None:
    """How many packets went through our jumps since they were loaded, as python-iptables reads it; None without it."""
    from netpolicy.node.legacy import BackendUnavailableError

    try:
        with host.voice() as voice:
            tables = voice.read()
    except BackendUnavailableError:
        return None
    chains = {family: [tables[family].chain(name) for name in BUILT_IN] for family in FAMILIES}
    return {
        family: sum(rule.packets for chain in each if chain is not None for rule in chain.rules)
        for family, each in chains.items()
    }


def _left_over(one: Difference) -> bool:
    """True for a chain of an old generation: nothing leads to it, and it is swept afterwards."""
    return one.number == 0 and one.wanted is None


def _silent(reason: str, hint: str) -> Diagnostic:
    message = f"python-iptables did not read the rules back: {reason}"
    return notice("NP767", message, hint=f"`iptables-legacy-save` did, and it reads what was given; {hint}")
