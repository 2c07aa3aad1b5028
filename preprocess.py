"""python preprocess.py ... is biosyn preprocess ...: see biosyn.cli.main."""

import sys

from biosyn.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["preprocess", *sys.argv[1:]]))
