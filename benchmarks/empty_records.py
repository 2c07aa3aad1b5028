"""How fast records without a mention are read, prepared and written, in every format: records a second of one core.

python benchmarks/empty_records.py
"""

import json
import tempfile
import time
from pathlib import Path

from biosyn.linking.file import survey
from biosyn.linking.file_settings import file_cleaner, open_source
from biosyn.linking.steps import prepare, steps
from biosyn.text.abbreviations import no_abbreviations

LINES, DOCUMENTS = 100_000, 20_000
EMPTY = "\n" * LINES
FILES = {
    "lines": (EMPTY, LINES),
    "csv": ("mention,n\n" + EMPTY, LINES),
    "tsv": ("mention\tn\n" + EMPTY, LINES),
    "jsonl": (EMPTY, LINES),
    "pubtator": ("1|t|a\n1|a|b\n" + EMPTY, LINES),
    "bioc-json": (json.dumps({"documents": [{"id": "1", "passages": []}] * DOCUMENTS}), DOCUMENTS),
    "bioc-xml": (f"<collection>{'<document><id>1</id></document>' * DOCUMENTS}</collection>", DOCUMENTS),
}


def main() -> None:
    """Print the records a second of each format as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps({name: records_a_second(Path(folder, "file"), name) for name in FILES}, indent=2))


def records_a_second(path: Path, file_format: str) -> int:
    """Return how many records of the format are surveyed, prepared and written in a second of CPU time."""
    text, count = FILES[file_format]
    path.write_text(text, encoding="utf-8")
    started = time.process_time()
    source, cleaner = open_source(path, file_format=file_format), file_cleaner(no_abbreviations)
    survey(source)
    with source.units() as units:
        for step in steps(units):
            prepare(step, cleaner)
            for unit in step:
                unit.render([None] * len(unit.mentions))
    return round(count / (time.process_time() - started))


if __name__ == "__main__":
    main()
