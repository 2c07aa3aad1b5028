"""The training run: files in, checkpoint and log out."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from biosyn.checkpoint.kept_states import KeptStates
from biosyn.checkpoint.manifest import is_trained_as
from biosyn.checkpoint.training_state import state_of_first
from biosyn.config import TrainConfig
from biosyn.data.dictionary import DictionaryDataset, require_names
from biosyn.data.queries import QueryDataset
from biosyn.devices import resolve_device, set_seed
from biosyn.distributed.ranks import is_first, rank
from biosyn.epochs import run_epochs, start
from biosyn.files import remove_stages, require_writable
from biosyn.model.biosyn import BioSyn
from biosyn.records import Query
from biosyn.training import Trainer
from biosyn.training_identity import describe_dev, describe_training, identity, output_folder
from biosyn.training_log import DevSet, TrainLog, load_dev_set

logger = logging.getLogger(__name__)


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
    output_dir = output_folder(config)
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
    trained = describe_training(config, mentions=len(queries), names=len(dictionary))
    dev_data = describe_dev(config, dev)
    states = KeptStates(output_dir, identity(config, trained, dev_data), keep=config.keep_last)
    state = state_of_first(states.begin(resume=config.resume, epochs=config.epoch) if is_first() else None)
    if is_first():
        remove_stages(output_dir, *output_dir.glob("checkpoint_*"))
    log = TrainLog(output_dir, state.values["log"] if state else ())
    save = _saver(biosyn, trained, dev_data)
    if config.epoch == 0:  # the sparse-only model: nothing to train, all to save
        save(output_dir, {"epoch": 0})
        return log.rows
    trainer = _trainer(config, biosyn, queries, dictionary, dev)

    def save_models(row: dict[str, Any]) -> None:
        if config.save_checkpoint_all:
            save(output_dir / f"checkpoint_{row['epoch']}", row)
        if log.is_best() if config.keep_best else row["epoch"] == config.epoch:
            save(output_dir, row)

    start(trainer, state, log=log, save_models=save_models)
    del state  # three times the encoder's memory
    run_epochs(
        trainer,
        epochs=config.epoch,
        log=log,
        states=states,
        save_every_steps=config.save_every_steps,
        save_models=save_models,
    )
    return log.rows


def _trainer(
    config: TrainConfig, biosyn: BioSyn, queries: list[Query], dictionary: DictionaryDataset, dev: DevSet | None
) -> Trainer:
    return Trainer(
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


def _saver(biosyn: BioSyn, trained: dict[str, Any], dev_data: dict[str, Any]) -> Callable[[Path, dict[str, Any]], None]:
    """Return the function that saves the model as it is after an epoch, with what it was trained and measured on.

    It is the first rank that saves.
    """

    def save(folder: Path, row: dict[str, Any]) -> None:
        told = {**trained, "last_epoch": row}
        if is_first() and not is_trained_as(
            folder, told
        ):  # or else a resumed run would take what was recorded there since
            figures = {"dev": {**dev_data, **row["dev"]}} if "dev" in row else {}
            biosyn.save_model(folder, trained=told, figures=figures)

    return save
