import hashlib
import subprocess

from biosyn.checkpoint.manifest import describe_model, describe_queries


def test_a_folder_of_queries_is_described_as_sha256sum_would(tiny_queries):
    # what docs/checkpoints.md tells the reader to type
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
