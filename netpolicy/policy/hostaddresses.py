"""The addresses of an Ansible host: from `netpolicy_*` variables, from facts, or from `ansible_host`; never guessed."""

from __future__ import annotations

import ipaddress

from netpolicy.diagnostic import did_you_mean
from netpolicy.policy.facts import Cards, cards, text_of
from netpolicy.policy.hostvars import HostValues
from netpolicy.policy.yamltree import Branch, Mapping, Scalar, Sequence
from netpolicy.source import Span

ADDRESS, INTERFACES, HOST = "netpolicy_address", "netpolicy_interfaces", "ansible_host"
Native = dict[str, Branch]
"""Keys of a cluster file with their values."""
_GIVE = f"give it `{ADDRESS}`, or `{INTERFACES}: [eth0]` where `ansible_host` is the address of eth0"
_GIVE_ONE = f"make `ansible_host` the address of that interface, or give `{ADDRESS}`"


class HostAddresses:
    """Finds what the entry of a node in a cluster file would say of its interfaces."""

    def __init__(self, read: HostValues) -> None:
        self.values = read.values
        self.template = read.template

    def native(self, name: Scalar, given: dict[str, Branch], variables: dict[str, Branch]) -> Native:
        """`interfaces` or `address`; nothing where an error was told.

        `given` are the `netpolicy_*` values of the host, `variables` all that is known of it. A list of interfaces says
        which of them count; the facts know their addresses. That of a single one may be `ansible_host`, too.
        """
        named, address = given.get(INTERFACES), given.get(ADDRESS)
        if named is None:
            return {"address": address} if address is not None else self._only(name, cards(variables))
        if isinstance(named, Mapping):
            return {"interfaces": named} if address is None else self._both(name, address)
        if isinstance(named, Sequence) and not named.items:
            return self._unknown(f"`{INTERFACES}` of `{name.text}` names no interface", named.span, _GIVE)
        wanted = {self.values.interface(item): item.span for item in self.values.items(named, f"`{INTERFACES}`")}
        if not wanted or "" in wanted:
            return {}
        if address is not None:
            return (
                _interfaces(dict.fromkeys(wanted, address), wanted) if len(wanted) == 1 else self._both(name, address)
            )
        known = cards(variables)
        return self._from_facts(name, wanted, known) if known else self._reached(name, wanted, variables)

    def _both(self, name: Scalar, address: Branch) -> Native:
        hint = f"it goes with a single interface; give `{INTERFACES}: {{INTERFACE: [ADDRESS]}}` alone"
        self.values.fail("NP203", f"host `{name.text}` has both `{ADDRESS}` and `{INTERFACES}`", address.span, hint)
        return {}

    def _unknown(self, message: str, place: Span, hint: str) -> Native:
        self.values.fail("NP222", message, place, hint)
        return {}

    def _only(self, name: Scalar, known: Cards) -> Native:
        """The only interface that the facts know."""
        if not known:
            return self._unknown(f"host `{name.text}` has no address", name.span, _GIVE)
        if len(known) > 1:
            hint = f"say which interfaces are the cluster's, such as `{INTERFACES}: [eth0]`"
            return self._unknown(f"host `{name.text}` has addresses on {_quoted(known)}", name.span, hint)
        return _interfaces(_listed(known), {card: held[0].span for card, held in known.items()})

    def _from_facts(self, name: Scalar, wanted: dict[str, Span], known: Cards) -> Native:
        missing = [card for card in wanted if card not in known]
        for card in missing:
            hint = did_you_mean(card, known) or f"they know those of {_quoted(known)}"
            self._unknown(f"the facts of `{name.text}` know no address of `{card}`", wanted[card], hint)
        return {} if missing else _interfaces(_listed(known), wanted)

    def _reached(self, name: Scalar, wanted: dict[str, Span], variables: dict[str, Branch]) -> Native:
        """The address by which Ansible reaches the host, for a single interface."""
        card, *others = wanted
        if others:
            hint = f"gather facts into a cache, or give the addresses: `{INTERFACES}: {{{card}: [ADDRESS], ...}}`"
            return self._unknown(f"host `{name.text}` has no facts that know its addresses", name.span, hint)
        address = text_of(variables[HOST]) if HOST in variables else name
        if address is not None and self.template(address):
            return {}
        if address is None or not _is_address(address.text):
            place = address or variables[HOST]
            return self._unknown(f"host `{name.text}` has no address for `{card}`", place.span, _GIVE_ONE)
        return _interfaces({card: address}, wanted)


def _listed(known: Cards) -> Native:
    return {card: Sequence(tuple(held), held[0].span) for card, held in known.items()}


def _interfaces(known: Native, wanted: dict[str, Span]) -> Native:
    entries = tuple((Scalar(card, False, place), known[card]) for card, place in wanted.items())
    return {"interfaces": Mapping(entries, next(iter(wanted.values())))}


def _quoted(names: Cards) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
