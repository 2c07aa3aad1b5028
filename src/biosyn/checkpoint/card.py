"""The model card: a checkpoint's ``README.md``, generated from its manifest alone."""

import re
from typing import Any

from biosyn.checkpoint.manifest import Manifest, described
from biosyn.files import json_text

MARK = "<!-- Written by biosyn from biosyn.json. Without this line it is yours, and is left as it is. -->"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def is_own_card(text: str) -> bool:
    """Say whether this program wrote the card, and so may replace it."""
    return MARK in text


def model_card(manifest: Manifest) -> str:
    """Return the card as Markdown with the Hub's YAML header."""
    sections = [
        _header(manifest),
        MARK,
        "# A BioSyn model",
        "It maps a mention of a biomedical concept to a name of a dictionary.\n"
        f"Score = dense · dense + w · sparse · sparse: the dense vector is {_vector(manifest)}\n"
        f"(texts cut at {manifest.max_length} tokens), the sparse one the TF-IDF of character 1- and 2-grams,\n"
        f"and w is {manifest.sparse_weight:.6g}.",
        _figures(manifest.figures),
        _calibration(manifest.calibration),
        _reranking(manifest.reranking),
        _trained(manifest.trained),
        _USE,
        _versions(manifest.libraries),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _header(manifest: Manifest) -> str:
    lines = ["library_name: biosyn", "pipeline_tag: feature-extraction"]
    lines += ["tags:", *(f"- {tag}" for tag in ("biosyn", "entity-linking", "biomedical", "sentence-transformers"))]
    encoder = manifest.trained.get("encoder")
    name = encoder.get("name") if isinstance(encoder, dict) else None
    if isinstance(name, str) and _HUB_ID.fullmatch(name):
        lines.append(f"base_model: {name}")
    return "\n".join(["---", *lines, "---"])


def _vector(manifest: Manifest) -> str:
    state = "the encoder's last hidden state at [CLS]"
    if manifest.pooling == "mean":
        state = "the mean of the encoder's last hidden states"
    return f"{state}, of length 1" if manifest.similarity == "cosine" else state


def _figures(figures: dict[str, Any]) -> str:
    rows = [
        f"| {_text(data_set)} | {_count(found, 'queries', 'mentions')} | {_count(found, 'dictionary', 'names')} "
        f"| {mode} | {_share(scores.get('acc1'))} | {_share(scores.get('acc5'))} |"
        for data_set, found in figures.items()
        if isinstance(found, dict)
        for mode in ("hybrid", "dense", "sparse")
        if isinstance(scores := found.get(mode), dict)
    ]
    if not rows:
        return ""
    head = ["| data | mentions | names | score | Acc@1 | Acc@5 |", "|---|---|---|---|---|---|"]
    return "\n".join(["## Figures", "", *head, *rows])


def _calibration(calibration: dict[str, Any]) -> str:
    lines = [f"- {_text(mode)}: {_fitted(part['fitted_on'])}" for mode, part in calibration.items()]
    head = "The probability that the best concept is right (`--threshold`), by score mode:"
    return "\n".join(["## Calibration", "", head, "", *lines]) if lines else ""


def _reranking(reranking: dict[str, Any]) -> str:
    lines = [
        f"- {_text(mode)}: {_fitted_on(on := part['fitted_on'])}; Acc@1 of {_text(on.get('compared_mentions', ''))} "
        f"mentions that equal no name: {_share(on.get('acc1_before'))} before, {_share(on.get('acc1_after'))} after, "
        "cross-validated"
        for mode, part in reranking.items()
    ]
    head = "The weights of a second look at the best concepts (`--rerank K`), by score mode:"
    return "\n".join(["## Reranking", "", head, "", *lines]) if lines else ""


def _fitted(on: dict[str, Any]) -> str:
    hidden = f", {_text(on['hidden_concepts'])} concepts hidden" if on.get("hidden_concepts") else ""
    return f"{_fitted_on(on)}{hidden}; ECE {_share(on.get('ece'))}, cross-validated"


def _fitted_on(on: dict[str, Any]) -> str:
    mentions = f"{_count(on, 'queries', 'mentions')} mentions of {_count(on, 'queries', 'name')}"
    return f"fitted on {mentions}, {_count(on, 'dictionary', 'names')} names of {_count(on, 'dictionary', 'name')}"


def _trained(trained: dict[str, Any]) -> str:
    rows = [
        f"- {key}: {', '.join(f'{_text(name)} {_text(value)}' for name, value in part.items() if value is not None)}"
        for key in ("encoder", "dictionary", "queries", "converted_from", "settings")
        for part in described(trained, key)
        if isinstance(part, dict) and part
    ]
    return "\n".join(["## Training", "", *rows]) if rows else ""


_USE = """## Use

With [biosyn](https://arxiv.org/abs/2005.00239):

```
python inference.py --model_name_or_path THIS_MODEL --dictionary_path dictionary.txt --mention "ataxia telangiectasia"
```

```python
from biosyn import BioSyn
biosyn = BioSyn.from_pretrained("THIS_MODEL")
vectors = biosyn.embed_dense(["ataxia telangiectasia"])
```

The dense vectors alone, with sentence-transformers:

```python
from sentence_transformers import SentenceTransformer
vectors = SentenceTransformer("THIS_MODEL").encode(["ataxia telangiectasia"])
```

A mapped concept is a suggestion; the model is no medical device."""


def _versions(libraries: dict[str, str]) -> str:
    found = ", ".join(f"{_text(name)} {_text(version)}" for name, version in libraries.items())
    return f"Saved with {found}." if found else ""


def _count(found: dict[str, Any], part: str, what: str) -> str:
    described = found.get(part)
    return _text(described.get(what, "")) if isinstance(described, dict) else ""


def _share(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, int | float) else ""


def _text(value: Any) -> str:
    """Return a manifest value as one line, without the characters that Markdown or HTML would need."""
    text = value if isinstance(value, str) else json_text(value)
    return re.sub(r"[\s|<>`\[\]]+", " ", text).strip()
