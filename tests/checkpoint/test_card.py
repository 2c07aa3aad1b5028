import re

from biosyn.checkpoint.card import is_own_card, model_card
from biosyn.checkpoint.manifest import Manifest, load_manifest

FIGURES = {
    "dev": {
        "queries": {"name": "processed_dev", "mentions": 787},
        "dictionary": {"name": "dev_dictionary.txt", "names": 72887},
        "hybrid": {"acc1": 0.9, "acc5": 0.96},
        "sparse": {"acc1": 0.8742058},
    }
}


def header_of(card):
    return re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)[1].splitlines()


def test_the_figures_are_a_table():
    card = model_card(Manifest(1.5, 25, figures=FIGURES))
    assert "| dev | 787 | 72887 | hybrid | 0.9000 | 0.9600 |\n" in card
    assert "| dev | 787 | 72887 | sparse | 0.8742 |  |\n" in card


def test_the_header_names_the_starting_encoder_if_the_hub_has_it():
    trained = {"encoder": {"name": "dmis-lab/biobert-base-cased-v1.1", "revision": None}}
    assert "base_model: dmis-lab/biobert-base-cased-v1.1" in header_of(model_card(Manifest(1.0, 25, trained=trained)))
    for name in ("model", "a/b\nlicense: mit", "../../x", 7):
        header = header_of(model_card(Manifest(1.0, 25, trained={"encoder": {"name": name}})))
        assert not [line for line in header if line.startswith(("base_model", "license"))]


def test_nothing_in_a_manifest_breaks_out_of_its_line():
    hostile = "x\n# Buy | now <script>alert(1)</script> [here](http://x) `rm`"
    card = model_card(Manifest(1.0, 25, trained={"encoder": {"name": hostile}}, figures={hostile: FIGURES["dev"]}))
    assert "\n# Buy" not in card
    assert "<script>" not in card
    assert "[here]" not in card


def test_a_manifest_of_odd_types_still_gives_a_card():
    card = model_card(
        Manifest(1.0, 25, trained={"encoder": 3, "queries": []}, figures={"dev": 4, "test": {"dense": 1}})
    )
    assert "## Figures" not in card
    assert "## Training" not in card


def test_a_trained_checkpoint_has_its_card(tiny_checkpoint):
    card = (tiny_checkpoint / "README.md").read_text(encoding="utf-8")
    assert is_own_card(card)
    assert card == model_card(load_manifest(tiny_checkpoint))
    assert "- dictionary: name train_dictionary.txt, sha256" in card
    assert "- queries: name tiny_queries0, sha256" in card
    assert "mentions 16" in card


def test_the_card_tells_how_vectors_are_made():
    assert "the dense vector is the encoder's last hidden state at [CLS]\n" in model_card(Manifest(1.0, 25))
    card = model_card(Manifest(1.0, 25, pooling="mean", similarity="cosine"))
    assert "the dense vector is the mean of the encoder's last hidden states, of length 1\n" in card
