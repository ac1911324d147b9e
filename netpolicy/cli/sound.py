"""A cluster and its policy without errors, as commands need it that go on to compile; else what is wrong is told."""

from __future__ import annotations

import argparse

from netpolicy.cli import UNUSABLE, WRONG
from netpolicy.cli.files import read
from netpolicy.cli.options import today
from netpolicy.cli.tell import stop, tell, why_unreadable
from netpolicy.diagnostic import has_errors
from netpolicy.pipeline import InputError, Pipeline
from netpolicy.targets import Options


def sound(options: argparse.Namespace) -> tuple[Pipeline | None, int]:
    """The pipeline of the cluster that the options name, and the status of what is told of it; None with an error."""
    choices = Options(inline_sets=options.sets == "inline")
    day = options.as_of or today()
    pipeline = Pipeline(options.cluster, read, day, omit_expired=options.omit_expired, options=choices)
    try:
        found = pipeline.told
    except InputError as failure:
        stop([why_unreadable(failure)], options, "unreadable")
        return None, UNUSABLE
    if has_errors(found) or pipeline.policy is None:
        stop(found, options, "wrong")
        return None, WRONG
    return pipeline, tell(found, options)
