"""AWS security groups: parameters of EC2's calls, with names where the service's ids will stand."""

from __future__ import annotations

import json

from netpolicy.diagnostic import Diagnostic
from netpolicy.securitygroups.inventory import Inventory, Passing, Stop
from netpolicy.securitygroups.model import Form
from netpolicy.source import Source
from netpolicy.targets.aws.admitted import admitted
from netpolicy.targets.aws.decide import admitting, decide
from netpolicy.targets.aws.lower import lower
from netpolicy.targets.aws.read import read
from netpolicy.targets.aws.render import permission_fields, render
from netpolicy.targets.aws.rules import Ruleset


class Aws:
    """The AWS target."""

    name = "aws"
    file = "aws.json"

    def lower(self, form: Form, inventory: Inventory) -> tuple[Ruleset, list[Diagnostic]]:
        return lower(form, inventory)

    def render(self, ruleset: Ruleset) -> str:
        return render(ruleset)

    def read(self, source: Source) -> tuple[Ruleset | None, list[Diagnostic]]:
        return read(source)

    def decide(self, ruleset: Ruleset, inventory: Inventory, stop: Stop) -> bool:
        return decide(ruleset, inventory, stop)

    def admitting(self, ruleset: Ruleset, inventory: Inventory, stop: Stop) -> tuple[str, str] | None:
        found = admitting(ruleset, inventory, stop)
        return None if found is None else (found[0].name, json.dumps(permission_fields(found[1])))

    def admitted(self, ruleset: Ruleset, inventory: Inventory) -> list[Passing]:
        return admitted(ruleset, inventory)


CLOUD = Aws()
