"""The paper's ablation: score mode x fraction of dense candidates x iterative retrieval or not."""

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from biosyn.checkpoint.files import FILES
from biosyn.checkpoint.manifest import describe_data
from biosyn.data.dictionary import DictionaryDataset
from biosyn.data.queries import QueryDataset
from biosyn.errors import InputError
from biosyn.evaluation.evaluate import METRICS_FILE, evaluate
from biosyn.files import json_text, read_lines, sha256_of_files
from biosyn.places import Inputs
from biosyn.settings.groups import SCORE_MODES
from biosyn.settings.verbs import EvalConfig, TrainConfig
from biosyn.training.identity import describe_settings, describe_training
from biosyn.training.run import sole_run
from biosyn.training.train import train
from biosyn.writing import write_lines

logger = logging.getLogger(__name__)

ROWS_FILE = "ablation.jsonl"
ROW_KEYS = {"settings", "folder", "acc1"}

Row = dict[str, Any]


def ablate(training: TrainConfig, evaluation: EvalConfig, *, dense_ratios: Sequence[float]) -> list[Row]:
    """Train a model for each fraction of dense candidates, iterative and not; measure each in every score mode.

    A row is written to ``ablation.jsonl`` as soon as it is measured, together with its settings. A row that is there
    already is not made again, and a model that is there is not trained again. The name of a model's folder has a hash
    of its settings; it has a folder for each row with the predictions, for ``biosyn compare``.

    Parameters
    ----------
    training, evaluation
        The settings that all rows share; the models go into folders in the training's ``output_dir``.
    """
    output_dir = Path(training.output_dir)
    for config in (training, evaluation):
        written = (output_dir / name for name in (ROWS_FILE, FILES.training_lock))
        Inputs.of(config).require_apart(written, option="--output_dir")
    with sole_run(output_dir):
        configs = list(variants(training, dense_ratios))
        described, measured_on = _described(training), _measured_on(evaluation)
        rows = _read_rows(output_dir / ROWS_FILE)
        found = []
        for config in configs:
            trained_on = {**described, "settings": describe_settings(config)}
            folder = output_dir / _folder_name(config, trained_on)
            for mode in SCORE_MODES:
                settings = {"score_mode": mode, **trained_on, "measured_on": measured_on}
                row = next((row for row in rows if row["settings"] == settings), None)
                if row is None:
                    if not (folder / FILES.manifest).exists():  # it is written last
                        train(replace(config, output_dir=str(folder), keep_last=0))
                    row = {"settings": settings, "folder": folder.name, **_measure(evaluation, folder, mode)}
                    rows.append(row)
                    write_lines(output_dir / ROWS_FILE, map(json_text, rows))
                found.append(row)
                logger.info("%s", _line(row))
    return found


def variants(training: TrainConfig, dense_ratios: Sequence[float]) -> Iterator[TrainConfig]:
    """Yield the settings of each model: two for a fraction, but one if no candidate is dense, since none can change.

    Examples
    --------
    >>> training = TrainConfig(model_name_or_path="m", train_dictionary_path="d", train_dir="q", output_dir="out")
    >>> [(config.dense_ratio, config.fixed_candidates) for config in variants(training, [0, 0.5])]
    [(0, True), (0.5, False), (0.5, True)]
    """
    for ratio in dict.fromkeys(dense_ratios):
        fixed = replace(training, dense_ratio=ratio, fixed_candidates=True)
        if int(training.topk * ratio):
            yield replace(fixed, fixed_candidates=False)
        yield fixed


def _described(config: TrainConfig) -> dict[str, Any]:
    """Return what all models are trained on, with the sha256 of the encoder's files if it is a folder."""
    mentions = QueryDataset(config.train_dir, True, True, True, draft=config.draft)
    names = DictionaryDataset(config.train_dictionary_path, draft=config.draft)
    described = describe_training(config, mentions=len(mentions), names=[len(names)])
    folder = Path(config.model_name_or_path)
    if folder.is_dir():
        described["encoder"]["sha256"] = sha256_of_files([path for path in folder.iterdir() if path.is_file()])
    return described


def _measured_on(config: EvalConfig) -> dict[str, Any]:
    mentions = len(QueryDataset(config.data_dir, config.filter_composite, config.filter_duplicate))
    names = len(DictionaryDataset(config.dictionary_path))
    return describe_data(config.data_dir, config.dictionary_path, mentions=mentions, names=names)


def _folder_name(config: TrainConfig, trained_on: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(trained_on, sort_keys=True, allow_nan=False).encode()).hexdigest()
    kind = "fixed" if config.fixed_candidates else "iterative"
    return f"dense_ratio-{config.dense_ratio:g}-{kind}-{digest[:8]}"


def _measure(evaluation: EvalConfig, folder: Path, mode: str) -> dict[str, Any]:
    """Return the lenient Acc@1 and Acc@5 of a row, each with its denominator and interval."""
    target = folder / mode
    evaluate(
        replace(
            evaluation, model_name_or_path=str(folder), score_mode=mode, output_dir=str(target), save_predictions=True
        )
    )
    lenient = json.loads((target / METRICS_FILE).read_text(encoding="utf-8"))["protocols"]["lenient"]
    return {key: lenient[key] for key in ("acc1", "acc5") if key in lenient}


def _read_rows(path: Path) -> list[Row]:
    rows = []
    for number, line in read_lines(path) if path.exists() else ():
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or not set(row) >= ROW_KEYS:
            raise InputError(
                "is not a row of an ablation: delete the line, and its row is made again", path=path, line=number
            )
        rows.append(row)
    return rows


def _line(row: Row) -> str:
    setting, acc1 = row["settings"]["settings"], row["acc1"]
    kind = "fixed" if setting["fixed_candidates"] else "iterative"
    figure = f"{acc1['value']:.4f} ({acc1['low']:.4f} - {acc1['high']:.4f}) of {acc1['of']}"
    return f"{row['settings']['score_mode']:6}  dense_ratio {setting['dense_ratio']:g}  {kind:9}  acc@1 {figure}"
