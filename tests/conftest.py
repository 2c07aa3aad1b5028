"""Shared fixtures: a tiny encoder, dictionary, corpus and checkpoint, all made offline from a fixed seed."""

import atexit
import contextlib
import logging
import multiprocessing
import os
import shutil
import signal
import string
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # before anything imports huggingface_hub: a test never reaches the network
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["BIOSYN_CACHE"] = tempfile.mkdtemp(prefix="biosyn-test-cache-")  # never the user's; tests share it
atexit.register(shutil.rmtree, os.environ["BIOSYN_CACHE"], ignore_errors=True)

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

# machines are busy at times; in CI the examples are the same in every run, so that a failure can be had again
settings.register_profile(
    "biosyn",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="BIOSYN_NO_SKIP" in os.environ,
)
settings.load_profile("biosyn")

CONCEPTS = {
    "D001260|208900": ("ataxia telangiectasia", "ataxia telangiectasia syndrome", "louis bar syndrome"),
    "D013684": ("telangiectasia", "telangiectasias", "spider veins"),
    "D001943": ("breast cancer", "breast neoplasms", "cancer of breast"),
    "D010051": ("ovarian cancer", "ovarian neoplasms", "cancer of ovary"),
    "D003110": ("colon cancer", "colonic neoplasms", "cancer of colon"),
    "D003920": ("diabetes mellitus", "diabetes", "sugar disease"),
    "D001249": ("asthma", "bronchial asthma"),
    "D006969": ("hypersensitivity", "allergy", "allergic reaction"),
    "D020388": ("duchenne muscular dystrophy", "becker muscular dystrophy", "dystrophinopathy"),
    "D000740": ("anemia", "anaemia", "low blood count"),
    "D000752": ("hemolytic anemia", "anemia hemolytic"),
    "D006402": ("hematologic diseases", "blood disease"),
    "D009369": ("neoplasms", "cancer", "tumor"),
    "D001259": ("ataxia", "incoordination"),
    "D001260|D001259": ("ataxia syndrome", "ataxic disorder"),  # a homonym: one name of two concepts
}

# document -> lines of (type, mention, cui)
DOCUMENTS = {
    "10021369": (
        ("SpecificDisease", "ataxia telangiectasia", "D001260"),
        ("SpecificDisease", "ataxia telangectasia", "D001260"),
        ("SpecificDisease", "telangiectases", "D013684"),
        ("SpecificDisease", "ataxias", "D001259"),
        ("SpecificDisease", "ataxia telangiectasia", "D001260"),  # a duplicate
        ("CompositeMention", "breast cancer|ovarian cancer", "D001943|D010051"),
        ("CompositeMention", "breast cancer|zzz", "D001943+D010051"),
        ("Modifier", "breast tumor", "D001943"),
    ),
    "8528200": (
        ("DiseaseClass", "cancers", "D009369"),
        ("DiseaseClass", "cancers", "D009369"),  # a duplicate
        ("Modifier", "cancers", "D001943"),  # the same text, another concept
        ("SpecificDisease", "mystery illness", "-1"),
        ("SpecificDisease", "diabetic", "D003920"),
        ("SpecificDisease", "asthmatic", "D001249"),
        ("SpecificDisease", "allergies", "D006969"),
    ),
    "8589722": (
        ("SpecificDisease", "duchenne dystrophy", "D020388"),
        ("SpecificDisease", "anaemic", "D000740"),
        ("SpecificDisease", "haemolytic anaemia", "D000752"),
        ("DiseaseClass", "blood diseases", "D006402"),
        ("SpecificDisease", "colorectal cancer", "D003110"),
        ("SpecificDisease", "ovary tumor", "D010051"),
    ),
}


def pytest_runtest_setup(item):
    if item.get_closest_marker("cuda"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no CUDA device")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI (BIOSYN_NO_SKIP) a check skipped for a missing program or corpus is a failure; a missing GPU is none."""
    report = yield
    if report.skipped and os.environ.get("BIOSYN_NO_SKIP") and "CUDA" not in str(report.longrepr):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr}"
    return report


@pytest.fixture(scope="session", autouse=True)
def _a_plain_cpu():
    """Let ``--precision auto`` be float32 in this process: figures must not depend on the machine."""
    import torch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cpu, "get_capabilities", dict, raising=False)
        yield


@pytest.fixture(autouse=True)
def _logging_restored():
    """The commands take the package's logger for themselves, also in fixtures; give it back, so that caplog works."""
    logger = logging.getLogger("biosyn")
    logger.handlers[:], logger.propagate = [], True
    logger.setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory):
    """Folder of a random 2-layer BERT and its WordPiece tokenizer; its weights are large, so that texts differ."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    characters = string.ascii_lowercase + string.digits + "-()/,.'+|"
    pieces = [f"##{character}" for character in string.ascii_lowercase + string.digits]
    words = ["ataxia", "cancer", "breast", "ovarian", "syndrome", "disease", "anemia", "##s", "##tic", "##oma"]
    vocabulary = dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *pieces, *words])
    tokenizer = BertTokenizer(vocab={piece: row for row, piece in enumerate(vocabulary)}, model_max_length=64)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.5,
    )
    folder = tmp_path_factory.mktemp("tiny_encoder")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_dictionary(tmp_path_factory):
    """Dictionary file of 40 names of 15 concepts."""
    path = tmp_path_factory.mktemp("tiny_dictionary") / "train_dictionary.txt"
    lines = [f"{cui}||{name}\n" for cui, names in CONCEPTS.items() for name in names]
    path.write_text("".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_queries(tmp_path_factory):
    """Folder of 21 queries in three documents: composite ones, a -1, duplicates."""
    folder = tmp_path_factory.mktemp("tiny_queries")
    for pmid, rows in DOCUMENTS.items():
        lines = [
            f"{pmid}||{10 * row}|{10 * row + len(mention)}||{kind}||{mention}||{cui}\n"
            for row, (kind, mention, cui) in enumerate(rows)
        ]
        (folder / f"{pmid}.concept").write_text("".join(lines), encoding="utf-8")
        (folder / f"{pmid}.txt").write_text("Title.\n\nAbstract.\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny_config(tiny_encoder, tiny_dictionary, tiny_queries):
    """Function: output folder and changed settings -> TrainConfig of a run of a second."""
    from biosyn.settings.verbs import TrainConfig

    def make(output_dir, **changes):
        settings = {
            "model_name_or_path": str(tiny_encoder),
            "train_dictionary_path": str(tiny_dictionary),
            "train_dir": str(tiny_queries),
            "output_dir": str(output_dir),
            "device": "cpu",
            "topk": 6,
            "train_batch_size": 4,
            "epoch": 1,
        }
        return TrainConfig(**{**settings, **changes})

    return make


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory, tiny_config):
    """Folder of a checkpoint trained for one epoch on the tiny corpus; w is near 1."""
    from biosyn.training.train import train

    folder = tmp_path_factory.mktemp("tiny_checkpoint")
    train(tiny_config(folder, initial_sparse_weight=1.0))
    return folder


@pytest.fixture(scope="session")
def mean_checkpoint(tmp_path_factory, tiny_encoder, tiny_dictionary):
    """Folder of a checkpoint of the tiny encoder, untrained, whose vectors are means of length 1."""
    from biosyn.settings.verbs import PretrainConfig
    from biosyn.training.pretrain import pretrain

    folder = tmp_path_factory.mktemp("mean_checkpoint")
    names = {"model_name_or_path": str(tiny_encoder), "train_dictionary_path": (str(tiny_dictionary),)}
    pretrain(PretrainConfig(**names, output_dir=str(folder), device="cpu", epoch=0, initial_sparse_weight=0.5))
    return folder


@pytest.fixture(scope="session")
def calibrated_checkpoint(tmp_path_factory, tiny_checkpoint, tiny_dictionary, tiny_queries):
    """A copy of the tiny checkpoint, calibrated on the tiny corpus."""
    from biosyn.evaluation.calibrate import calibrate
    from biosyn.settings.verbs import CalibrateConfig

    folder = shutil.copytree(tiny_checkpoint, tmp_path_factory.mktemp("calibrated") / "model")
    data = {"dictionary_path": str(tiny_dictionary), "data_dir": str(tiny_queries)}
    calibrate(CalibrateConfig(model_name_or_path=str(folder), device="cpu", **data))
    return folder


@pytest.fixture(scope="session")
def misspelled_queries(tmp_path_factory):
    """Folder of 40 queries in four documents: each name of the tiny dictionary without every third letter."""
    folder = tmp_path_factory.mktemp("misspelled_queries")
    names = [(cui, name) for cui, names in CONCEPTS.items() for name in names]
    for number in range(4):
        lines = [
            f"{number}||0|9||Disease||{''.join(letter for at, letter in enumerate(name, 1) if at % 3)}||{cui}\n"
            for cui, name in names[number::4]
        ]
        (folder / f"{number}.concept").write_text("".join(lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def reranked_checkpoint(tmp_path_factory, mean_checkpoint, tiny_dictionary, tiny_queries, misspelled_queries):
    """A copy of the checkpoint with means, with the weights of a second look; and calibrated."""
    from biosyn.evaluation.calibrate import calibrate
    from biosyn.evaluation.rerank import rerank
    from biosyn.settings.verbs import CalibrateConfig, RerankConfig

    folder = shutil.copytree(mean_checkpoint, tmp_path_factory.mktemp("reranked") / "model")
    opened = {"model_name_or_path": str(folder), "dictionary_path": str(tiny_dictionary), "device": "cpu"}
    calibrate(CalibrateConfig(**opened, data_dir=str(tiny_queries)))
    rerank(RerankConfig(**opened, data_dir=str(misspelled_queries), topk=5))
    return folder


@pytest.fixture
def tiny_dense(tiny_encoder):
    """A DenseEncoder of the tiny encoder, fresh for each test."""
    import torch

    from biosyn.checkpoint.encoder import load_encoder
    from biosyn.encoders.dense import DenseEncoder

    return DenseEncoder(*load_encoder(tiny_encoder, torch.device("cpu")), max_length=25)


@pytest.fixture
def plain_model(tiny_encoder):
    """The tiny encoder as transformers loads it, untouched by our code: the other side of every comparison."""
    import torch
    from transformers import AutoModel

    return AutoModel.from_pretrained(tiny_encoder, dtype=torch.float32).eval()


@pytest.fixture(scope="session")
def encode_alone():
    """Function: the reference for dense vectors, (N, H): each text alone, unpadded, by plain transformers calls."""
    import torch

    def encode(model, tokenizer, texts, max_length=25):
        rows = []
        for text in texts:
            inputs = tokenizer(text, truncation=True, max_length=max_length, return_tensors="pt")
            hidden = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).last_hidden_state
            rows.append(hidden[0, 0])  # (H,)
        return torch.stack(rows)  # (N, H)

    return encode


@pytest.fixture
def write_dictionary(tmp_path):
    """Function: lines -> dictionary file."""

    def write(*lines, name="dictionary.txt"):
        path = tmp_path / name
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    return write


@pytest.fixture
def write_queries(tmp_path):
    """Function: (mention, cui) pairs -> folder of one .concept file."""

    def write(*pairs, name="queries"):
        folder = tmp_path / name
        folder.mkdir()
        lines = [f"1||0|{len(mention)}||Disease||{mention}||{cui}\n" for mention, cui in pairs]
        (folder / "1.concept").write_text("".join(lines), encoding="utf-8")
        return folder

    return write


@pytest.fixture
def piped():
    """Function: bytes -> the path of a pipe without a name that holds them, as `<(command)` gives it."""
    ends = []

    def make(content):
        reading, writing = os.pipe()
        ends.append(reading)
        os.write(writing, content)
        os.close(writing)
        return f"/dev/fd/{reading}"

    yield make
    for end in ends:
        os.close(end)


@pytest.fixture
def forked():
    """Function: text of a program -> the process that runs it, forked from a server that has imported torch once."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["biosyn.linking.file", "biosyn.training.train"])

    def start(program):
        process = server.Process(target=exec, args=(program, {}))
        process.start()
        return process

    return start


@pytest.fixture
def run_program(tmp_path):
    """Function: program, arguments -> runs it with two threads; it and its children are killed if it hangs."""

    def run(program, *arguments, limit=240):
        path = tmp_path / "program.py"
        path.write_text(textwrap.dedent(program), encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, str(path), *arguments],
            env={**os.environ, "OMP_NUM_THREADS": "2"},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            _, messages = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            pytest.fail(f"the program hung for {limit} seconds")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        assert process.returncode == 0, messages

    return run


@pytest.fixture(scope="session")
def shared_data():
    """The folder of corpora and reference results; tests that need it are skipped where there is none."""
    if not os.environ.get("BIOSYN_TEST_DATA"):
        pytest.skip("BIOSYN_TEST_DATA is not set: it names the folder that holds corpora/ and golden/")
    return Path(os.environ["BIOSYN_TEST_DATA"]).resolve()


@pytest.fixture(scope="session")
def ncbi_processed(shared_data, tmp_path_factory):
    """The NCBI disease corpus, preprocessed once by the command."""
    from biosyn.cli.preprocess import main

    folder = tmp_path_factory.mktemp("ncbi_processed")
    raw, medic = shared_data / "corpora" / "ncbi-disease", shared_data / "corpora" / "medic"
    arguments = {
        "--raw_dir": raw,
        "--dictionary": medic / "medic_06Jul2012.txt",
        "--typo_path": medic / "ncbi-spell-check.txt",
        "--output_dir": folder,
    }
    code = main(["ncbi-disease", *(str(part) for pair in arguments.items() for part in pair)])
    assert code == 0, "the preprocessing command failed"
    return folder


@pytest.fixture
def fail_the_move(monkeypatch):
    """Function: n -> the n-th renaming of a file or folder of a corpus fails, as on a full disk."""

    def call(number):
        rename, calls = os.rename, []

        def failing(source, target):
            calls.append(target)
            if len(calls) == number:
                raise OSError(28, "No space left on device")
            rename(source, target)

        monkeypatch.setattr("biosyn.corpora.folder.os.rename", failing)

    return call
