"""An OBO file that was changed at random costs the frames that were hurt, and is never a traceback."""

import random

import pytest

from biosyn.corpora.hpo import default_obo
from biosyn.errors import InputError

HURTS = ("flip", "delete", "repeat", "swap", "insert", "cut")


def frames_of(text):
    """The text up to the first frame, and the frames, as lists of lines."""
    head, *frames = text.split(b"\n[Term]\n")
    return head.split(b"\n"), [[b"[Term]", *frame.split(b"\n")] for frame in frames]


def id_of(frame):
    return next(line[4:].decode() for line in frame if line.startswith(b"id: "))


def changed_line(kind, line, chooser):
    at = chooser.randrange(len(line))
    if kind == "cut":
        return line[:at]
    if kind == "insert":
        return line[:at] + chooser.randbytes(3) + line[at:]
    return line[:at] + bytes([line[at] ^ 1 << chooser.randrange(8)]) + line[at + 1 :]


def mutate(text, times, seed):
    """Return the changed text, and the ids of the frames that were touched or stand beside a touched line."""
    chooser = random.Random(seed)
    head, frames = frames_of(text)
    lines = [(line, -1) for line in head]
    lines += [(line, number) for number, frame in enumerate(frames) for line in frame]
    hurt = {-1}
    for turn in range(times):
        kind = HURTS[turn % len(HURTS)]
        place, other = chooser.randrange(len(head), len(lines) - 1), chooser.randrange(len(head), len(lines))
        line, frame = lines[place]
        hurt |= {frame, lines[place + 1][1]}  # a line end may be lost
        if kind == "delete":
            del lines[place]
        elif kind == "repeat":
            lines.insert(other, lines[place])
            hurt |= {lines[each][1] for each in (other - 1, other, min(other + 1, len(lines) - 1))}
            hurt.add(frame)
        elif kind == "swap":
            hurt |= {lines[other][1], lines[min(other + 1, len(lines) - 1)][1]}
            lines[place], lines[other] = lines[other], lines[place]
        elif line:
            lines[place] = (changed_line(kind, line, chooser), frame)
    untouched = [id_of(each) for number, each in enumerate(frames) if number not in hurt]
    return b"\n".join(line for line, _ in lines), set(untouched)


def check(read, text, times, seed):
    whole, _ = read("obo", text)
    changed, untouched = mutate(text, times, seed)
    concepts, counts = read("obo", changed, skip_errors=True)
    if counts.skipped:
        with pytest.raises(InputError, match=r"hp\.obo:\d+: "):
            read("obo", changed)
    found = {concept.ids[0]: concept for concept in concepts}
    lost = [
        concept.ids[0]
        for concept in whole
        if concept.ids[0] in untouched
        and not (
            (other := found.get(concept.ids[0]))
            and other.obsolete == concept.obsolete
            and set(concept.names) <= set(other.names)
        )
    ]
    assert not lost
    return len(untouched), counts


def small(terms):
    frames = [
        f'\n[Term]\nid: X:{term}\nname: name {term}\ndef: "a \\"definition\\"" [P:1]\n'
        f'synonym: "other {term}" EXACT layperson []\nxref: Y:{term}\nis_a: X:0 ! name 0\n'
        for term in range(terms)
    ]
    return ("format-version: 1.2\nontology: x\n" + "".join(frames)).encode()


@pytest.mark.parametrize("seed", range(8))
def test_thirty_changes_cost_what_was_hurt(read, seed):
    untouched, _ = check(read, small(100), 30, seed)
    assert untouched > 20


@pytest.mark.parametrize("end", range(40, 400, 13))
def test_a_file_that_ends_anywhere_keeps_what_was_before(read, end):
    text = small(3)
    concepts, _ = read("obo", text[:end], skip_errors=True)
    complete = text[:end].count(b"is_a: X:0 ! name 0\n")
    assert [concept.names for concept in concepts[:complete]] == [(f"name {n}", f"other {n}") for n in range(complete)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_a_thousand_changes_of_hpo_cost_what_was_hurt(read, seed):
    untouched, counts = check(read, default_obo().read_bytes(), 1_000, seed)
    assert untouched > 16_000
    assert sum(counts.skipped.values()) > 100


@pytest.mark.slow
def test_hpo_changed_a_thousand_times_over_is_never_a_traceback(read):
    text = default_obo().read_bytes()[:200_000]
    for seed in range(1_000):
        check(read, text.rsplit(b"\n[Term]", 1)[0] + b"\n", 10, seed)
