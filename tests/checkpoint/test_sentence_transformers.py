"""A checkpoint folder is a sentence-transformers model too: that library, for real, on ours."""

import json

import numpy as np
import pytest

from biosyn.model.biosyn import BioSyn

sentence_transformers = pytest.importorskip("sentence_transformers")

# the last one is cut at 25 tokens
NAMES = ["ataxia telangiectasia", "Breast Cancer", "β thalassemia", "", "a-b (c)", "zygo" * 20]


def load_theirs(folder):
    return sentence_transformers.SentenceTransformer(str(folder), device="cpu", local_files_only=True)


@pytest.fixture
def theirs(tiny_checkpoint):
    """The tiny checkpoint as sentence-transformers loads it."""
    return load_theirs(tiny_checkpoint)


@pytest.mark.parametrize("checkpoint", ["tiny_checkpoint", "mean_checkpoint"])
def test_it_gives_the_same_dense_vectors(checkpoint, request):
    folder = request.getfixturevalue(checkpoint)
    ours = BioSyn.from_pretrained(folder).embed_dense(NAMES)
    np.testing.assert_allclose(load_theirs(folder).encode(NAMES), ours, rtol=1e-5, atol=1e-5)


def test_it_cuts_at_the_same_length(theirs):
    assert theirs.max_seq_length == 25


def test_its_vectors_are_not_the_mean_of_the_tokens(tiny_checkpoint, theirs):
    # without modules.json the library would take the mean, and say nothing at this log level
    pooling = json.loads((tiny_checkpoint / "1_Pooling" / "config.json").read_text(encoding="utf-8"))
    assert pooling["pooling_mode_cls_token"]
    assert [type(module).__name__ for module in theirs] == ["Transformer", "Pooling"]
