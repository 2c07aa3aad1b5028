"""``python -m biosyn VERB ...``: the same as the command ``biosyn VERB ...``."""

import sys

from biosyn.cli.main import main

sys.exit(main())
