"""Half a million names, by the benchmark's own steps: HPO's vectors, again and again with the noise of a concept."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from biosyn.cli.quickstart import packaged_encoder
from biosyn.corpora.hpo import default_obo, read_hpo
from biosyn.index.approximate_build import perturbed_names
from biosyn.model.biosyn import BioSyn

ROOT = Path(__file__).parents[2]
COUNT = 500_000


@pytest.fixture
def hpo(tmp_path):
    """A model with the packaged encoder, HPO's names as a dictionary, and 200 changed names as queries."""
    names = dict.fromkeys(
        (name.lower(), concept.ids[0]) for concept in read_hpo(default_obo()) for name in concept.names
    )
    dictionary = tmp_path / "dictionary.txt"
    dictionary.write_text("".join(f"{cui}||{name}\n" for name, cui in names), encoding="utf-8")
    biosyn = BioSyn(initial_sparse_weight=1.0)
    biosyn.load_dense_encoder(packaged_encoder())
    biosyn.init_sparse_encoder([name for name, _ in names])
    biosyn.save_model(tmp_path / "model")
    mentions = perturbed_names([name for name, _ in names], 200, seed=5)
    (tmp_path / "queries").mkdir()
    lines = "".join(f"1||0|9||Disease||{mention.replace('|', ' ')}||HP:0\n" for mention in mentions)
    (tmp_path / "queries" / "1.concept").write_text(lines, encoding="utf-8")
    return tmp_path


@pytest.mark.slow
def test_half_a_million_names(hpo):
    flags = {
        "--model_name_or_path": hpo / "model",
        "--dictionary_path": hpo / "dictionary.txt",
        "--data_dir": hpo / "queries",
        "--cache_dir": hpo / "cache",
        "--work_dir": hpo / "work",
        "--count": COUNT,
    }
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}

    def step(name):
        command = [sys.executable, ROOT / "benchmarks" / "million_names.py", "--step", name]
        command += [str(part) for pair in flags.items() for part in pair]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout.splitlines()[-1])

    assert step("names")["names"] == COUNT
    assert step("exact_build")["GB"] < 0.7  # 500,000 x 384 x 2 bytes = 0.384, the TF-IDF and the texts
    built = step("ann_build")
    assert built["kind"] == "hnsw"
    assert built["recall@1"] > 0.98
    assert built["recall@20"] > 0.95
    exact, approximate, recall = step("exact_search"), step("ann_search"), step("recall")
    assert recall["@1"] > 0.98
    assert recall["@20"] > 0.95
    assert approximate["ms"] < exact["ms"] / 5
    assert step("streamed_search")["peak_megabytes"] < exact["peak_megabytes"] - 300  # nothing of the 0.6 GB is kept
