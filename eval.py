"""See biosyn.cli.eval."""

import sys

from biosyn.cli.eval import main

if __name__ == "__main__":
    sys.exit(main())
