import pytest

from biosyn.corpora.preprocess import with_dev
from biosyn.data.documents import Document
from biosyn.errors import InputError

TRAIN = [Document(str(number), "", ()) for number in range(20)]
TEST = [Document("t", "", ())]


def test_a_share_of_train_becomes_dev_and_order_stays():
    corpus = with_dev({"train": TRAIN, "test": TEST}, share=0.25, seed=1)
    assert [len(corpus[split]) for split in ("train", "dev", "test")] == [15, 5, 1]
    assert sorted([*corpus["train"], *corpus["dev"]]) == sorted(TRAIN)
    for split in ("train", "dev"):
        assert corpus[split] == [document for document in TRAIN if document in corpus[split]]


def test_the_seed_decides():
    draws = [with_dev({"train": TRAIN}, share=0.25, seed=seed)["dev"] for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize(
    ("corpus", "share", "message"),
    [
        ({"train": TRAIN, "dev": TEST}, 0.5, "leave --dev_share out"),
        ({"test": TEST}, 0.5, "leave --dev_share out"),
        ({"train": TRAIN}, 0, "leaves train or dev empty"),
        ({"train": TRAIN}, 1, "leaves train or dev empty"),
        ({"train": TRAIN}, -1, "leaves train or dev empty"),
        ({"train": TRAIN[:1]}, 0.4, "leaves train or dev empty"),
    ],
)
def test_a_split_that_cannot_be_made_is_refused(corpus, share, message):
    with pytest.raises(InputError, match=message):
        with_dev(corpus, share=share)
