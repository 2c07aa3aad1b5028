"""See biosyn.cli.demo."""

import sys

from biosyn.cli.demo import main

if __name__ == "__main__":
    sys.exit(main())
