"""See biosyn.cli.train."""

import sys

from biosyn.cli.train import main

if __name__ == "__main__":
    sys.exit(main())
