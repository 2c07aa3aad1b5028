"""Texts by a table of words have the tokens that the plain tokenizer gives them, to the last one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from biosyn.cli.quickstart import packaged_encoder
from biosyn.encoders import words as words_module
from biosyn.encoders.tokens import tokenize
from biosyn.encoders.words import word_table

SPECIAL = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
CORPUS = [
    "Ataxia telangiectasia",
    "breast cancer, type 1 (BRCA1)",
    "X-linked Duchenne's dystrophy",
    "anémie 糖尿病",
] * 3
BLANKS = pre_tokenizers.Whitespace()
BERT = (normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer())
SPACES = normalizers.Replace(Regex(" {2,}"), " ")
STEPS = {  # the model, its normalizer and its pre-tokenizer
    "WordPiece": ("WordPiece", *BERT),
    "WordPiece, cased": ("WordPiece", normalizers.BertNormalizer(lowercase=False), pre_tokenizers.BertPreTokenizer()),
    "WordLevel": ("WordLevel", None, pre_tokenizers.Sequence([BLANKS, pre_tokenizers.Digits()])),
    "BPE": ("BPE", None, pre_tokenizers.ByteLevel(add_prefix_space=False)),
    "BPE, a blank before": ("BPE", normalizers.NFC(), pre_tokenizers.ByteLevel(add_prefix_space=True)),
    "Unigram": ("Unigram", normalizers.Sequence([normalizers.NFKC(), SPACES]), pre_tokenizers.Metaspace()),
    "Unigram, ALBERT's quotes": (
        "Unigram",
        normalizers.Sequence([normalizers.Replace("``", '"'), normalizers.NFKD(), normalizers.Lowercase()]),
        pre_tokenizers.Metaspace(),
    ),
    "Unigram, first": ("Unigram", normalizers.NFKC(), pre_tokenizers.Metaspace(prepend_scheme="first")),
    "Unigram of words": ("Unigram", None, pre_tokenizers.Sequence([BLANKS, pre_tokenizers.Metaspace()])),
}
WITHOUT_TABLE = {
    "tokens across blanks": ("Unigram", normalizers.NFKC(), pre_tokenizers.Metaspace(split=False)),
    "no split": ("BPE", normalizers.Lowercase(), None),
    "letters replaced": ("WordPiece", normalizers.Replace("a", " "), pre_tokenizers.BertPreTokenizer()),
    "a pattern": ("WordPiece", normalizers.Replace(Regex("a+"), "b"), pre_tokenizers.BertPreTokenizer()),
    "split at digits first": (
        "BPE",
        None,
        pre_tokenizers.Sequence([pre_tokenizers.Digits(), pre_tokenizers.ByteLevel()]),
    ),
}
PARTS = st.one_of(
    st.sampled_from(
        [*" ".join(CORPUS).split(), *SPECIAL, "[sep]", "x[MASK]y", "covid-19", "COVID-19s", "a" * 101, "``a"]
    ),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=8),
    st.text(st.sampled_from("aé e\u0301İßﬁ\u037a糖ﷺ\u00a0\u200d\u2028\x00\x1f\x7f\t\r\n▁Ġ😀"), max_size=5),
)
TEXTS = st.lists(
    st.lists(st.tuples(PARTS, st.sampled_from([" "] * 6 + ["  ", "", "\n"])), max_size=6).map(
        lambda parts: "".join(part + blank for part, blank in parts).removesuffix(" ")
    ),
    max_size=8,
)


def made(kind, normalizer, splits):
    """Return a tokenizer trained on a few names, with an added token that is looked for in the normalized text."""
    backend = Tokenizer(getattr(models, kind)(**({} if kind == "Unigram" else {"unk_token": "[UNK]"})))
    if normalizer is not None:
        backend.normalizer = normalizer
    if splits is not None:
        backend.pre_tokenizer = splits
    unk = {"unk_token": "[UNK]"} if kind == "Unigram" else {}
    options = {"vocab_size": 90, "special_tokens": SPECIAL, "show_progress": False, **unk}
    backend.train_from_iterator(CORPUS, getattr(trainers, f"{kind.replace('BPE', 'Bpe')}Trainer")(**options))
    backend.add_tokens([AddedToken("Covid-19", normalized=True)])
    cls, sep = (backend.token_to_id(token) for token in ("[CLS]", "[SEP]"))
    backend.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", cls), ("[SEP]", sep)])
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]", mask_token="[MASK]")


def minilm():
    return AutoTokenizer.from_pretrained(packaged_encoder())


MAKERS = {"MiniLM's": minilm} | {name: lambda steps=steps: made(*steps) for name, steps in STEPS.items()}


@pytest.fixture(scope="module", params=MAKERS)
def tokenizer(request):
    return MAKERS[request.param]()


def assert_same(tokenizer, table, texts, max_length):
    found = tokenize(tokenizer, texts, max_length, table)
    rows = [
        found.ids[start : start + length].tolist() for start, length in zip(found.starts, found.lengths, strict=True)
    ]
    if not texts:
        assert rows == []
        return
    assert rows == tokenizer(texts, truncation=True, max_length=max_length)["input_ids"]
    whole = tokenizer(texts)["input_ids"]
    assert found.is_cut.tolist() == [len(ids) > max_length for ids in whole]


def test_the_tokens_are_those_of_the_plain_tokenizer(tokenizer, monkeypatch):
    monkeypatch.setattr(words_module, "LIMIT", 20)  # the table is begun anew several times
    table = word_table(tokenizer)
    assert table is not None

    @settings(max_examples=30)
    @given(TEXTS, st.integers(3, 12))
    def check(texts, max_length):
        assert_same(tokenizer, table, texts, max_length)

    check()


@pytest.mark.parametrize("steps", WITHOUT_TABLE.values(), ids=WITHOUT_TABLE)
def test_a_tokenizer_that_does_not_go_by_words_has_no_table_and_the_same_tokens(steps):
    tokenizer = made(*steps)
    assert word_table(tokenizer) is None
    assert_same(tokenizer, None, ["Ataxia  telangiectasia [SEP]", "", "anémie 糖尿病"], 7)


def test_plain_texts_need_no_tokenizer_and_others_do(tokenizer):
    table = word_table(tokenizer)
    texts = ["breast cancer, type 2", "a  b", " a", "a ", "", "anémie", "a\tb", "x\ny", "[SEP] x", "c c"]
    assert table.tokens(texts).is_hard.tolist() == [False, *[True] * 8, False]


def test_words_are_tokenized_once(tokenizer, monkeypatch):
    table = word_table(tokenizer)
    first = table.tokens(["breast cancer", "cancer breast"])
    monkeypatch.setattr(table, "_tokenizer", None)
    again = table.tokens(["breast cancer", "cancer breast"])
    assert np.array_equal(first.ids, again.ids)


def test_a_text_that_cannot_be_tokenized_spoils_no_other(tokenizer):
    table = word_table(tokenizer)
    with pytest.raises((TypeError, UnicodeEncodeError)):
        tokenize(tokenizer, ["breast \ud800"], 9, table)
    assert_same(tokenizer, table, ["breast cancer"], 9)
