import numpy as np
import pytest
import torch

from biosyn.encoders import tokens as tokens_module
from biosyn.encoders.tokens import tokenize

TEXTS = ["ataxia", "breast cancer syndrome", "a", "ovarian cancer", "zz yy xx ww vv uu tt ss"]
MAX_LENGTH = 8


@pytest.fixture
def tokenizer(tiny_dense):
    return tiny_dense.tokenizer


@pytest.fixture
def tokenized(tokenizer):
    return tokenize(tokenizer, TEXTS, MAX_LENGTH)


def padded(tokenizer, texts):
    return tokenizer(texts, truncation=True, max_length=MAX_LENGTH, padding="longest", return_tensors="pt")


def assert_is_what_the_tokenizer_gives(batch, tokenizer, texts):
    expected = padded(tokenizer, texts)
    mask = torch.ones_like(batch.input_ids) if batch.attention_mask is None else batch.attention_mask
    assert batch.input_ids.dtype == torch.int64
    assert torch.equal(batch.input_ids, expected["input_ids"])
    assert torch.equal(mask, expected["attention_mask"])


@pytest.mark.parametrize("rows", [[0], [0, 1, 2, 3, 4], [4, 0], [2, 2, 2], [3, 1, 3]])
def test_a_batch_is_what_the_tokenizer_gives_with_padding(tokenized, tokenizer, rows):
    assert_is_what_the_tokenizer_gives(tokenized.batch(np.array(rows)), tokenizer, [TEXTS[row] for row in rows])


def test_a_batch_is_no_wider_than_its_longest_text(tokenized):
    assert tokenized.batch(np.array([0, 2])).input_ids.shape == (2, 3)  # [CLS] ataxia [SEP]


def test_there_is_no_mask_where_nothing_is_padded(tokenized):
    assert tokenized.batch(np.array([0, 2])).attention_mask is None
    assert tokenized.batch(np.array([0, 1])).attention_mask is not None


def test_taken_texts_stand_in_the_order_asked_for(tokenized, tokenizer):
    taken = tokenized.take(np.array([3, 0, 3]))
    assert len(taken) == 3
    everything = taken.batch(np.arange(3))
    assert_is_what_the_tokenizer_gives(everything, tokenizer, ["ovarian cancer", "ataxia", "ovarian cancer"])


def test_followed_by_puts_the_other_texts_behind(tokenized, tokenizer):
    other = ["b", "anemia disease"]
    both = tokenized.take(np.array([1, 0])).followed_by(tokenize(tokenizer, other, MAX_LENGTH))
    assert len(both) == 4
    assert_is_what_the_tokenizer_gives(both.batch(np.arange(4)), tokenizer, [TEXTS[1], TEXTS[0], *other])


def test_long_texts_are_cut_and_counted(tokenized):
    # "zz yy ..." has [CLS] + 16 pieces + [SEP] = 18 tokens, the others at most 5
    assert tokenized.is_cut.tolist() == [False, False, False, False, True]
    assert tokenized.lengths.tolist() == [3, 5, 3, 4, MAX_LENGTH]


def test_a_text_of_exactly_max_length_is_not_cut(tokenizer):
    # [CLS] a b c d e f [SEP] = 8
    texts = ["a b c d e f", "a b c d e f g"]
    assert tokenize(tokenizer, texts, MAX_LENGTH).is_cut.tolist() == [False, True]


def test_texts_beyond_one_chunk_are_tokenized_the_same(tokenizer, tokenized, monkeypatch):
    monkeypatch.setattr(tokens_module, "_CHUNK", 2)
    again = tokenize(tokenizer, TEXTS, MAX_LENGTH)
    assert np.array_equal(again.ids, tokenized.ids)
    assert np.array_equal(again.starts, tokenized.starts)
    assert np.array_equal(again.is_cut, tokenized.is_cut)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
def test_batches_of_like_length_hold_every_text_once_longest_first(tokenized, batch_size):
    batches = tokenized.like_length_batches(batch_size)
    assert sorted(np.concatenate(batches).tolist()) == [0, 1, 2, 3, 4]
    longest = [tokenized.lengths[rows].max() for rows in batches]
    assert longest == sorted(longest, reverse=True)
    assert max(map(len, batches)) <= batch_size


def test_texts_of_equal_length_share_a_batch_where_there_are_enough(tokenizer):
    # lengths 3 and 4 alternate: 17 + 16 texts in batches of 16 are 16 + 16, and the last one of length 3
    tokens = tokenize(tokenizer, ["a", "a b"] * 16 + ["a"], MAX_LENGTH)
    batches = tokens.like_length_batches(16)
    assert [rows.tolist() for rows in batches] == [list(range(1, 32, 2)), list(range(0, 32, 2)), [32]]
    assert all(tokens.batch(rows).attention_mask is None for rows in batches)


def test_what_is_left_of_several_lengths_shares_a_batch(tokenizer):
    tokens = tokenize(tokenizer, ["a b c", "a", "a b"], MAX_LENGTH)  # 1 of each: less than an eighth of 16
    assert [rows.tolist() for rows in tokens.like_length_batches(16)] == [[0, 2, 1]]


def test_the_batches_of_a_share_are_batches_of_all(tokenizer):
    # ranks embed what they own as one process would, to the last bit
    tokens = tokenize(tokenizer, [" ".join("a" * (1 + row % 7 % 5)) for row in range(150)], MAX_LENGTH)
    batches = tokens.like_length_batches(16)
    for share in (batches[::2], batches[1::2], batches[::3]):
        rows = np.sort(np.concatenate(share))
        again = [rows[part].tolist() for part in tokens.take(rows).like_length_batches(16)]
        assert again == [part.tolist() for part in share]


def test_no_text_gives_no_batch(tokenizer):
    nothing = tokenize(tokenizer, [], MAX_LENGTH)
    assert len(nothing) == 0
    assert list(nothing.like_length_batches(4)) == []


def test_no_text_can_be_followed_by_some(tokenizer, tokenized):
    both = tokenize(tokenizer, [], MAX_LENGTH).followed_by(tokenized)
    assert_is_what_the_tokenizer_gives(both.batch(np.arange(len(TEXTS))), tokenizer, TEXTS)
