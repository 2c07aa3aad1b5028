"""See biosyn.cli.preprocess."""

import sys

from biosyn.cli.preprocess import main

if __name__ == "__main__":
    sys.exit(main())
