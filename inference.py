"""python inference.py ... is biosyn inference ...: see biosyn.cli.main."""

import sys

from biosyn.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["inference", *sys.argv[1:]]))
