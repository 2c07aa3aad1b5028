import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from biosyn.encoders.scripts import Scripts

LETTERS = [chr(code) for code in range(ord("a"), ord("z") + 1)]


def fast(tokenizer):
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]")


def word_pieces(*others):
    """A tokenizer as BERT's: words of Latin letters, and the pieces given."""
    words = [f"{first}{second}" for first in LETTERS for second in LETTERS]
    pieces = ["[UNK]", "[PAD]", *LETTERS, *(f"##{letter}" for letter in LETTERS), *words, *others]
    tokenizer = Tokenizer(models.WordPiece({piece: row for row, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return fast(tokenizer)


def byte_pieces(text):
    """A tokenizer as RoBERTa's, with a piece for each byte and, where there is a text, for it."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary, merges = {piece: row for row, piece in enumerate([*alphabet, "[UNK]", "[PAD]"])}, []
    whole = ""
    for piece in "".join(part for part, _ in pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(text)):
        if whole:
            merges.append((whole, piece))
        whole += piece
        vocabulary.setdefault(whole, len(vocabulary))
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return fast(tokenizer)


ENGLISH = word_pieces("糖", "д", "##и", "##а", "α")  # single letters of other scripts, as the English BERT has


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("糖尿病", "CJK"),
        ("диа", "Cyrillic"),  # three pieces of one letter
        ("диабет", "Cyrillic"),  # [UNK]
        ("당뇨병", "Hangul"),
        ("糖尿病 ab", "CJK"),  # three of five letters
        ("糖尿病 2", "CJK"),
    ],
)
def test_a_script_without_pieces_is_unknown(text, script):
    assert Scripts(ENGLISH).unknown(text) == script


@pytest.mark.parametrize("text", ["ataxia", "ménière đái", "α thalassemia", "糖尿 abc", "δf508", "1 2", "", "--"])
def test_latin_letters_are_known_and_a_minority_of_others_does_not_count(text):
    assert Scripts(ENGLISH).unknown(text) == ""


def test_words_of_a_script_make_their_letters_known():
    assert Scripts(word_pieces("диа", "##бет")).unknown("диабет") == ""
    assert Scripts(word_pieces("диа", "##б", "##е", "##т")).unknown("диабет") == ""  # three of six letters
    assert Scripts(word_pieces("ди", "##а", "##б", "##е", "##т")).unknown("диабет") == "Cyrillic"


def test_a_vocabulary_with_a_piece_for_each_ideograph_knows_them():
    ideographs = [chr(0x7C00 + row) for row in range(0x400)]  # more than a twentieth of the vocabulary
    assert Scripts(word_pieces("尿", "病", *ideographs)).unknown("糖尿病") == ""
    assert Scripts(word_pieces("尿", "病", "糖")).unknown("糖尿病") == "CJK"


def test_bytes_are_no_letters():
    assert Scripts(byte_pieces("")).unknown("糖尿病") == "CJK"
    assert Scripts(byte_pieces("糖尿病")).unknown("糖尿病") == ""
