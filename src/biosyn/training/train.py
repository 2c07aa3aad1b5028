"""The verb of train.py: from a starting encoder, training mentions and a dictionary to a checkpoint and a log."""

import logging
from typing import Any

from biosyn.data.annotations import Annotations
from biosyn.data.dictionary import DictionaryDataset, require_names
from biosyn.data.queries import QueryDataset, read_queries
from biosyn.devices import resolve_device, set_seed
from biosyn.distributed.ranks import rank
from biosyn.index.dictionary_index import DictionaryIndex
from biosyn.settings.verbs import TrainConfig
from biosyn.training.dev import load_dev_set
from biosyn.training.identity import describe, output_folder, require_places
from biosyn.training.run import RunSettings, run_epochs, settings_of, sole_run, starting_model
from biosyn.training.trainer import Trainer, TrainerSettings

logger = logging.getLogger(__name__)


def train(config: TrainConfig, *, known: DictionaryIndex | None = None) -> dict[str, Any]:
    """Fit the TF-IDF, train the encoder and w, save the model; return the JSON result of train.py.

    Parameters
    ----------
    known
        See `Trainer`.
    """
    device = resolve_device(config.device)
    inputs = require_places(config)
    dictionary = DictionaryDataset(config.train_dictionary_path, draft=config.draft)
    require_names(dictionary, config.topk)
    queries = QueryDataset(config.train_dir, True, True, True, draft=config.draft).queries
    dev = load_dev_set(config.dev_dir, config.dev_dictionary_path)
    output_dir = output_folder(config)
    with sole_run(output_dir):
        set_seed(config.seed + rank())  # each rank has dropout masks of its own

        biosyn = starting_model(config, dictionary.texts, device=device, similarity=config.similarity)
        if biosyn.get_dense_encoder().pooling.is_unit and config.temperature == 1:
            logger.warning("cosines at a temperature of 1 hardly differ: --temperature 0.05 suits them")
        if config.keep_sparse_weight:
            biosyn.load_sparse_weight(config.model_name_or_path, revision=config.revision)
        biosyn.annotations = Annotations.of(read_queries(config.train_dir))  # repeated and composite mentions count too

        settings = settings_of(TrainerSettings, config)
        logger.info("%d mentions, %d names, on %s", len(queries), len(dictionary), device)
        description = describe(config, dev=dev, mentions=len(queries), names=[len(dictionary)])
        inputs.require_unchanged()  # the hashes in it are those of what was read
        rows = run_epochs(
            biosyn,
            lambda: Trainer(
                biosyn,
                settings,
                queries=queries,
                dictionary=dictionary,
                dev=dev,
                known=known,
                show_progress=config.show_progress,
            ),
            settings_of(RunSettings, config),
            description=description,
            output_dir=output_dir,
        )
    inputs.warn_of_changes()
    logger.info("the model is in %s", output_dir)
    return {"output_dir": str(output_dir), "mentions": len(queries), "names": len(dictionary), "epochs": rows}
