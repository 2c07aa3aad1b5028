"""A model's tokenizer: known files and settings alone, and the one of this model."""

import json
import shutil

import pytest
import torch
from transformers import AutoTokenizer, BertTokenizer

from biosyn.checkpoint.encoder import load_encoder
from biosyn.checkpoint.tokenizer import save_tokenizer
from biosyn.errors import InputError

CPU = torch.device("cpu")
TEXTS = ["ataxia telangiectasia", "Breast-Cancer 2", "β", ""]


@pytest.fixture
def folder(tiny_encoder, tmp_path):
    """A copy of the tiny encoder that a test may change."""
    return shutil.copytree(tiny_encoder, tmp_path / "encoder")


def changed(path, **values):
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**before, **values}), encoding="utf-8")


def test_it_is_what_transformers_loads_and_saves(folder, tmp_path):
    theirs = AutoTokenizer.from_pretrained(folder)
    _, tokenizer = load_encoder(folder, CPU)
    assert type(tokenizer) is type(theirs)
    assert tokenizer(TEXTS)["input_ids"] == theirs(TEXTS)["input_ids"]
    for name, one in (("ours", tokenizer), ("theirs", theirs)):
        one.save_pretrained(tmp_path / name)
    for path in (tmp_path / "theirs").iterdir():
        assert (tmp_path / "ours" / path.name).read_bytes() == path.read_bytes()
    assert tokenizer.name_or_path == str(folder)


@pytest.mark.parametrize("name", ["tokenizer_config.json", "special_tokens_map.json"])
@pytest.mark.parametrize(
    "values",
    [
        {"auto_map": {"AutoTokenizer": ["evil.Tokenizer", None]}},
        {"vocab_file": "../secret.txt", "tokenizer_file": "../secret.json", "merges_file": "/etc/passwd"},
        {"fast_tokenizer_files": ["tokenizer.4.0.0.json", "../tokenizer.json"]},
        {"init_inputs": [["evil"]], "chat_template": "{{ evil }}"},
        {"custom_object": {"class": "evil.Tokenizer"}, "trust_remote_code": True, "gguf_file": "evil.gguf"},
    ],
)
def test_settings_that_name_code_or_files_are_not_read(name, values, folder, tmp_path):
    (tmp_path / "secret.json").write_text((folder / "tokenizer.json").read_text().replace("ataxia", "secret"))
    expected = load_encoder(folder, CPU)[1](TEXTS)["input_ids"]
    changed(folder / name, **values)
    _, tokenizer = load_encoder(folder, CPU)
    assert tokenizer(TEXTS)["input_ids"] == expected
    save_tokenizer(tokenizer, tmp_path / "out")
    assert "evil" not in "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir())


def test_a_tokenizer_that_is_larger_than_the_embeddings_is_refused(folder):
    # a text with the token would fail, maybe hours later
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["zzz"])
    tokenizer.save_pretrained(folder)
    with pytest.raises(InputError, match=r"its tokenizer has the token (\d+), its embeddings \1 rows"):
        load_encoder(folder, CPU)


def test_a_tokenizer_for_which_all_texts_are_the_same_is_refused(folder):
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n", encoding="utf-8")
    with pytest.raises(InputError, match="gives all texts the same tokens"):
        load_encoder(folder, CPU)


def test_a_tokenizer_that_knows_no_english_is_tried_on_its_own_pieces(folder):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "糖", "尿"]
    BertTokenizer(vocab={word: row for row, word in enumerate(words)}).save_pretrained(folder)
    assert load_encoder(folder, CPU)[1]("糖尿")["input_ids"] == [2, 5, 6, 3]


@pytest.mark.parametrize("name", ["spm.model", "spiece.model", "sentencepiece.bpe.model"])
def test_a_sentencepiece_model_alone_says_what_it_takes(name, folder, monkeypatch):
    monkeypatch.setattr("biosyn.checkpoint.tokenizer.find_spec", lambda _: None)
    (folder / "tokenizer.json").rename(folder / name)
    with pytest.raises(InputError, match=rf"{name} alone, which takes two more packages: pip install sentencepiece"):
        load_encoder(folder, CPU)


@pytest.mark.parametrize("name", ["vocab.json", "merges.txt"])
def test_half_of_a_tokenizer_is_refused(name, folder):
    (folder / "tokenizer.json").rename(folder / name)
    with pytest.raises(InputError, match=r"not both vocab\.json and merges\.txt"):
        load_encoder(folder, CPU)


@pytest.mark.parametrize("content", ["[]", '{"tokenizer_class": 7}', '{"tokenizer_class": NaN}', "{"])
def test_damaged_settings_are_an_input_error(content, folder):
    (folder / "tokenizer_config.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError):
        load_encoder(folder, CPU)
