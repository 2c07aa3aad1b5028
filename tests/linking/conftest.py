import pytest

from biosyn.mention_files.added_columns import ID, NAME, SCORE
from biosyn.mention_files.formats import MentionFile, Wanted


@pytest.fixture
def lines_file(tmp_path):
    """Function: lines -> a file of one mention a line."""

    def write(*lines):
        path = tmp_path / "mentions.txt"
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return MentionFile(path, "lines", Wanted("", "", None, (ID, NAME, SCORE)))

    return write


@pytest.fixture
def link_config(tiny_checkpoint, tiny_dictionary, tmp_path):
    """Function: input and changed settings -> LinkConfig with the tiny model."""
    from biosyn.settings.verbs import LinkConfig

    def make(input_path, **changes):
        settings = {
            "model_name_or_path": str(tiny_checkpoint),
            "dictionary_path": str(tiny_dictionary),
            "input": str(input_path),
            "output": str(tmp_path / "linked"),
            "device": "cpu",
        }
        return LinkConfig(**{**settings, **changes})

    return make
