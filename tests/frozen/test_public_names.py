"""What a program that imports biosyn relies on: names, methods, and the names of their parameters."""

import inspect

import biosyn

NAMES = ("BioSyn", "CandidateDataset", "DenseEncoder", "DictionaryDataset", "InputError", "QueryDataset")
NAMES += ("RerankNet", "SparseEncoder", "TextPreprocess", "marginal_nll")
METHODS = ("from_pretrained", "load_model", "load_dense_encoder", "load_sparse_encoder", "load_sparse_weight")
METHODS += ("init_sparse_encoder", "init_sparse_weight", "save_model", "load_dictionary")
METHODS += ("get_dense_encoder", "get_dense_tokenizer", "get_sparse_encoder", "get_sparse_weight")
METHODS += ("embed_sparse", "embed_dense", "get_score_matrix", "retrieve_candidate")


def parameters(function):
    """Return the parameters as they are written, without types: ``*`` before those that are keywords only."""
    found = inspect.signature(function).parameters.values()
    return [f"{'*' * (part.kind is part.KEYWORD_ONLY)}{part.name}" for part in found if part.name != "self"]


def test_the_names_are_exported():
    assert set(NAMES) <= set(biosyn.__all__)
    assert biosyn.__version__


def test_the_names_of_parameters(golden):
    found = {name: parameters(getattr(biosyn, name)) for name in NAMES if name != "InputError"}
    found |= {f"BioSyn.{name}": parameters(getattr(biosyn.BioSyn, name)) for name in METHODS}
    golden("public_names", found)


def test_bad_input_is_a_value_error_that_names_its_place():
    error = biosyn.InputError("found nothing", path="a.txt", line=3)
    assert isinstance(error, ValueError)
    assert str(error) == "a.txt:3: found nothing"


def test_the_facade_gives_arrays(fixtures, golden):
    """The API of the first BioSyn: names in, arrays out."""
    model = biosyn.BioSyn.from_pretrained(fixtures / "checkpoint")
    mentions, names = ["louis bar"], ["louis bar syndrome", "ataxia", "asthma"]
    dense = [model.embed_dense(texts) for texts in (mentions, names)]  # (M, H), (N, H)
    sparse = [model.embed_sparse(texts) for texts in (mentions, names)]  # (M, V), (N, V)
    scores = model.get_score_matrix(*dense) + float(model.get_sparse_weight()) * model.get_score_matrix(*sparse)
    found = {
        "shapes": [list(array.shape) for array in (*dense, *sparse)],
        "types": [str(array.dtype) for array in (*dense, *sparse)],
        "scores": scores[0].tolist(),
        "rows": model.retrieve_candidate(scores, 2).tolist(),
    }
    golden("facade", found)
