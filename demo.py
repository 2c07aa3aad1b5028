"""python demo.py ... is biosyn demo ...: see biosyn.cli.main."""

import sys

from biosyn.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["demo", *sys.argv[1:]]))
