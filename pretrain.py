"""python pretrain.py ... is biosyn pretrain ...: see biosyn.cli.main."""

import sys

from biosyn.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["pretrain", *sys.argv[1:]]))
