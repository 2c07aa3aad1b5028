"""The pretraining run: a dictionary in, checkpoint and log out."""

import logging
from typing import Any

from biosyn.config import PretrainConfig
from biosyn.data.dictionary import DictionaryDataset
from biosyn.devices import resolve_device, set_seed
from biosyn.files import require_writable
from biosyn.model.biosyn import BioSyn
from biosyn.training.identity import output_folder
from biosyn.training.log import DevSet, load_dev_set
from biosyn.training.pretrain import Aligner
from biosyn.training.run import train_epochs

logger = logging.getLogger(__name__)


def pretrain(config: PretrainConfig) -> dict[str, Any]:
    """Run pretrain.py: fit the TF-IDF, align the encoder to the dictionary's synonyms, save; return its JSON result.

    Raises
    ------
    InputError
        If a file is missing or bad, no concept has two names, the device is not there, or the output folder cannot be
        written.
    """
    device = resolve_device(config.device)
    dictionary = DictionaryDataset(config.train_dictionary_path, draft=config.draft)
    dev = load_dev_set(config.dev_dir, config.dev_dictionary_path)
    output_dir = require_writable(output_folder(config))
    set_seed(config.seed)
    biosyn = BioSyn(
        config.max_length,
        device,
        initial_sparse_weight=config.initial_sparse_weight,
        precision=config.precision,
        search_memory=config.search_memory,
        pooling=config.pooling,
        similarity="cosine",
    )
    biosyn.load_dense_encoder(config.model_name_or_path, revision=config.revision)
    biosyn.init_sparse_encoder(dictionary.names)
    logger.info("%d names, on %s", len(dictionary), device)
    rows = train_epochs(
        config,
        biosyn,
        lambda: _aligner(config, biosyn, dictionary, dev),
        dev=dev,
        sizes={"names": len(dictionary)},
        output_dir=output_dir,
    )
    logger.info("the model is in %s", output_dir)
    return {"output_dir": str(output_dir), "names": len(dictionary), "epochs": rows}


def _aligner(config: PretrainConfig, biosyn: BioSyn, dictionary: DictionaryDataset, dev: DevSet | None) -> Aligner:
    return Aligner(
        biosyn,
        dictionary,
        dev=dev,
        total_epochs=config.epoch,
        batch_size=config.train_batch_size,
        group_size=config.group_size,
        temperature=config.temperature,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        warmup=config.warmup,
        seed=config.seed,
        show_progress=config.show_progress,
    )
