"""BioSyn: biomedical entity representations with synonym marginalization.

Each folder is one stage; its `__init__` says what goes in, what comes out and where to start. Raw data: `corpora`,
`ontologies`. Our files: `data`; files to link: `mention_files`. The model: `text`, `encoders`, `retrieval`, `model`
(with the `Linker`), `checkpoint`, `index`. The verbs: `training`, `evaluation`, `linking`, `web`; `settings` declares
their flags, `cli` starts them, `distributed` makes several processes one.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Imported on first use (PEP 562), so that `import biosyn` and `--help` do not wait for torch.
_HOMES = {
    "Annotations": "biosyn.data.annotations",
    "BioSyn": "biosyn.model.biosyn",
    "CandidateDataset": "biosyn.training.candidates",
    "DenseEncoder": "biosyn.encoders.dense",
    "DictionaryDataset": "biosyn.data.dictionary",
    "InputError": "biosyn.errors",
    "Linker": "biosyn.model.linker",
    "QueryDataset": "biosyn.data.queries",
    "RerankNet": "biosyn.model.rerank_net",
    "SparseEncoder": "biosyn.encoders.sparse",
    "TextPreprocess": "biosyn.text.preprocess",
    "load_linker": "biosyn.linking.loading",
    "marginal_nll": "biosyn.model.losses",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'biosyn' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
