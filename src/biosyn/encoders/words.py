"""A table of words: where no token reaches across a blank, a text's tokens are those of its words, one after another.

Names of diseases have a tenth as many distinct words as words, so most of a tokenizer's work is done once.
"""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain, count, islice, repeat
from string import ascii_letters, digits, punctuation
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

LIMIT = 2**18  # words of a table, about 50 MB; a full one is begun anew
_GROUP = 64
PROBE = ("Ataxia", "a b", "type 1 (2a), X-linked's", "Dup(15)(q11.2;q13) <b> $5 #1", ascii_letters, punctuation, digits)
# Which steps of a tokenizer (names of its JSON) treat the words of a text as they treat each alone: with blanks that
# are single and inside, and printable ASCII, which these normalizers change character by character.
_NORMALIZERS = {"BertNormalizer", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Precompiled", "Strip", "StripAccents"}
_NOT_IN_PLAIN = {" {2,}", r"\s{2,}|[\n\r\t]"}  # what normalizers replace by a blank
_SPLIT_AT_BLANKS = {"BertPreTokenizer", "Whitespace", "WhitespaceSplit"}  # and drop them
_INSIDE_WORDS = _SPLIT_AT_BLANKS | {"Digits", "Punctuation"}


class WordTokens(NamedTuple):
    """The tokens of N texts or words without special ones, and which of them the table does not know."""

    ids: NDArray[np.int32]  # of all texts, one after the other
    lengths: NDArray[np.int64]  # (N,)
    is_hard: NDArray[np.bool_]  # (N,): the text is not plain, and its tokens are wrong


_NOTHING = WordTokens(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.bool_))


class WordTable:
    """The tokens of the words that were seen; see `word_table`.

    Only texts of printable ASCII with single blanks inside, and without the text of an added token, are plain.

    Parameters
    ----------
    tokenizer
        The backend's steps without its added and special tokens.
    added
        What no plain word contains, in lower case: the texts of added tokens, and what is replaced.
    prefix, suffix
        The special tokens before and after each text.
    first_differs
        A word has other tokens at the beginning of a text than after a blank.
    """

    def __init__(
        self, tokenizer: Tokenizer, added: Sequence[str], prefix: list[int], suffix: list[int], *, first_differs: bool
    ):
        self.prefix, self.suffix = prefix, suffix
        self._tokenizer, self._added, self._first_differs = tokenizer, added, first_differs
        self._n_behind = len(tokenizer.encode("a", add_special_tokens=False).ids)  # tokens before a word behind "a"
        self._lock = threading.Lock()  # texts are tokenized by threads
        self._forget()

    def _forget(self) -> None:
        self._rows: defaultdict[str, int] = defaultdict(count().__next__)  # a new word takes the next row
        self._known = _NOTHING  # (W,) words

    def tokens(self, texts: Sequence[str]) -> WordTokens:
        """Return the tokens of N texts."""
        if not texts:
            return _NOTHING
        mark = "\n" if self._first_differs else ""  # of the first word of a text, which is then another word
        joined = mark + f" {mark}".join(texts)
        if mark and joined.count(mark) > len(texts):
            texts = ["" if mark in text else text for text in texts]  # an empty text is not plain either
            joined = mark + f" {mark}".join(texts)
        words = joined.split(" ")
        n_words = np.fromiter(map(str.count, texts, repeat(" ")), dtype=np.int64, count=len(texts)) + 1  # (N,)
        with self._lock:
            if len(self._rows) > LIMIT:
                self._forget()
            rows = np.fromiter(map(self._rows.__getitem__, words), dtype=np.int64, count=len(words))
            self._learn()
            ids, of_word, is_hard = self._known
        first = np.cumsum(n_words) - n_words  # (N,): the first word of each text
        lengths = of_word[rows]
        return WordTokens(
            ids[runs((np.cumsum(of_word) - of_word)[rows], lengths)],
            np.add.reduceat(lengths, first),
            np.logical_or.reduceat(is_hard[rows], first),
        )

    def _learn(self) -> None:
        """Tokenize the words that have a row and no tokens yet."""
        ids, lengths, is_hard = self._known
        words = list(islice(reversed(self._rows), len(self._rows) - len(lengths)))[::-1]
        if not words:
            return
        bare = [word.removeprefix("\n") for word in words] if self._first_differs else words
        everything = " ".join(bare).lower()
        added = [one for one in self._added if one in everything]
        hard = np.array([not _is_plain(word, added) for word in bare])  # (W,), W new words
        # a word that is not the first of a text is tokenized behind another
        behind = np.array([self._first_differs and not word.startswith("\n") for word in words]) & ~hard
        texts = [
            "" if word_is_hard else f"a {word}" if is_behind else word
            for word, word_is_hard, is_behind in zip(bare, hard, behind, strict=True)
        ]
        # many texts of one encoding, each tokenized on its own, because an encoding costs more than a word
        groups = [texts[first : first + _GROUP] for first in range(0, len(texts), _GROUP)]
        found = self._tokenizer.encode_batch(groups, is_pretokenized=True, add_special_tokens=False)
        new_ids = np.fromiter(chain.from_iterable(some.ids for some in found), dtype=np.int32)
        counts = [
            np.bincount(np.array(some.word_ids, dtype=np.int64), minlength=len(group))
            for some, group in zip(found, groups, strict=True)
        ]
        new = np.concatenate(counts)  # (W,)
        skipped = self._n_behind * behind
        new_ids = new_ids[runs(np.cumsum(new) - new + skipped, new - skipped)]
        self._known = WordTokens(
            np.concatenate([ids, new_ids]),
            np.concatenate([lengths, new - skipped]),
            np.concatenate([is_hard, hard]),
        )


def _is_plain(word: str, added: Sequence[str]) -> bool:
    return bool(word) and word.isascii() and word.isprintable() and not any(one in word.lower() for one in added)


def runs(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the numbers from each start on, so many of each, one run after the other.

    Examples
    --------
    >>> runs(np.array([5, 0]), np.array([2, 3])).tolist()
    [5, 6, 0, 1, 2]
    """
    ends = np.cumsum(lengths)
    return np.repeat(starts - ends + lengths, lengths) + np.arange(ends[-1] if len(ends) else 0)


def word_table(tokenizer: PreTrainedTokenizerBase) -> WordTable | None:
    """Return a table of words for a tokenizer that splits at blanks, by the steps of its backend; None for another.

    It is tried on `PROBE` before it is trusted.
    """
    if not tokenizer.is_fast or tokenizer.truncation_side != "right":
        return None
    backend: Tokenizer = tokenizer.backend_tokenizer
    try:
        normalizers, splits = list(_steps(backend.normalizer)), list(_steps(backend.pre_tokenizer))
    except Exception:  # what tokenizers raises for a step that is written in Python, and so has no JSON
        return None
    if getattr(backend.model, "dropout", None) or not (all(map(_is_by_character, normalizers)) and _is_by_word(splits)):
        return None
    words = Tokenizer(backend.model)
    words.pre_tokenizer = backend.pre_tokenizer
    if backend.normalizer is not None:
        words.normalizer = backend.normalizer
    added = {form for token in backend.get_added_tokens_decoder().values() for form in _forms(words, token.content)}
    added |= {step["pattern"]["String"] for step in normalizers if "String" in step.get("pattern", {})}
    plain = ascii_letters + digits + punctuation
    if " " in added or any(_forms(words, character) != {character.lower()} for character in plain):
        return None
    expected = tokenizer(list(PROBE), truncation=True, max_length=512)["input_ids"]
    alone = words.encode(PROBE[0], add_special_tokens=False).ids
    n_before = next((at for at in range(len(expected[0])) if expected[0][at : at + len(alone)] == alone), 0)
    table = WordTable(
        words,
        sorted({form.split()[0] for form in added if form.split()}),  # a word has no more than the first part
        expected[0][:n_before],
        expected[0][n_before + len(alone) :],
        first_differs=any(step["type"] not in _INSIDE_WORDS for step in splits),
    )
    ids, lengths, is_hard = table.tokens(PROBE)
    found = [[*table.prefix, *some, *table.suffix] for some in np.split(ids, np.cumsum(lengths)[:-1])]
    return table if found == expected or is_hard.any() else None


def _steps(part: Any) -> Iterator[dict[str, Any]]:
    """Yield the JSON of the steps of a normalizer or pre-tokenizer, those of sequences one by one."""
    todo = [] if part is None else [json.loads(part.__getstate__())]
    while todo:
        step = todo.pop(0)
        inner = step.get("normalizers") or step.get("pretokenizers")
        if inner:
            todo[:0] = inner
        else:
            yield step


def _is_by_character(step: dict[str, Any]) -> bool:
    """Return whether a normalizer changes words of printable ASCII without regard to what is around a word."""
    pattern = step.get("pattern", {})
    return step["type"] in _NORMALIZERS or "String" in pattern or pattern.get("Regex") in _NOT_IN_PLAIN


def _is_by_word(splits: list[dict[str, Any]]) -> bool:
    """Return whether pre-tokenizers split at every blank."""
    if not splits:
        return False
    types = [step["type"] for step in splits]
    if types[0] in _SPLIT_AT_BLANKS:
        return all(one in _INSIDE_WORDS | {"ByteLevel", "Metaspace"} for one in types)
    (only, *more) = splits  # these two put the blank before the word that follows it
    return not more and (
        (only["type"] == "Metaspace" and only.get("split", True) and only["replacement"] == "▁")
        or (only["type"] == "ByteLevel" and only.get("use_regex", True))
    )


def _forms(tokenizer: Tokenizer, text: str) -> set[str]:
    """Return a text in lower case, as it is and normalized: added tokens are looked for in both."""
    normalized = text if tokenizer.normalizer is None else tokenizer.normalizer.normalize_str(text)
    return {text.lower(), normalized.lower()}
