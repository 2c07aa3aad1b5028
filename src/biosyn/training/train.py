"""The training run: files in, checkpoint and log out."""

import logging
from typing import Any

from biosyn.data.dictionary import DictionaryDataset, require_names
from biosyn.data.queries import QueryDataset
from biosyn.devices import resolve_device, set_seed
from biosyn.distributed.ranks import is_first, rank
from biosyn.files import require_writable
from biosyn.model.biosyn import BioSyn
from biosyn.records import Query
from biosyn.settings.verbs import TrainConfig
from biosyn.training.identity import output_folder
from biosyn.training.log import DevSet, load_dev_set
from biosyn.training.run import train_epochs
from biosyn.training.trainer import Trainer

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
        pooling=config.pooling,
        similarity=config.similarity,
    )
    biosyn.load_dense_encoder(config.model_name_or_path, revision=config.revision)
    if biosyn.get_dense_encoder().pooling.is_unit and config.temperature == 1:
        logger.warning("cosines at a temperature of 1 hardly differ: --temperature 0.05 suits them")
    if config.keep_sparse_weight:
        biosyn.load_sparse_weight(config.model_name_or_path, revision=config.revision)
    biosyn.init_sparse_encoder(dictionary.names)
    logger.info("%d mentions, %d names, on %s", len(queries), len(dictionary), device)
    rows = train_epochs(
        config,
        biosyn,
        lambda: _trainer(config, biosyn, queries, dictionary, dev),
        dev=dev,
        sizes={"mentions": len(queries), "names": len(dictionary)},
        output_dir=output_dir,
    )
    logger.info("the model is in %s", output_dir)
    return {"output_dir": str(output_dir), "mentions": len(queries), "names": len(dictionary), "epochs": rows}


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
        temperature=config.temperature,
        batch_size=config.train_batch_size,
        accumulation=config.gradient_accumulation_steps,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        gradient_checkpointing=config.gradient_checkpointing,
        seed=config.seed,
        show_progress=config.show_progress,
    )
