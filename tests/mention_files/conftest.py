import pytest

from biosyn.mention_files.added_columns import ID, NAME, SCORE, Link
from biosyn.mention_files.formats import MentionFile, Wanted

LINK = Link("D1|2", 'ataxia, type "1" & <é>', 12.34567)


@pytest.fixture(scope="session")
def rewrite(tmp_path_factory):
    """Function: content and format -> the mentions, and the file written with LINK wherever there is no problem."""
    folder = tmp_path_factory.mktemp("rewrite")

    def run(
        content,
        file_format,
        *,
        link=LINK,
        keys=(ID, NAME, SCORE),
        types=None,
        field="mention",
        column="mention",
        **table,
    ):
        path = folder / "file"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        wanted = Wanted(column, field, types, keys, **table)
        mentions, written = [], []
        with MentionFile(path, file_format, wanted).units() as units:
            for unit in units:
                mentions += unit.mentions
                written.append(unit.render([None if one.problem else link for one in unit.mentions]))
        return mentions, b"".join(written)

    return run


@pytest.fixture
def units_of(tmp_path):
    """Function: content, format and changes of what is wanted -> the units."""

    def read(content, file_format, *, name="file", types=None, **wanted):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        asked = Wanted("mention", "mention", types, (ID, NAME, SCORE))._replace(**wanted)
        with MentionFile(path, file_format, asked).units() as units:
            return list(units)

    return read
