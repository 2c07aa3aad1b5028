import pytest

from biosyn.errors import InputError
from biosyn.text.preprocess import read_typos


def test_reads_lower_cased_pairs(tmp_path):
    path = tmp_path / "typos.txt"
    path.write_text("Tumour||tumor\n\nsmallbowel||small bowel")
    assert read_typos(path) == {"tumour": "tumor", "smallbowel": "small bowel"}


@pytest.mark.parametrize("line", ["tumour", "tumour|tumor", "||tumor", "tumour||", "a||b||c"])
def test_a_bad_line_is_named(tmp_path, line):
    path = tmp_path / "typos.txt"
    path.write_text(f"a||b\n{line}\n")
    with pytest.raises(InputError, match=r"typos\.txt:2: expected 'wrong\|\|right'"):
        read_typos(path)
