"""A case of which all voices agree, or an error that tells the first packet of which they do not."""

from __future__ import annotations

from tests.differential.case import Case
from tests.differential.loading import RefusedError
from tests.differential.saved import written
from tests.differential.tally import Tally
from tests.differential.trial import Disagreement, tried


class DisagreementError(AssertionError):
    """Voices differ; its words are the text to save."""


def agreed(case: Case) -> Tally:
    """What was asked of the case, of which all voices agree."""
    try:
        trial = tried(case)
    except RefusedError as refused:
        told = Disagreement(refused.backend, (("backend", refused.backend.value), ("tool", str(refused))))
        raise DisagreementError(written(case, told)) from None
    if trial.disagreements:
        raise DisagreementError(written(case, trial.disagreements[0]))
    return trial.tally
