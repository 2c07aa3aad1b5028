"""The training run: files in, checkpoint and log out."""

import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from biosyn.config import TrainConfig
from biosyn.data.dictionary import DictionaryDataset, require_names
from biosyn.data.queries import QueryDataset
from biosyn.devices import resolve_device, set_seed
from biosyn.distributed.ranks import is_first, rank
from biosyn.files import require_writable
from biosyn.model.biosyn import BioSyn
from biosyn.provenance import describe_data, describe_dictionary, describe_model, describe_queries
from biosyn.records import Query
from biosyn.training import Trainer
from biosyn.training_log import DevSet, TrainLog, load_dev_set

logger = logging.getLogger(__name__)

# of a run's flags: those that the manifest describes otherwise, and paths of this machine, which are nobody's business
NOT_SETTINGS = {
    *("model_name_or_path", "revision", "train_dictionary_path", "train_dir", "output_dir"),
    *("dev_dir", "dev_dictionary_path", "show_progress"),
}


def train(config: TrainConfig) -> dict[str, Any]:
    """Run train.py: fit the TF-IDF, train the encoder and w, save; return its JSON result.

    Raises
    ------
    InputError
        If a file is missing or bad, the device is not there, or the output folder cannot be written.
    """
    device = resolve_device(config.device)
    dictionary = DictionaryDataset(config.train_dictionary_path, draft=config.draft)
    require_names(dictionary, config.topk)
    queries = QueryDataset(config.train_dir, True, True, True, draft=config.draft).queries
    dev = load_dev_set(config.dev_dir, config.dev_dictionary_path)
    output_dir = _output_dir(config)
    if is_first():
        require_writable(output_dir)
    set_seed(config.seed + rank())  # or else the ranks' dropout would be the same

    biosyn = BioSyn(
        config.max_length,
        device,
        initial_sparse_weight=config.initial_sparse_weight,
        precision=config.precision,
        search_memory=config.search_memory,
    )
    biosyn.load_dense_encoder(config.model_name_or_path, revision=config.revision)
    if config.keep_sparse_weight:
        biosyn.load_sparse_weight(config.model_name_or_path, revision=config.revision)
    biosyn.init_sparse_encoder(dictionary.names)
    logger.info("%d mentions, %d names, on %s", len(queries), len(dictionary), device)
    rows = _train_epochs(config, biosyn, queries, dictionary, dev, output_dir)
    logger.info("the model is in %s", output_dir)
    return {"output_dir": str(output_dir), "mentions": len(queries), "names": len(dictionary), "epochs": rows}


def _train_epochs(
    config: TrainConfig,
    biosyn: BioSyn,
    queries: list[Query],
    dictionary: DictionaryDataset,
    dev: DevSet | None,
    output_dir: Path,
) -> list[dict[str, Any]]:
    log = TrainLog(output_dir)
    save = _saver(config, biosyn, dev, mentions=len(queries), names=len(dictionary))
    if config.epoch == 0:  # the sparse-only model: nothing to train, all to save
        save(output_dir, {"epoch": 0})
        return log.rows
    trainer = Trainer(
        biosyn,
        queries,
        dictionary,
        dev=dev,
        topk=config.topk,
        dense_ratio=config.dense_ratio,
        fixed_candidates=config.fixed_candidates,
        batch_size=config.train_batch_size,
        accumulation=config.gradient_accumulation_steps,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        gradient_checkpointing=config.gradient_checkpointing,
        seed=config.seed,
        show_progress=config.show_progress,
    )
    if dev is not None:
        log.add({"epoch": 0, **trainer.dev_accuracy()})
    for epoch in range(1, config.epoch + 1):
        row = {"epoch": epoch, **trainer.run_epoch(), **trainer.dev_accuracy()}
        log.add(row)
        if config.save_checkpoint_all:
            save(output_dir / f"checkpoint_{epoch}", row)
        if log.is_best() if config.keep_best else epoch == config.epoch:
            save(output_dir, row)
    return log.rows


def _output_dir(config: TrainConfig) -> Path:
    path = Path(config.output_dir)
    return path.with_name(f"{path.name}_draft") if config.draft else path


def describe_training(config: TrainConfig, *, mentions: int, names: int) -> dict[str, Any]:
    """Return what a model's manifest tells of its training: from which encoder, on what, with which settings."""
    return {
        "encoder": describe_model(config.model_name_or_path, config.revision),
        "dictionary": describe_dictionary(config.train_dictionary_path, names),
        "queries": describe_queries(config.train_dir, mentions),
        "settings": {key: value for key, value in asdict(config).items() if key not in NOT_SETTINGS},
    }


def _saver(
    config: TrainConfig, biosyn: BioSyn, dev: DevSet | None, *, mentions: int, names: int
) -> Callable[[Path, dict[str, Any]], None]:
    """Return the function that saves the model as it is after an epoch, with what it was trained and measured on.

    It is rank 0 that saves.
    """
    if not is_first():
        return lambda folder, row: None
    trained = describe_training(config, mentions=mentions, names=names)
    dev_data = {}
    if dev is not None and config.dev_dir is not None and config.dev_dictionary_path is not None:
        sizes = {"mentions": len(dev.queries), "names": len(dev.dictionary)}
        dev_data = describe_data(config.dev_dir, config.dev_dictionary_path, **sizes)

    def save(folder: Path, row: dict[str, Any]) -> None:
        figures = {"dev": {**dev_data, **row["dev"]}} if "dev" in row else {}
        biosyn.save_model(folder, trained={**trained, "last_epoch": row}, figures=figures)

    return save
