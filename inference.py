"""See biosyn.cli.inference."""

import sys

from biosyn.cli.inference import main

if __name__ == "__main__":
    sys.exit(main())
