import pytest

from biosyn.mention_files.added_columns import ID, NAME, SCORE, Link
from biosyn.mention_files.formats import MentionFile, Wanted

LINK = Link("D1|2", 'ataxia, type "1" & <é>', 12.34567)


@pytest.fixture(scope="session")
def rewrite(tmp_path_factory):
    """Function: content and format -> the mentions, and the file written with LINK wherever there is no problem."""
    folder = tmp_path_factory.mktemp("rewrite")

    def run(content, file_format, *, link=LINK, keys=(ID, NAME, SCORE), types=None, field="mention", column="mention"):
        path = folder / "file"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        wanted = Wanted(column, field, types, keys)
        mentions, written = [], []
        with MentionFile(path, file_format, wanted).units() as units:
            for unit in units:
                mentions += unit.mentions
                written.append(unit.render([None if one.problem else link for one in unit.mentions]))
        return mentions, b"".join(written)

    return run
