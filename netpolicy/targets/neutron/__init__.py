"""OpenStack security groups: bodies for the Neutron API, with names where the service's ids will stand."""

from __future__ import annotations

import json

from netpolicy.diagnostic import Diagnostic
from netpolicy.securitygroups.inventory import Inventory, Passing, Stop
from netpolicy.securitygroups.model import Form
from netpolicy.source import Source
from netpolicy.targets.neutron.admitted import admitted
from netpolicy.targets.neutron.decide import admitting, decide
from netpolicy.targets.neutron.lower import lower
from netpolicy.targets.neutron.read import read
from netpolicy.targets.neutron.render import render, rule_fields
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

    def admitting(self, ruleset: Ruleset, inventory: Inventory, stop: Stop) -> tuple[str, str] | None:
        found = admitting(ruleset, inventory, stop)
        return None if found is None else (found[0].name, json.dumps(rule_fields(found[0].name, found[1])))

    def admitted(self, ruleset: Ruleset, inventory: Inventory) -> list[Passing]:
        return admitted(ruleset, inventory)


CLOUD = Neutron()
