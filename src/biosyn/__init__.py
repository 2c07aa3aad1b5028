"""BioSyn: biomedical entity representations with synonym marginalization."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Imported on first use (PEP 562), so that `import biosyn` and `--help` do not wait for torch.
_HOMES = {
    "BioSyn": "biosyn.model.biosyn",
    "CandidateDataset": "biosyn.training.candidates",
    "DenseEncoder": "biosyn.encoders.dense",
    "DictionaryDataset": "biosyn.data.dictionary",
    "InputError": "biosyn.errors",
    "QueryDataset": "biosyn.data.queries",
    "RerankNet": "biosyn.model.rerank_net",
    "SparseEncoder": "biosyn.encoders.sparse",
    "TextPreprocess": "biosyn.text.preprocess",
    "marginal_nll": "biosyn.model.losses",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'biosyn' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
