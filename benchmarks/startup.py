"""Start-up of inference.py with a warm index, beside importing torch and transformers and loading the encoder alone.

Each is a process of its own, in turn. And mentions a second in one process, ``--help``.

python benchmarks/startup.py --model_name_or_path MODEL --dictionary_path DATA/test_dictionary.txt
"""

import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path

from common import alternate, argument_parser, report, sample_names
from transformers import AutoTokenizer

from biosyn.linking.loading import load_linker
from biosyn.settings.groups import Compute, Index

ROOT = Path(__file__).parents[1]
BARE = """
import sys, torch, transformers
from transformers import AutoModel, AutoTokenizer
AutoModel.from_pretrained(sys.argv[1], dtype=torch.float32)
AutoTokenizer.from_pretrained(sys.argv[1])
"""
ROUNDS_OF_MENTIONS = 3


def main() -> None:
    """Print the table."""
    parser = argument_parser(__doc__)
    parser.add_argument("--model_name_or_path", required=True)
    parser.add_argument("--cache_dir", required=True, help="where the index is, or will be after the first call")
    args = parser.parse_args()
    model, dictionary = args.model_name_or_path, args.dictionary_path
    where = ["--model_name_or_path", model, "--dictionary_path", dictionary, "--cache_dir", args.cache_dir]
    commands = {
        "bare: imports and the encoder": ["-c", BARE, model],
        "inference.py --mention": [str(ROOT / "inference.py"), "--mention", "ataxia telangiectasia", *where],
        "inference.py --help": [str(ROOT / "inference.py"), "--help"],
    }
    seconds = alternate({name: partial(_run, words) for name, words in commands.items()}, rounds=args.rounds)
    bare = seconds["bare: imports and the encoder"]
    rows = [{"what": name, "seconds": found, "beyond bare": found - bare} for name, found in seconds.items()]

    linker = load_linker(model, dictionary, Compute(device="cpu"), Index(cache_dir=args.cache_dir), topk=5)
    mentions = sample_names(dictionary, 960)
    link = alternate({"link": lambda: linker.normalize(mentions, topk=5)}, rounds=ROUNDS_OF_MENTIONS)["link"]
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokens = statistics.mean(len(tokenizer(mention)["input_ids"]) for mention in mentions)
    facts = {
        "names": len(linker.dictionary),
        "mentions a second in one process, 960 at a time": len(mentions) / link,
        "tokens of a mention": tokens,
    }
    report("startup", rows, facts)


def _run(words: list[str]) -> None:
    subprocess.run([sys.executable, *words], check=True, capture_output=True)


if __name__ == "__main__":
    main()
