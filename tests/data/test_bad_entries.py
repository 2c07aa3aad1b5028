import logging

import pytest

from biosyn.data.bad_entries import BadEntryError, ReadCounts
from biosyn.errors import InputError


def bad(counts, reason="no id", line=7):
    with counts.entry():
        raise BadEntryError(reason, "expected an id", path="corpus.txt", line=line)


def test_the_first_bad_entry_ends_the_run():
    with pytest.raises(InputError, match=r"corpus\.txt:7: expected an id"):
        bad(ReadCounts())


def test_bad_entries_that_are_left_out_are_counted_and_the_first_of_a_kind_is_logged(caplog):
    counts = ReadCounts(skip=True)
    with caplog.at_level(logging.INFO, logger="biosyn"):
        for reason, line in (("no id", 7), ("no id", 8), ("no text", 9)):
            bad(counts, reason, line)
    assert counts.skipped == {"no id": 2, "no text": 1}
    assert [record.args[0].args[0] for record in caplog.records] == [
        "corpus.txt:7: expected an id",
        "corpus.txt:9: expected an id",
    ]


def test_another_error_is_never_left_out():
    counts = ReadCounts(skip=True)
    with pytest.raises(InputError, match="cannot be read"), counts.entry():
        raise InputError("cannot be read")
    assert not counts.skipped


def test_nothing_to_note_is_not_noted():
    counts = ReadCounts()
    counts.note("relation lines", 0)
    counts.note("relation lines", 2)
    counts.note("others", 0)
    assert counts.noted == {"relation lines": 2}
