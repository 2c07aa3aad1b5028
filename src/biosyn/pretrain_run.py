"""The pretraining run: a dictionary in, checkpoint and log out."""

import logging
from typing import Any

from biosyn.config import PretrainConfig
from biosyn.data.dictionary import DictionaryDataset
from biosyn.devices import resolve_device, set_seed
from biosyn.files import require_writable
from biosyn.model.biosyn import BioSyn
from biosyn.pretraining import Aligner
from biosyn.training_log import TrainLog

logger = logging.getLogger(__name__)


def pretrain(config: PretrainConfig) -> dict[str, Any]:
    """Run pretrain.py."""
    device = resolve_device(config.device)
    dictionary = DictionaryDataset(config.train_dictionary_path)
    output_dir = require_writable(config.output_dir)
    set_seed(config.seed)
    biosyn = BioSyn(
        config.max_length,
        device,
        precision=config.precision,
        search_memory=config.search_memory,
        pooling=config.pooling,
        similarity="cosine",
        initial_sparse_weight=config.initial_sparse_weight,
    )
    biosyn.load_dense_encoder(config.model_name_or_path, revision=config.revision)
    biosyn.init_sparse_encoder(dictionary.names)
    log = TrainLog(output_dir)
    aligner = Aligner(
        biosyn,
        dictionary,
        epochs=config.epoch,
        batch_size=config.train_batch_size,
        group_size=config.group_size,
        temperature=config.temperature,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        warmup=config.warmup,
        seed=config.seed,
        show_progress=config.show_progress,
    )
    for epoch in range(1, config.epoch + 1):
        log.add({"epoch": epoch, **aligner.run_epoch()})
    biosyn.save_model(output_dir)
    return {"output_dir": str(output_dir), "names": len(dictionary), "epochs": log.rows}
