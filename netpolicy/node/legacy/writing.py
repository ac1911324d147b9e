"""In the child: the steps of a text as one commit, and the proof that the kernel then holds what was meant."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from errno import EAGAIN
from typing import Any

from netpolicy.node.legacy.decode import decoded, entries, extensions, header_of, leads_to
from netpolicy.node.legacy.encode import encoded
from netpolicy.node.legacy.header import UnreadableError, UnwritableError
from netpolicy.node.legacy.library import opened
from netpolicy.node.legacy.live import BUILT_IN, Unreadable, is_ours
from netpolicy.node.legacy.lock import held
from netpolicy.node.legacy.reading import chain_names, policy
from netpolicy.node.legacy.text import Act, Step
from netpolicy.node.legacy.unavailable import WriteDiffersError, WriteRefusedError, words
from netpolicy.packet.addresses import Family
from netpolicy.targets.iptables.render import rule_text
from netpolicy.targets.iptables.rules import Rule

_TRIES = 5
_PAUSE = 0.02


@dataclass(frozen=True, slots=True)
class Foreign:
    """A rule that is not ours, as far as nobody but its owner changes it: no counters."""

    chain: str
    shape: tuple[object, ...]


Entry = Rule | Unreadable | Foreign
Model = dict[str, list[Entry]]


@dataclass(frozen=True, slots=True)
class _Write:
    iptc: Any
    family: Family
    steps: tuple[Step, ...]

    def run(self, wait: float) -> None:
        """All steps are in the kernel and proven, or none is."""
        with held(wait):
            for left in reversed(range(_TRIES)):
                # Read under the lock: the kernel takes a table whose number of rules fits, whoever changed the rest.
                table = opened(self.iptc, self.family)
                policies = _policies(table)
                wanted = self.staged(table, self.model(table))
                if self.committed(table, left):
                    self.prove(table, wanted, policies)
                    return
                time.sleep(_PAUSE)

    def prove(self, table: Any, wanted: Model, policies: Mapping[str, str]) -> None:
        """The kernel holds what was meant, of ours and of others; else the error names every place."""
        table.refresh()
        differences = _differences(wanted, self.model(table), self.family) + _changed(policies, _policies(table))
        if differences:
            raise WriteDiffersError(tuple(differences))

    def committed(self, table: Any, left: int) -> bool:
        """True when the kernel took it; False when the table has changed since it was read, and tries are left."""
        try:
            table.commit()
        except self.iptc.IPTCError as error:
            said = words(error)
            changed = os.strerror(EAGAIN) in said
            if changed and left:
                return False
            hint = "other programs change it all the time: run again" if changed else "nothing was written"
            raise WriteRefusedError(f"the kernel refuses the table: {said}", hint) from None
        return True

    def model(self, table: Any) -> Model:
        """Every chain of the table: our rules as values, the others as their shape."""
        return {name: [self.entry(table, name, raw) for raw in entries(table, name)] for name in chain_names(table)}

    def entry(self, table: Any, chain: str, raw: Any) -> Entry:
        if is_ours(leads_to(table, raw) if chain in BUILT_IN else chain):
            return decoded(self.iptc, table, chain, raw, self.family)
        ip = bytes(header_of(raw, self.family))
        try:
            matches, target = extensions(raw)
            parts = [(part.name, part.revision, part.size) for part in (*matches, target)]
        except UnreadableError:
            parts = []
        return Foreign(chain, (ip, *parts, leads_to(table, raw)))

    def staged(self, table: Any, model: Model) -> Model:
        """The steps wait in the table for its commit; what the table then has to be is returned."""
        for step in self.steps:
            try:
                self.stage(table, step, model)
            except UnwritableError as error:
                raise WriteRefusedError(f"`{step.text}`: {error}", "nothing was written") from None
            except self.iptc.IPTCError as error:
                raise WriteRefusedError(f"`{step.text}`: {words(error)}", "nothing was written") from None
        return model

    def stage(self, table: Any, step: Step, model: Model) -> None:
        if step.act is Act.DECLARE:
            if step.chain in model:
                table.flush_entries(step.chain)
            else:
                table.create_chain(step.chain)
            model[step.chain] = []
            return
        if step.chain not in model:
            raise UnwritableError(f"there is no chain `{step.chain}`")
        if step.act is Act.REMOVE:
            table.delete_chain(step.chain)
            del model[step.chain]
            return
        chain, rule = model[step.chain], step.rule
        assert rule is not None
        goes_to = getattr(rule.target, "chain", None)
        if goes_to is not None and goes_to not in model:
            raise UnwritableError(f"there is no chain `{goes_to}`")
        match step.act:
            case Act.APPEND:
                table.append_entry(step.chain, encoded(self.iptc, self.family, rule))
                chain.append(rule)
            case Act.INSERT if step.number <= len(chain) + 1:
                table.insert_entry(step.chain, encoded(self.iptc, self.family, rule), step.number - 1)
                chain.insert(step.number - 1, rule)
            case Act.INSERT:
                raise UnwritableError(f"the chain has {len(chain)} rules")
            case Act.DELETE if rule in chain:
                at = chain.index(rule)
                raw = next(entry for number, entry in enumerate(entries(table, step.chain)) if number == at)
                whole = table.create_rule(raw, self.iptc.Chain(table, step.chain))
                table.delete_entry(step.chain, whole.rule, whole.mask)
                del chain[at]
            case _:
                raise UnwritableError("there is no such rule")


def write(iptc: Any, family: Family, steps: tuple[Step, ...], wait: float) -> None:
    """The steps are committed as one and read back equal; else the error says whether anything was written."""
    _Write(iptc, family, steps).run(wait)


def _policies(table: Any) -> dict[str, str]:
    return {name: policy(table, name) for name in BUILT_IN}


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return [
        f"the policy of `{name}` was {before[name]} and is {after[name]}"
        for name in before
        if before[name] != after[name]
    ]


def _differences(wanted: Model, found: Model, family: Family) -> list[str]:
    said = [f"chain `{name}` is there and was not meant to be" for name in found if name not in wanted]
    for name, rules in wanted.items():
        if name not in found:
            said.append(f"chain `{name}` is not there")
            continue
        if len(rules) != len(found[name]):
            said.append(f"the number of rules in chain `{name}` is {len(found[name])} instead of {len(rules)}")
        said += [
            f"rule {number} of `{name}` was meant as `{_shown(meant, family)}` and is `{_shown(is_there, family)}`"
            for number, (meant, is_there) in enumerate(zip(rules, found[name], strict=False), 1)
            if meant != is_there
        ]
    return said


def _shown(entry: Entry, family: Family) -> str:
    match entry:
        case Rule():
            return rule_text(entry, family).strip()
        case Unreadable():
            return entry.text
        case Foreign():
            return "a rule that is not ours"
