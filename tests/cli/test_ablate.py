import pytest


@pytest.fixture
def required(tiny_encoder, tiny_dictionary, tiny_queries, tmp_path):
    """The flags of an ablation of trainings of a second."""
    return {
        "--model_name_or_path": tiny_encoder,
        "--train_dictionary_path": tiny_dictionary,
        "--train_dir": tiny_queries,
        "--dictionary_path": tiny_dictionary,
        "--data_dir": tiny_queries,
        "--output_dir": tmp_path / "out",
        "--device": "cpu",
        "--epoch": 1,
        "--topk": 6,
    }


def test_stdout_is_the_rows_and_stderr_a_line_each(command, required):
    code, result, log = command("ablate", required, "--dense_ratios", "0")
    assert code == 0
    rows = result["rows"]
    assert [row["settings"]["score_mode"] for row in rows] == ["hybrid", "dense", "sparse"]
    for row in rows:
        assert row["acc1"]["of"] == 21
        assert f"{row['settings']['score_mode']:6}  dense_ratio 0  fixed      acc@1 {row['acc1']['value']:.4f}" in log


def test_a_bad_setting_is_one_line_and_exit_code_2(refused, required):
    line = refused("ablate", required, "--dense_ratios", "2")
    assert line == "biosyn ablate: error: --dense_ratio must be between 0 and 1, found 2.0"
