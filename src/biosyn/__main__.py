"""``python -m biosyn VERB ...``: the same as the commands ``biosyn VERB ...`` and ``python VERB.py ...``."""

import sys
from typing import NoReturn


def run(*words: str) -> NoReturn:
    """Run the verb that these words and the process's arguments name, and end the process with its exit code."""
    try:
        # here, so that Ctrl-C is answered from the first moment
        from biosyn.cli.main import main

        code = main([*words, *sys.argv[1:]])
    except KeyboardInterrupt:
        if sys.stderr is not None:
            sys.stderr.write("stopped\n")
        code = 130
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # all is written: Python need not tell where its end was stopped
    sys.exit(code)


if __name__ == "__main__":
    run()
