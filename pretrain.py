"""See biosyn.cli.pretrain."""

import sys

from biosyn.cli.pretrain import main

if __name__ == "__main__":
    sys.exit(main())
