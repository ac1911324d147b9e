"""What changes between two policies in what they say: what came, what went, and what reads otherwise."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from netpolicy.policy.contents import Contents, Entry
from netpolicy.verify.promises import Breach


@dataclass(frozen=True, slots=True)
class Moves:
    """Entries that came and that went, and those that are kept and read otherwise, as pairs of old and new."""

    added: tuple[Entry, ...] = ()
    removed: tuple[Entry, ...] = ()
    changed: tuple[tuple[Entry, Entry], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True)
class Broken:
    """A promise that the new side breaks; `before` tells whether the old side broke it too.

    `witness` is a packet in words, empty where nodes break it; `blamed` are the places of the statements that do.
    """

    code: str
    promise: Entry
    witness: str
    message: str
    blamed: tuple[str, ...]
    before: bool

    @property
    def shown(self) -> str:
        """The message, which has the packet, without what the code says already."""
        return shown_by(self.message)


@dataclass(frozen=True, slots=True)
class Restated:
    """All that the new policy says otherwise. `lost` are the removed promises that it would break, and by what."""

    rules: Moves = Moves()
    promises: Moves = Moves()
    settings: tuple[tuple[str, str, str], ...] = ()
    broken: tuple[Broken, ...] = ()
    mended: tuple[Entry, ...] = ()
    lost: Mapping[tuple[str, str], str] | None = None

    @property
    def matters(self) -> bool:
        """True where a promise is broken, came or went."""
        return bool(self.broken or self.promises.added or self.promises.removed)

    def lost_by(self, removed: Entry) -> str | None:
        """What would break a removed promise now; empty where nothing does, None where that is not known."""
        return None if self.lost is None else self.lost.get(removed.key, "")


def restated(old: Contents, new: Contents) -> Restated:
    """What the new contents say otherwise. What only one of the two can know, such as demands, is no change."""
    both = old.demands and new.demands
    rules, promises = (
        _moves(*([one for one in entries if both or one.id] for entries in pair))
        for pair in ((old.rules, new.rules), (old.promises, new.promises))
    )
    was, is_now = dict(old.settings), dict(new.settings)
    settings = tuple(
        (name, was.get(name, ""), is_now.get(name, ""))
        for name in dict.fromkeys((*was, *is_now))
        if was.get(name) != is_now.get(name)
    )
    return Restated(rules, promises, settings)


def broken(entries: Sequence[Entry], breaches: Sequence[Breach], before: Collection[tuple[str, str]]) -> list[Broken]:
    """The breaches of the new side; `before` are the keys of the promises that the old side breaks."""
    by_key = {one.key: one for one in entries}
    return [
        Broken(
            one.finding.code,
            by_key.get(one.key, Entry(*one.key)),
            one.witness,
            one.finding.message,
            tuple(label.span.place for label in one.finding.labels[1:]),
            one.key in before,
        )
        for one in breaches
    ]


def _moves(old: Sequence[Entry], new: Sequence[Entry]) -> Moves:
    before, after = ({one.key: one for one in sorted(side, key=lambda one: one.line)} for side in (old, new))
    return Moves(
        tuple(one for key, one in after.items() if key not in before),
        tuple(one for key, one in before.items() if key not in after),
        tuple((before[key], one) for key, one in after.items() if key in before and before[key] != one),
    )


def shown_by(message: str) -> str:
    """`a -> b : tcp 1 would pass` of a message that says first which promise is broken."""
    return message.partition(" is broken: ")[2] or message
