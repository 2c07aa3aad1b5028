import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosyn.text.composites import split_by_names, split_composite

TWO, THREE = "D1|D2", "D1|D2|D3"


@pytest.mark.parametrize(
    ("mention", "cui", "expected"),
    [
        # (a) W of [both] [the] A and|or [the] B
        ("cancer of breast and ovary", TWO, "cancer of breast|cancer of ovary"),
        ("cancer of both the breast or the ovary", TWO, "cancer of breast|cancer of ovary"),
        ("cancer of the breast and ovary, in women", TWO, "cancer of breast|cancer of ovary"),
        ("loss of ear and eye and nose", TWO, "loss of ear and eye|loss of nose"),  # A as long as can be
        ("loss of both and hearing", TWO, "loss of both|loss of hearing"),  # "both" is A where A is missing
        # (b) a list, a conjunction, a head, a stem
        ("sporadic breast and ovarian cancers", TWO, "sporadic breast cancers|ovarian cancers"),
        ("breast, ovarian, and lung cancer", THREE, "breast cancer|ovarian cancer|lung cancer"),
        ("breast and/or ovarian cancer", TWO, "breast cancer|ovarian cancer"),
        ("retinal and the pineal tumors", TWO, "retinal tumors|the pineal tumors"),
        ("skin and/or breast and ovarian cancer", TWO, "skin cancer|breast and ovarian cancer"),
        ("skin and breast and ovarian cancer", TWO, "skin and breast cancer|ovarian cancer"),
        # (c) a slash
        ("Duchenne/Becker muscular dystrophy", TWO, "Duchenne|Becker muscular dystrophy"),
        ("X-linked Duchenne/Becker dystrophy", TWO, "X-linked Duchenne|X-linked Becker dystrophy"),
        ("a/b/c disease", TWO, "a/b|c disease"),  # cut at the last slash
        # (d) as many words as ids
        ("chorioretinal dystrophy", TWO, "chorioretinal|dystrophy"),
        ("C4 deficiency", "D1+D2", "C4|deficiency"),
    ],
)
def test_splits(mention, cui, expected):
    assert split_composite(mention, cui) == (expected, cui)


@pytest.mark.parametrize(
    ("mention", "cui"),
    [
        ("breast and ovarian cancer", "D1"),  # one id
        ("breast and ovarian cancer", THREE),  # two parts, three ids
        ("cancer of ear and eye and nose", THREE),  # shape (a) decides, with two parts
        ("breast and ovarian cancer syndrome type", "D1|D2|D3|D4|D5|D6|D7"),
        ("familial cancer", THREE),
        ("a|b", TWO),  # split already
        ("1, 2 and 3 cancer", THREE),  # words are letters and hyphens
        ("and/or", TWO),
        ("/", TWO),  # two parts, both empty
    ],
)
def test_leaves_what_does_not_fit(mention, cui):
    assert split_composite(mention, cui) == (mention, cui)


def test_omim_ids_beside_others_go_for_good():
    # with D1 alone left there is nothing to split; the mention stays, the id does not come back
    assert split_composite("Duchenne/Becker dystrophy", "D1+OMIM:300376") == ("Duchenne/Becker dystrophy", "D1")
    assert split_composite("breast and ovarian cancer", "D1|OMIM:1|D2").cui == "D1|D2"


def test_omim_ids_among_themselves_stay():
    assert split_composite("breast and ovarian cancer", "OMIM:1+OMIM:2") == (
        "breast cancer|ovarian cancer",
        "OMIM:1+OMIM:2",
    )


def test_a_split_mention_keeps_its_mixed_ids():
    assert split_composite("a|b", "D1|OMIM:2") == ("a|b", "D1|OMIM:2")


@pytest.mark.parametrize(
    "piece",
    [
        "a and ",
        "and ",
        "and a, ",
        "a, ",
        "/",
        "a/",
        "of ",
        "the ",
        "both the ",
        "and/or ",
        "a",
        "-",
        "a-",
        "1 ",
        "and the ",
    ],
)
@pytest.mark.parametrize("start", ["", "loss of ", "loss of both the "])
def test_a_mention_of_100_kb_does_not_hang(start, piece):
    mention = (start + piece * (100_000 // len(piece))).strip()
    began = time.monotonic()
    split_composite(mention, TWO)
    assert time.monotonic() - began < 2


WORDS = st.sampled_from(["breast", "cancer", "of", "the", "both", "and", "or", "and/or", "a,", "x/y", "B2", "-", ","])


@given(st.lists(WORDS, max_size=8).map(" ".join), st.integers(1, 4), st.sampled_from("|+"))
def test_parts_are_as_many_as_ids_or_the_mention_stays(mention, count, separator):
    cui = separator.join(f"D{number}" for number in range(count))
    result = split_composite(mention, cui)
    assert result.cui == cui
    if result.mention != mention:
        parts = result.mention.split("|")
        assert len(parts) == count
        assert all(part == part.strip() and part for part in parts)


NAMES = {"breast cancer", "ovarian cancer", "colon cancer", "head and neck cancer", "ataxia", "syndrome", "duchenne"}
NAMES |= {"becker muscular dystrophy", "cancer of breast", "cancer of ovary", "neck cancer", "head cancer"}


@pytest.mark.parametrize(
    ("mention", "parts"),
    [
        ("breast and ovarian cancer", ["breast cancer", "ovarian cancer"]),
        ("breast, colon and ovarian cancer", ["breast cancer", "colon cancer", "ovarian cancer"]),
        ("cancer of the breast or ovary", ["cancer of breast", "cancer of ovary"]),
        ("breast/ovarian cancer", ["breast cancer", "ovarian cancer"]),
        ("duchenne/becker muscular dystrophy", ["duchenne", "becker muscular dystrophy"]),
        ("head and neck cancer", None),  # the whole is a name
        ("breast and lung cancer", None),  # one part is none
        ("ataxia syndrome", None),  # two names, but nothing says that it is two
        ("ataxia", None),
        ("", None),
    ],
)
def test_without_gold_ids_the_names_decide(mention, parts):
    assert split_by_names(mention, NAMES.__contains__) == tuple(parts or [mention])


@given(st.lists(WORDS, max_size=8).map(" ".join), st.sets(st.lists(WORDS, max_size=3).map(" ".join)))
def test_every_part_is_a_name_and_the_whole_is_none(mention, names):
    parts = split_by_names(mention, names.__contains__)
    if parts != (mention,):
        assert mention not in names
        assert len(parts) > 1
        assert names.issuperset(parts)


def test_splitting_by_names_does_not_hang_on_100_kb():
    began = time.monotonic()
    for piece in ("and ", "a, ", "a/", "a and "):
        split_by_names(piece * (100_000 // len(piece)), lambda text: False)
    assert time.monotonic() - began < 4
