"""From the raw NCBI disease corpus to its figures with MiniLM, on a CPU: the recipe of ncbi-disease-minilm.md.

python recipes/reproduce_ncbi.py --raw_dir RAW --output_dir OUT [--seeds 0 1 2]

RAW holds, itself or in folders of it, the corpus's three files, medic_06Jul2012.txt and ncbi-spell-check.txt
(datasets/README.md says where they are). Every step is one of the commands, and is shown; the same again goes on
where it stopped. The figures are printed as JSON, and as a table on stderr.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from biosyn.cli.quickstart import packaged_encoder
from biosyn.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
# bfloat16 where it pays, on a CPU that computes in it (docs/experiments.md)
PRETRAIN = {"epoch": 5, "pooling": "mean", "temperature": 0.05, "learning_rate": 5e-5, "precision": "bfloat16"}
TRAIN = {"epoch": 4, "temperature": 0.05, "learning_rate": 2e-5, "precision": "bfloat16"}
MODES = ("dense", "hybrid")
FIGURES = {
    "Acc@1": ("lenient", "acc1"),
    "Acc@5": ("lenient", "acc5"),
    "strict Acc@1": ("strict", "acc1"),
    "strict_unresolved Acc@1": ("strict_unresolved", "acc1"),
    "refined Acc@1": ("refined", "acc1"),
}

Figures = dict[str, dict[str, float]]


def main() -> int:
    """Run every step; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw_dir", type=Path, required=True)
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args()
    try:
        data = preprocess(args.raw_dir, args.output_dir / "data")
        metrics = [measure(train(data, args.output_dir / f"seed_{seed}", seed), data) for seed in args.seeds]
    except InputError as error:
        print(f"reproduce_ncbi.py: error: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:  # the command has said why
        return error.returncode
    print(json.dumps(summary(args.seeds, metrics), indent=2))
    return 0


def preprocess(raw_dir: Path, data: Path) -> Path:
    """Make queries and dictionaries, a second's work; return their folder."""
    run(
        "preprocess.py",
        "ncbi-disease",
        raw_dir=find(raw_dir, "NCBItestset_corpus.txt").parent,
        dictionary=find(raw_dir, "medic_06Jul2012.txt"),
        typo_path=find(raw_dir, "ncbi-spell-check.txt"),
        output_dir=data,
    )
    return data


def train(data: Path, output_dir: Path, seed: int) -> Path:
    """Align the encoder to MEDIC's synonyms, then train it on the mentions of train and dev; return the model."""
    names = {"train_dictionary_path": data / "train_dictionary.txt", "seed": seed}
    pretrained, trained = output_dir / "pretrained", output_dir / "trained"
    run(
        "pretrain.py",
        "--resume",
        model_name_or_path=packaged_encoder(),
        output_dir=pretrained,
        **names,
        **PRETRAIN,
    )
    run(
        "train.py",
        "--resume",
        model_name_or_path=pretrained,
        train_dir=data / "processed_traindev",
        output_dir=trained,
        **names,
        **TRAIN,
    )
    return trained


def measure(model: Path, data: Path) -> Figures:
    """Return the figures on the test set, each with its interval, of both scores."""
    found: Figures = {}
    for mode in MODES:
        output_dir = model.parent / f"test_{mode}"
        run(
            "eval.py",
            "--save_predictions",
            score_mode=mode,
            precision="float32",
            model_name_or_path=model,
            dictionary_path=data / "test_dictionary.txt",
            data_dir=data / "processed_test",
            train_dir=data / "processed_traindev",
            output_dir=output_dir,
            cache_dir=model.parent / "cache",
        )
        protocols = json.loads((output_dir / "metrics.json").read_text(encoding="utf-8"))["protocols"]
        found |= {f"{mode} {name}": protocols[protocol][key] for name, (protocol, key) in FIGURES.items()}
    return found


def summary(seeds: list[int], metrics: list[Figures]) -> dict[str, object]:
    """Return each seed's figures, and over the seeds their mean and standard deviation; print them as a table."""
    spread = {}
    for name in metrics[0]:
        values = [found[name]["value"] for found in metrics]
        spread[name] = {"mean": statistics.mean(values), "sd": statistics.stdev(values) if len(values) > 1 else None}
        cells = [
            f"{found[name]['value']:.4f} ({found[name]['low']:.4f} - {found[name]['high']:.4f})" for found in metrics
        ]
        print(f"{name:<21} {'  '.join(cells)}  mean {spread[name]['mean']:.4f}", file=sys.stderr)
    return {"seeds": dict(zip(map(str, seeds), metrics, strict=True)), "over_seeds": spread}


def find(folder: Path, name: str) -> Path:
    """Return the file of that name in the folder or below it."""
    path = next(iter(sorted(folder.rglob(name))), None)
    if path is None:
        raise InputError(f"holds no {name}: datasets/README.md says where it is", path=folder)
    return path


def run(program: str, *flags: str, **settings: object) -> None:
    """Run a command of the project, and show it."""
    arguments = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
    command = [sys.executable, str(ROOT / program), *flags, *arguments]
    print("$", " ".join(command), file=sys.stderr, flush=True)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
