import hashlib
import json
import subprocess

import pytest

from biosyn.checkpoint.manifest import (
    FORMAT_VERSION,
    Manifest,
    describe_model,
    describe_queries,
    is_trained_as,
    load_manifest,
    verify_files,
    write_manifest,
)
from biosyn.errors import InputError

TRAINED = {"encoder": {"name": "bert", "revision": None}, "settings": {"seed": 3, "epoch": 2}}


@pytest.fixture
def folder(tmp_path):
    """A folder with a manifest alone."""
    write_manifest(tmp_path, Manifest(0.1 + 0.2, 17, trained=TRAINED))
    return tmp_path


def change(folder, **values):
    content = json.loads((folder / "biosyn.json").read_text(encoding="utf-8"))
    (folder / "biosyn.json").write_text(json.dumps({**content, **values}), encoding="utf-8")


def test_a_manifest_comes_back_as_it_was_written(folder):
    assert load_manifest(folder) == Manifest(0.1 + 0.2, 17, trained=TRAINED)


def test_the_keys_of_the_file(folder):
    values = json.loads((folder / "biosyn.json").read_text(encoding="utf-8"))
    settings = ["format_version", "sparse_weight", "max_length", "pooling", "similarity"]
    assert list(values) == [*settings, "trained", "figures", "libraries", "files", "calibration"]


# -- what is refused


@pytest.mark.parametrize("version", [0, FORMAT_VERSION + 1, "1.0", None, True])
def test_another_format_version_is_refused(folder, version):
    change(folder, format_version=version)
    with pytest.raises(InputError, match=r"biosyn\.json: format_version is"):
        load_manifest(folder)


@pytest.mark.parametrize(
    "values",
    [
        {"sparse_weight": "heavy"},
        {"sparse_weight": None},
        {"sparse_weight": float("nan")},
        {"sparse_weight": 1e31},
        {"figures": {"dev": {"acc1": float("inf")}}},
        {"calibration": {"dense": {"intercept": 1e400, "weights": {}, "fitted_on": {}}}},
        {"max_length": "long"},
        {"max_length": 0},
        {"trained": 3},
        {"pooling": "max"},
        {"similarity": "euclid"},
    ],
    ids=str,
)
def test_invalid_values_are_refused(folder, values):
    change(folder, **values)
    with pytest.raises(InputError, match=r"biosyn\.json: is (damaged|not valid JSON)"):
        load_manifest(folder)


@pytest.mark.parametrize("name", ["../dictionary.txt", "/etc/passwd", "a/../../b", "..", "", "a\\..\\b"])
def test_files_outside_the_folder_are_refused(folder, name):
    change(folder, files={name: "0" * 64})
    with pytest.raises(InputError, match="outside the folder"):
        load_manifest(folder)


def test_a_file_is_compared_with_its_sha256(tmp_path):
    (tmp_path / "config.json").write_bytes(b"{}")
    manifest = Manifest(1.0, 25, files={"config.json": hashlib.sha256(b"{}").hexdigest()})
    verify_files(tmp_path, manifest)
    (tmp_path / "config.json").write_bytes(b"[]")
    with pytest.raises(InputError, match=r"config\.json: is not the file that biosyn\.json was saved with"):
        verify_files(tmp_path, manifest)
    (tmp_path / "config.json").unlink()
    with pytest.raises(InputError, match=r"lacks config\.json"):
        verify_files(tmp_path, manifest)


# -- what a model was trained on


def test_settings_can_be_left_out_of_a_comparison(folder):
    longer = {**TRAINED, "settings": {"seed": 3, "epoch": 10}}
    assert is_trained_as(folder, TRAINED)
    assert not is_trained_as(folder, longer)
    assert is_trained_as(folder, longer, but=["epoch"])
    assert not is_trained_as(folder / "nowhere", TRAINED)


def test_a_folder_of_queries_is_described_as_sha256sum_would(tiny_queries):
    # the command in docs/checkpoints.md
    command = "LC_ALL=C sha256sum *.concept | sha256sum"
    printed = subprocess.run(command, shell=True, cwd=tiny_queries, capture_output=True, text=True, check=True).stdout
    assert describe_queries(tiny_queries, 21)["sha256"] == printed.split()[0]


def test_another_file_or_another_name_is_another_sha256(write_queries):
    first, second = write_queries(("ataxia", "D1"), name="a"), write_queries(("ataxia", "D1"), name="b")
    assert describe_queries(first, 1)["sha256"] == describe_queries(second, 1)["sha256"]
    (second / "1.concept").rename(second / "2.concept")
    assert describe_queries(first, 1)["sha256"] != describe_queries(second, 1)["sha256"]
    assert describe_queries(first, 1)["sha256"] != hashlib.sha256(b"").hexdigest()


def test_a_model_is_a_hub_id_or_the_name_of_its_folder(tmp_path):
    assert describe_model("dmis-lab/biobert", "v1") == {"name": "dmis-lab/biobert", "revision": "v1"}
    assert describe_model(str(tmp_path), None) == {"name": tmp_path.name, "revision": None}
