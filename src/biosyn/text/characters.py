"""Characters that look like others, written in one way: ``type Ⅱ``, ``type ＩＩ`` and ``type II`` are one text."""

import re
import unicodedata
from functools import cache

# Characters that Unicode counts as letters or marks, but that show nothing.
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_TRADE_MARKS = "©®℗℠™"  # NFKC makes letters of some
_REPLACED = {"İ": "I", "ı": "i", "ȷ": "j", "Ʀ": "R", "Ɪ": "I", "⁄": "/"}  # "⁄" is the slash of fractions
_DASHES = "−⁃\u2052"  # apart from the category Pd
_QUOTES = "ʹʻʼʽˈ′‵´΄᾽᾿＇"  # apart from the categories Pi and Pf
_STYLED = re.compile(r"(?:LATIN LETTER SMALL CAPITAL|NEGATIVE (?:CIRCLED|SQUARED) LATIN CAPITAL LETTER) ([A-Z])")
_PLAIN_DIGITS = ("<wide>", "<narrow>", "<font>", "<noBreak>")  # a row of them is one number, as in ASCII
_RAISED = ("<super>", "<sub>")


def plain(text: str) -> str:
    """Return the text with each character in its plain form: NFKC, and what NFKC leaves alone. Case stays.

    ASCII text is returned as it is, letters with accents and of other scripts in NFC. A superscript, a subscript or a
    fraction is kept apart from a digit beside it by a blank, since ``10²`` is not ``102``; to anything else it is
    joined (``B₆`` is ``B6``, ``Ca²⁺`` is ``Ca2+``). Dashes become ``-``, quotes ``'``, other symbols and punctuation
    a blank. Zero-width characters, soft hyphens, marks of direction and the like go.

    Examples
    --------
    >>> plain("type Ⅱ, type ２"), plain("B₆ 10² 2½ Ca²⁺"), plain("Crohn’s 𝛼‐thalas\u00adsemia")
    ('type II, type 2', 'B6 10 2 2 1/2 Ca2+', "Crohn's α-thalassemia")
    """
    if text.isascii():
        return text
    pieces: list[str] = []
    last_kind = ""
    for character in unicodedata.normalize("NFC", text):
        piece, kind = _plain(character)
        if not piece:
            continue
        one_number = kind == last_kind and kind in ("", *_RAISED)
        if pieces and not one_number and pieces[-1][-1].isdigit() and piece[0].isdigit():
            pieces.append(" ")
        pieces.append(piece)
        last_kind = kind
    return unicodedata.normalize("NFC", "".join(pieces).replace("i\u0307", "i"))  # what lower() makes of the Turkish I


@cache
def _plain(character: str) -> tuple[str, str]:
    """Return the plain form of a character, and how its digits are set apart: by a tag of Unicode's decompositions."""
    category = unicodedata.category(character)
    if character.isascii():
        return character, ""
    if category in ("Cf", "Me") or _INVISIBLE.match(character):
        return "", ""
    if character in _TRADE_MARKS:
        return " ", ""
    if character in _REPLACED:
        return _REPLACED[character], ""
    if category == "Nd":
        return str(unicodedata.decimal(character)), ""
    if category == "Pd" or character in _DASHES:
        return "-", ""
    if category in ("Pi", "Pf") or character in _QUOTES:
        return "'", ""
    name = unicodedata.name(character, "")
    if styled := _STYLED.fullmatch(name):
        return styled[1], ""
    if category == "No" and "CIRCLED" in name:
        return str(int(unicodedata.numeric(character))), "<circle>"
    compatible = unicodedata.normalize("NFKC", character)
    if compatible != character:
        if compatible.startswith(" ") and len(compatible) > 1:  # an accent alone: a blank with a combining mark
            return "'", ""
        tag = unicodedata.decomposition(character).partition(" ")[0]
        kind = tag if tag.startswith("<") and tag not in _PLAIN_DIGITS else ""
        return "".join(_plain(part)[0] for part in compatible), kind
    return (" " if category[0] in "PSZ" else character), ""
