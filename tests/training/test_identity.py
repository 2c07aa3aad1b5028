import json

from biosyn.training.dev import load_dev_set
from biosyn.training.identity import describe


def identity_of(config):
    dev = load_dev_set(config.dev_dir, config.dev_dictionary_path)
    return describe(config, dev=dev, mentions=16, names=[40]).identity


def test_data_counts_by_its_content_and_is_named_by_its_flag(tiny_config, tiny_queries, tiny_dictionary, tmp_path):
    dev = {"dev_dir": str(tiny_queries), "dev_dictionary_path": str(tiny_dictionary)}
    found = identity_of(tiny_config(tmp_path, **dev))
    flags = {"model_name_or_path", "train_dictionary_path", "train_dir", "dev_dictionary_path", "dev_dir"}
    assert set(found["files"]) == flags
    assert all(len(digest) == 64 for digest in found["files"].values())
    assert str(tmp_path.parents[1]) not in json.dumps(found), "paths of this machine are nobody's business"
    copy = tmp_path / "a copy of another name.txt"
    copy.write_bytes(tiny_dictionary.read_bytes())
    assert identity_of(tiny_config(tmp_path, **dev, train_dictionary_path=str(copy))) == found


def test_what_changes_nothing_is_not_in_it(tiny_config, tmp_path):
    changes = {"epoch": 9, "search_memory": 1, "save_every_steps": 7, "keep_last": 7, "resume": True}
    assert identity_of(tiny_config(tmp_path, **changes)) == identity_of(tiny_config(tmp_path / "other"))


def test_files_that_no_encoder_is_loaded_from_do_not_count(tiny_config, tiny_checkpoint, tmp_path):
    config = tiny_config(tmp_path / "out", model_name_or_path=str(tiny_checkpoint))
    before = identity_of(config)
    (tiny_checkpoint / "predictions_eval.json").write_text("{}")
    assert identity_of(config) == before
    (tiny_checkpoint / "predictions_eval.json").unlink()


def test_a_hub_id_counts_by_its_name_and_revision(tiny_config, tmp_path):
    found = identity_of(tiny_config(tmp_path, model_name_or_path="owner/encoder", revision="v1"))
    assert (found["settings"]["model_name_or_path"], found["settings"]["revision"]) == ("owner/encoder", "v1")
    assert "model_name_or_path" not in found["files"]
