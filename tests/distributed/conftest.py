import json
import multiprocessing
import shutil
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).with_name("programs.py")
# The server imports torch once; the ranks are forked from it. They meet by gloo as torchrun's would.
SERVER = multiprocessing.get_context("forkserver")


@pytest.fixture
def start_ranks(tmp_path):
    """Function: number of ranks, program and its arguments -> the processes, and the files of their results."""
    import torch.distributed as dist

    stores = []
    SERVER.set_forkserver_preload(["biosyn.linking.file", "biosyn.training.train", "biosyn.distributed.launch"])

    def start(size, program, *arguments):
        stores.append(dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False))  # torchrun has one, too
        port = stores[-1].port
        targets = [tmp_path / f"rank{rank}-of-{size}.json" for rank in range(size)]
        code = f"exec(compile(open({str(PROGRAMS)!r}).read(), 'programs.py', 'exec'))\nrun(*call)"
        calls = [(rank, size, port, program, arguments, str(target)) for rank, target in enumerate(targets)]
        processes = [SERVER.Process(target=exec, args=(code, {"call": call})) for call in calls]
        for process in processes:
            process.start()
        return processes, targets

    return start


@pytest.fixture
def on_ranks(start_ranks):
    """Function: number of ranks, program and its arguments -> the result of each rank."""

    def call(size, program, *arguments):
        processes, targets = start_ranks(size, program, *arguments)
        for process in processes:
            process.join(timeout=300)
        results = [json.loads(target.read_text()) for target in targets]
        errors = [result["error"] for result in results if "error" in result]
        assert not errors, "\n".join(errors)
        return [result["result"] for result in results]

    return call


@pytest.fixture(scope="session")
def still_encoder(tiny_encoder, tmp_path_factory):
    """The tiny encoder without dropout: its masks are what ranks cannot share."""
    folder = shutil.copytree(tiny_encoder, tmp_path_factory.mktemp("still") / "encoder")
    config = json.loads((folder / "config.json").read_text())
    config["hidden_dropout_prob"] = config["attention_probs_dropout_prob"] = 0.0
    (folder / "config.json").write_text(json.dumps(config))
    return folder
