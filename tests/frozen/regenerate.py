"""Write the golden files anew from what the program does now: ``python tests/frozen/regenerate.py [NAME ...]``.

For a change of behaviour that is wanted, never to make a test pass. NAME is a part of a test's name, for example
``flags``: the golden files of the other tests stay. Look at ``git diff tests/frozen/golden`` before you commit. They
are of an x86-64 CPU and the versions in requirements.txt; fixtures/old-commit/ is not touched.
"""

import os
import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    os.environ["BIOSYN_REGENERATE"] = "1"
    chosen = ["-k", " or ".join(sys.argv[1:])] if sys.argv[1:] else []
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", str(Path(__file__).parent), *chosen]))
