"""python eval.py ... is biosyn eval ...: see biosyn.cli.main."""

import sys

from biosyn.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["eval", *sys.argv[1:]]))
