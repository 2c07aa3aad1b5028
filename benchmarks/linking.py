"""Linking a file: peak memory at 10,000 and at 100,000 mentions, and mentions a second.

python benchmarks/linking.py                                                     # a stand-in for the model
python benchmarks/linking.py --formats lines --model_name_or_path M --dictionary_path D   # the real one

Each run is in a process of its own. The stand-in answers at once, so the first measures all but the model: reading,
preparing, remembering, writing. Nine tenths of the mentions are distinct; `lines, repeats` has a hundred distinct ones.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from common import own_peak_megabytes, report

from biosyn.linking.file import link_file, link_units, survey
from biosyn.linking.file_settings import file_cleaner
from biosyn.linking.journal import Journal
from biosyn.linking.steps import link_steps
from biosyn.mention_files.added_columns import ID, NAME, SCORE, Link
from biosyn.mention_files.formats import MentionFile, Wanted
from biosyn.settings.verbs import LinkConfig
from biosyn.text.abbreviations import no_abbreviations

SIZES = (10_000, 100_000)
PER_DOCUMENT = 10  # about what a PubMed abstract has


def mention(number: int, distinct: int) -> str:
    """Return a mention of some words; there are ``distinct`` ones."""
    number = number * 7919 % distinct
    return f"familial disease {number} of the type {number % 13}"


def write_lines(file: Any, mentions: Iterator[str]) -> None:
    """Write one mention a line."""
    file.writelines(f"{text}\n" for text in mentions)


def write_csv(file: Any, mentions: Iterator[str]) -> None:
    """Write a table."""
    file.write("id,mention\n")
    file.writelines(f'{number},"{text}"\n' for number, text in enumerate(mentions))


def write_jsonl(file: Any, mentions: Iterator[str]) -> None:
    """Write an object a line."""
    file.writelines(json.dumps({"id": number, "mention": text}) + "\n" for number, text in enumerate(mentions))


def documents(mentions: Iterator[str]) -> Iterator[tuple[int, str, list[tuple[int, str]]]]:
    """Yield number, text, and the places of the mentions of each document."""
    for number, first in enumerate(mentions):
        texts = [first, *islice(mentions, PER_DOCUMENT - 1)]
        starts = [sum(len(text) + 2 for text in texts[:at]) for at in range(len(texts))]
        yield number, ", ".join(texts), list(zip(starts, texts, strict=True))


def write_pubtator(file: Any, mentions: Iterator[str]) -> None:
    """Write documents of a title."""
    for number, text, places in documents(mentions):
        file.write(f"{number}|t|{text}\n{number}|a|Nothing else.\n")
        file.writelines(f"{number}\t{start}\t{start + len(one)}\t{one}\tDisease\n" for start, one in places)
        file.write("\n")


def write_xml(file: Any, mentions: Iterator[str]) -> None:
    """Write a BioC collection."""
    file.write("<collection>\n")
    for number, text, places in documents(mentions):
        file.write(f"<document><id>{number}</id><passage><offset>0</offset><text>{text}</text>\n")
        for start, one in places:
            place = f'<location offset="{start}" length="{len(one)}"/>'
            file.write(f'<annotation id="{start}">{place}<text>{one}</text></annotation>\n')
        file.write("</passage></document>\n")
    file.write("</collection>\n")


def write_json(file: Any, mentions: Iterator[str]) -> None:
    """Write a BioC collection."""
    file.write('{"documents": [')
    for number, text, places in documents(mentions):
        annotations = [{"text": one, "locations": [{"offset": at, "length": len(one)}]} for at, one in places]
        passage = {"offset": 0, "text": text, "annotations": annotations}
        file.write((",\n" if number else "") + json.dumps({"id": str(number), "passages": [passage]}))
    file.write("]}")


WRITERS: dict[str, Callable[[Any, Iterator[str]], None]] = {
    "lines": write_lines,
    "csv": write_csv,
    "jsonl": write_jsonl,
    "pubtator": write_pubtator,
    "bioc-xml": write_xml,
    "bioc-json": write_json,
}


def stand_in(texts: Sequence[str]) -> list[Link]:
    """Answer as a model would, without one."""
    return [Link("D000001", text, float(len(text))) for text in texts]


def run_once(name: str, count: int, model: str | None, dictionary: str | None, cache_dir: str | None) -> dict[str, Any]:
    """Make a file, link it, and return the peak memory and the seconds."""
    file_format = name.partition(",")[0]
    with tempfile.TemporaryDirectory() as folder:
        path, output = Path(folder, "input"), Path(folder, "output")
        distinct = 100 if "repeats" in name else count * 9 // 10
        with path.open("w", encoding="utf-8") as file:
            WRITERS[file_format](file, (mention(number, distinct) for number in range(count)))
        started = time.perf_counter()
        if model and dictionary:
            config = LinkConfig(
                model_name_or_path=model,
                dictionary_path=dictionary,
                input=str(path),
                output=str(output),
                format=file_format,
                device="cpu",
                cache_dir=cache_dir,
                abbreviations="none",
            )
            link_file(config)
        else:
            source = MentionFile(path, file_format, Wanted("mention", "mention", None, (ID, NAME, SCORE)))
            cleaner = file_cleaner(no_abbreviations)
            with Journal(output, {}, resume=False) as journal:
                survey(source, cleaner)
                link_units(source, journal, cleaner, link=partial(link_steps, link=stand_in), fail=True)
                assert journal.done.linked == count
                journal.publish(keep_errors=False)
        return {"peak": own_peak_megabytes(), "seconds": time.perf_counter() - started}


def main() -> None:
    """Print the table, and write it to results/."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [*WRITERS, "lines, repeats"]
    parser.add_argument("--formats", nargs="+", choices=names, default=names)
    for flag in ("--model_name_or_path", "--dictionary_path", "--cache_dir"):
        parser.add_argument(flag)
    parser.add_argument("--once", nargs=2, metavar=("FORMAT", "COUNT"), help="one run, for its memory")
    args = parser.parse_args()
    model = (args.model_name_or_path, args.dictionary_path, args.cache_dir)
    if args.once:
        print(json.dumps(run_once(args.once[0], int(args.once[1]), *model)))
        return
    flags = [
        part
        for flag, value in zip(("--model_name_or_path", "--dictionary_path", "--cache_dir"), model, strict=True)
        if value
        for part in (flag, value)
    ]
    rows = []
    for name in args.formats:
        few, many = (
            json.loads(
                subprocess.run(
                    [sys.executable, __file__, *flags, "--once", name, str(size)],
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                ).stdout.splitlines()[-1]
            )
            for size in SIZES
        )
        rows.append(
            {
                "file": name,
                "MB at 10,000": few["peak"],
                "MB at 100,000": many["peak"],
                "ratio": many["peak"] / few["peak"],
                "mentions a second": SIZES[1] / many["seconds"],
            }
        )
    report("linking-model" if args.model_name_or_path else "linking", rows, {"documents of": PER_DOCUMENT})


if __name__ == "__main__":
    main()
