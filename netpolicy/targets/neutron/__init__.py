"""OpenStack security groups: bodies for the Neutron API, with names where the service's ids will stand."""

from __future__ import annotations

from netpolicy.diagnostic import Diagnostic
from netpolicy.securitygroups.inventory import Inventory, Passing, Stop
from netpolicy.securitygroups.model import Form
from netpolicy.source import Source
from netpolicy.targets.neutron.admitted import admitted
from netpolicy.targets.neutron.decide import decide
from netpolicy.targets.neutron.lower import lower
from netpolicy.targets.neutron.read import read
from netpolicy.targets.neutron.render import render
from netpolicy.targets.neutron.rules import Ruleset


class Neutron:
    """The Neutron target."""

    name = "neutron"
    file = "neutron.json"

    def lower(self, form: Form, inventory: Inventory) -> tuple[Ruleset, list[Diagnostic]]:
        return lower(form)

    def render(self, ruleset: Ruleset) -> str:
        return render(ruleset)

    def read(self, source: Source) -> tuple[Ruleset | None, list[Diagnostic]]:
        return read(source)

    def decide(self, ruleset: Ruleset, inventory: Inventory, stop: Stop) -> bool:
        return decide(ruleset, inventory, stop)

    def admitted(self, ruleset: Ruleset, inventory: Inventory) -> list[Passing]:
        return admitted(ruleset, inventory)


CLOUD = Neutron()
