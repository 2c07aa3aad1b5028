"""Which letters of a text a tokenizer knows: vectors say nothing about a script that the model never learned."""

import unicodedata
from collections import Counter
from functools import cache, cached_property

from transformers import PreTrainedTokenizerBase

# A vocabulary with a piece for each ideograph, as multilingual BERT has: thousands of them, or a good part of it. The
# English BERT has 488 of 30,522.
KNOWN_PIECES, KNOWN_SHARE = 2000, 0.05
LATIN = "Latin"


class Scripts:
    """Tells of which script a text is if its tokenizer does not know that script.

    A letter is known if it is Latin, if it is in a piece with another letter, or if its script has many pieces of the
    vocabulary: `KNOWN_PIECES`, or the share `KNOWN_SHARE`. A tokenizer of English splits ``糖尿病`` into three pieces,
    or makes it ``[UNK]``. A slow tokenizer, which does not tell what its pieces cover, is taken to know everything.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase):
        self._tokenizer = tokenizer

    def unknown(self, text: str) -> str:
        """Return the script of most unknown letters, if most letters of the text are unknown; else an empty text."""
        if text.isascii():
            return ""
        letters = {at: script(letter) for at, letter in enumerate(text) if letter.isalpha()}
        foreign = {at for at, found in letters.items() if found != LATIN}
        if 2 * len(foreign) <= len(letters) or not self._tokenizer.is_fast:
            return ""
        unknown = Counter(letters[at] for at in foreign - self._in_pieces(text, letters))
        for found in list(unknown):
            if self._pieces[found] >= min(KNOWN_PIECES, KNOWN_SHARE * len(self._tokenizer)):
                del unknown[found]
        return unknown.most_common(1)[0][0] if 2 * unknown.total() > len(letters) else ""

    def _in_pieces(self, text: str, letters: dict[int, str]) -> set[int]:
        """Return the places of the letters that are in a piece with another letter."""
        encoded = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        known: set[int] = set()
        for token, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
            covered = letters.keys() & range(start, end)
            if token != self._tokenizer.unk_token_id and len(covered) > 1:
                known |= covered
        return known

    @cached_property
    def _pieces(self) -> Counter[str]:
        """The number of pieces with a letter of each script."""
        pieces = self._tokenizer.get_vocab()
        return Counter(found for piece in pieces for found in {script(one) for one in piece if one.isalpha()})


@cache
def script(letter: str) -> str:
    """Return the script of a letter, by its name in Unicode.

    Examples
    --------
    >>> script("é"), script("ж"), script("病"), script("α")
    ('Latin', 'Cyrillic', 'CJK', 'Greek')
    """
    first = unicodedata.name(letter, "UNNAMED").replace("-", " ").split()[0]
    if first in ("MODIFIER", "FEMININE", "MASCULINE"):
        return LATIN
    return first if first == "CJK" else first.title()
