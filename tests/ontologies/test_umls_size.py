"""A MRCONSO as large as a part of UMLS that people work with goes through in bounded memory."""

import json
import subprocess
import sys

import pytest

CONCEPTS = 1_000_000
ATOMS = 5  # a concept
MAX_BYTES = 1_500_000_000

PLACES = [
    "femoral artery",
    "left kidney",
    "optic nerve",
    "small intestine",
    "thyroid gland",
    "mitral valve",
    "spinal cord",
    "liver",
]
KINDS = ["Chronic inflammation", "Malignant neoplasm", "Congenital malformation", "Acute infection", "Traumatic injury"]

COMMAND = """
import sys
from biosyn.cli.preprocess import main
code = main(sys.argv[1:])
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(peak, file=sys.stderr)
sys.exit(code)
"""


def atoms_of(concept):
    """Five strings: each second concept has two that clean to one name, each tenth shares one with its successor."""
    kind, place = KINDS[concept % len(KINDS)], PLACES[concept // 10 % len(PLACES)]
    name = f"{kind} of {place}, type {concept}"
    yield name
    yield name.upper() if concept % 2 else f"{place} {kind}".lower() + f" {concept}"
    yield f"{name} (disorder)"
    yield f"{kind} [{place}] unspecified, {concept}-A"
    yield f"{place} syndrome {concept - (concept % 10 == 1)}"


def write_mrconso(path):
    with path.open("w", encoding="utf-8") as file:
        for concept in range(CONCEPTS):
            for number, name in enumerate(atoms_of(concept)):
                unit = concept * ATOMS + number
                term = "P" if number == 0 else "S"
                file.write(
                    f"C{concept:07d}|ENG|{term}|L{unit:07d}|PF|S{unit:07d}|Y|A{unit:08d}||{concept}||SNOMEDCT_US|PT|"
                    f"{concept}|{name}|9|N|256|\n"
                )


@pytest.mark.slow
def test_five_million_lines_go_through_in_less_than_1500_mb(tmp_path):
    write_mrconso(tmp_path / "MRCONSO.RRF")
    command = ["dictionary", "--from", "umls", str(tmp_path), "--output", str(tmp_path / "out" / "umls.txt"), "--quiet"]
    done = subprocess.run([sys.executable, "-c", COMMAND, *command], capture_output=True, text=True, check=True)
    peak = int(done.stderr.split()[1]) * 1024
    print(f"peak {peak / 1e6:.0f} MB")  # noqa: T201 - shown by pytest -s
    assert peak < MAX_BYTES
    counts = json.loads(done.stdout)
    # 5,000,000 strings; 500,000 repeat a name of their concept, 100,000 one of another
    assert counts["concepts"] == CONCEPTS
    assert counts["dropped"] == {"name repeated in its concept": CONCEPTS // 2}
    assert counts["homonyms"] == CONCEPTS // 10
    assert counts["names"] == 4_400_000
    with (tmp_path / "out" / "umls.txt").open(encoding="utf-8") as file:
        assert next(file) == "C0000000||chronic inflammation of femoral artery type 0\n"
        assert sum(1 for _ in file) == 4_400_000 - 1
