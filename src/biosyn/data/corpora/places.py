"""Where a mention stands in its document, for corpora that do not say."""

from biosyn.data.bad_entries import ReadingReport

NOWHERE = "-1"


def find_place(mention: str, text: str, *, report: ReadingReport) -> tuple[str, str]:
    """Return start and end of the first place where the text holds the mention, else where it does in another case.

    Returns
    -------
    tuple of str
        Characters from 0; ``-1`` twice, and a note in the report, where the text does not hold it.

    Examples
    --------
    >>> find_place("smad 5", "Of Smad 5.", report=ReadingReport())
    ('3', '9')
    """
    start = text.find(mention)
    if start < 0 and len(text.lower()) == len(text):  # else the places of the two texts differ
        start = text.lower().find(mention.lower())
    if start < 0:
        report.note("mentions that the text does not hold as they stand")
        return NOWHERE, NOWHERE
    return str(start), str(start + len(mention))
