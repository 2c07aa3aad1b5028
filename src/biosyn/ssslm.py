"""BioSyn as a matcher of SSSLM, for what is written against ``ssslm.Matcher``: tables, scripts, other annotators."""

from typing import Any

from biosyn.errors import InputError, missing_extra
from biosyn.model.linker import Linker
from biosyn.text.mentions import MentionCleaner

try:
    from curies import NamableReference
    from ssslm import Match, Matcher
except ImportError as error:
    raise missing_extra("ssslm", "ssslm") from error

_CLEANER = MentionCleaner()


class BioSynMatcher(Matcher[NamableReference]):
    """Grounds a text by a linker: ``BioSynMatcher(load_linker(model, dictionary)).get_best_match("big ears").curie``.

    A calibrated model gives the one concept of the best name, and its probability as the score. Another gives concepts
    with the scores of their names, which say nothing but which is better.

    Parameters
    ----------
    topk
        The number of concepts that a model without calibration gives.
    """

    def __init__(self, linker: Linker, *, topk: int = 5):
        self.linker, self.topk = linker, topk

    def get_matches(self, text: str, **kwargs: Any) -> list[Match[NamableReference]]:
        """Return the concepts of a text, best first; none for a text without a letter or digit, or in a strange script.

        Raises
        ------
        InputError
            If the prefix of an id is not known, so that it is no CURIE.
        """
        if _CLEANER.problem(text):
            return []
        (found,) = self.linker.normalize_to_concepts([text], topk=self.topk)
        if found.unsure:
            return []
        if found.probability is not None:
            best = found.resolved[0]
            return [_match(best.curie, best.preferred_name, found.probability)]
        return [_match(each.resolved.curie, each.preferred_name, each.best.score) for each in found.concepts]

    def not_empty(self) -> bool:
        """Return whether there is a name to match."""
        return len(self.linker.dictionary) > 0


def _match(cui: str, name: str | None, score: float) -> Match[NamableReference]:
    if ":" not in cui:
        raise InputError(f"the prefix of '{cui}' is not known: name it in vocabularies.json (docs/one-concept.md)")
    return Match(reference=NamableReference.from_curie(cui, name=name), score=score)
