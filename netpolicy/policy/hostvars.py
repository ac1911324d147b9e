"""Values of Ansible's host variables: what it wraps is unwrapped, what it leaves unread is refused."""

from __future__ import annotations

import re

from netpolicy.policy.facts import UNSAFE
from netpolicy.policy.values import Values
from netpolicy.policy.yamltree import Branch, Mapping, Scalar, Sequence, member
from netpolicy.source import Span

VAULT = "__ansible_vault"
_TEMPLATE = re.compile(r"\{[{%#]")


class HostValues:
    """Reads the values of `netpolicy_*` variables; one that many hosts share is read once."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.known: dict[int, Branch | None] = {}

    def read(self, variable: str, branch: Branch) -> Branch | None:
        """The value as a cluster file would hold it; None where an error was told."""
        if id(branch) not in self.known:
            if isinstance(branch, Scalar) and branch.plain and branch.text == "null":
                hint = "give it a value, or remove the variable"
                self.values.fail("NP203", f"`{variable}` is empty", branch.span, hint)
                self.known[id(branch)] = None
            else:
                self.known[id(branch)] = self._plain(branch)
        return self.known[id(branch)]

    def _plain(self, branch: Branch) -> Branch | None:
        if isinstance(branch, Scalar):
            return None if self.template(branch) else branch
        if isinstance(branch, Sequence):
            items = [self._plain(item) for item in branch.items]
            whole = tuple(item for item in items if item is not None)
            return Sequence(whole, branch.span) if len(whole) == len(items) else None
        wrapped = member(branch, UNSAFE)
        if isinstance(wrapped, Scalar):
            return self._plain(Scalar(wrapped.text, False, wrapped.span))
        if member(branch, VAULT) is not None:
            start = branch.span.start
            hint = "vault values stay encrypted in an inventory; who may talk to whom has to be readable"
            self.values.fail("NP223", "this value is encrypted", Span(self.values.source, start, start + 1), hint)
            return None
        entries = [(key, self._plain(value)) for key, value in branch.entries]
        read = tuple((key, value) for key, value in entries if value is not None)
        return Mapping(read, branch.span) if len(read) == len(entries) else None

    def template(self, scalar: Scalar) -> bool:
        """True, and an error is told, where the text is a template that nobody has filled in."""
        if not _TEMPLATE.search(scalar.text):
            return False
        hint = "write the value; an inventory holds what templates give only where the `constructed` plugin composes it"
        self.values.fail("NP223", "this template is not filled in", scalar.span, hint)
        return True
