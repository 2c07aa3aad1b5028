"""The real torchrun: bad input, ranks that are killed, restarts. Each start of a rank imports torch anew."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
WORDS = ["ataxia", "cancer", "breast", "ovarian", "syndrome", "disease", "anemia", "asthma", "tumor", "type", "of"]


@pytest.fixture
def torchrun(tmp_path):
    """Function: number of ranks, command and flags for torchrun -> the process; its output goes to files."""

    def start(size, command, *flags):
        several = "--nnodes=2" in flags  # one start for each machine; they share the files
        launcher = ["-m", "torch.distributed.run", f"--nproc_per_node={size}", *flags]
        launcher += [] if several else ["--standalone"]
        mode = "a" if several else "w"
        names = {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
        with (tmp_path / "out").open(mode) as out, (tmp_path / "err").open(mode) as err:
            return subprocess.Popen(
                [sys.executable, *launcher, *map(str, command)],
                env={**os.environ, **names},
                cwd=ROOT,
                stdout=out,
                stderr=err,
            )

    return start


@pytest.fixture
def link_command(tiny_checkpoint, tiny_dictionary, tmp_path):
    """The command that links 12,000 mentions: some seconds, or else it is over before it is to be killed."""
    chosen = random.Random(3)
    mentions = [" ".join(chosen.choices(WORDS, k=chosen.randint(2, 5))) for _ in range(12_000)]
    (tmp_path / "mentions.txt").write_text("".join(f"{mention}\n" for mention in mentions))

    def make(output):
        flags = {
            "--model_name_or_path": tiny_checkpoint,
            "--dictionary_path": tiny_dictionary,
            "--cache_dir": tmp_path / "cache",
            "--input": tmp_path / "mentions.txt",
            "--output": tmp_path / output,
            "--device": "cpu",
        }
        return ["inference.py", *(part for pair in flags.items() for part in pair)]

    return make


def processes_of(torchrun, rank):
    """Return the process id of a rank, if torchrun has started it."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            names = (path / "environ").read_bytes().split(b"\0") if parent == torchrun.pid else []
        except OSError:  # it has ended meanwhile
            continue
        if f"RANK={rank}".encode() in names:
            found.append(int(path.name))
    return found


def wait_until(torchrun, condition):
    while not condition():
        assert torchrun.poll() is None, "it ended before it was to be killed"
        time.sleep(0.001)


def kill_rank(torchrun, rank, *, when):
    """Kill a rank by SIGKILL as soon as something is so."""
    wait_until(torchrun, when)
    (process,) = processes_of(torchrun, rank)
    os.kill(process, signal.SIGKILL)


def lines_of(tmp_path):
    """Return the lines of our commands, without those of torchrun and its summary."""
    return [line for line in (tmp_path / "err").read_text().splitlines() if ": error: " in line]


def test_bad_input_is_one_line_of_the_first_rank(torchrun, link_command, tmp_path):
    assert torchrun(2, [*link_command("linked"), "--threshold", "7"]).wait(timeout=300) == 1
    assert lines_of(tmp_path) == ["inference.py: error: --threshold is a probability, between 0 and 1, found 7.0"]
    errors = (tmp_path / "err").read_text()
    assert "exitcode  : 2" in errors  # torchrun's own exit code is 1 whatever its processes' are
    assert (tmp_path / "out").read_text() == ""


def test_a_killed_rank_is_named_and_torchrun_s_restart_goes_on(torchrun, link_command, tmp_path):
    partial = tmp_path / "linked.partial" / "output"
    run = torchrun(2, link_command("linked"), "--max_restarts=1")
    kill_rank(run, 1, when=lambda: partial.exists() and partial.stat().st_size > 20_000)
    assert run.wait(timeout=300) == 0
    assert lines_of(tmp_path) == [
        "inference.py: error: rank 1 of 2 died, which ends the others: start the command again with --resume"
    ]
    assert "going on after" in (tmp_path / "err").read_text()
    assert json.loads((tmp_path / "out").read_text())["linked"] == 12_000
    assert len((tmp_path / "linked").read_text().splitlines()) == 12_000
    assert not partial.parent.exists()


@pytest.mark.slow
def test_a_restart_that_began_on_another_machine_goes_on(torchrun, link_command, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    flags = ["--nnodes=2", "--rdzv_backend=c10d", f"--rdzv_endpoint={address}", "--rdzv_id=two", "--max_restarts=1"]
    partial = tmp_path / "linked.partial" / "output"
    agents = [torchrun(1, link_command("linked"), *flags) for _ in range(2)]
    wait_until(agents[0], lambda: partial.exists() and partial.stat().st_size > 20_000)
    (process,) = [found for agent in agents for found in processes_of(agent, 1)]
    os.kill(process, signal.SIGKILL)
    assert [agent.wait(timeout=300) for agent in agents] == [0, 0]
    errors = (tmp_path / "err").read_text()
    assert errors.count("going on after") == 1  # the first rank's torchrun counts no restart
    assert "anew" not in errors
    assert torchrun(1, link_command("alone")).wait(timeout=300) == 0  # with one thread too: the rounding is the same
    assert (tmp_path / "linked").read_bytes() == (tmp_path / "alone").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 2])
def test_without_a_restart_the_run_ends_at_once_and_is_resumed_by_hand(torchrun, link_command, tmp_path, rank):
    partial = tmp_path / "linked.partial" / "output"
    run = torchrun(3, link_command("linked"))
    kill_rank(run, rank, when=lambda: partial.exists() and partial.stat().st_size > 20_000)
    killed = time.monotonic()
    assert run.wait(timeout=300) == 1
    assert time.monotonic() - killed < 60
    (line,) = lines_of(tmp_path)
    assert f"rank {rank} of 3 died" in line
    assert line.startswith("inference.py" if rank else "rank 1: inference.py")
    assert not (tmp_path / "linked").exists()
    assert torchrun(1, [*link_command("linked"), "--resume"]).wait(timeout=300) == 0
    assert torchrun(3, link_command("peaceful")).wait(timeout=300) == 0
    assert (tmp_path / "linked").read_bytes() == (tmp_path / "peaceful").read_bytes()


@pytest.fixture
def train_command(still_encoder, tiny_dictionary, tiny_queries, tmp_path):
    """Function: name of the output and settings -> the command that trains for 30 epochs."""

    def command(name, **changes):
        flags = {
            "--model_name_or_path": still_encoder,
            "--train_dictionary_path": tiny_dictionary,
            "--train_dir": tiny_queries,
            "--output_dir": tmp_path / name,
            "--topk": 6,
            "--epoch": 30,
            "--save_every_steps": 1,
            "--device": "cpu",
            **{f"--{name}": value for name, value in changes.items()},
        }
        return ["train.py", *(part for pair in flags.items() for part in pair)]

    return command


@pytest.mark.slow
def test_a_training_goes_on_from_its_last_state_when_torchrun_starts_it_again(torchrun, train_command, tmp_path):
    states = tmp_path / "killed" / "training_state"
    run = torchrun(2, train_command("killed"), "--max_restarts=2")
    for epoch, rank in ((3, 1), (12, 0)):
        kill_rank(run, rank, when=lambda epoch=epoch: any(states.glob(f"{epoch}_*")))
    assert run.wait(timeout=300) == 0
    errors = (tmp_path / "err").read_text()
    assert [line.count("died, which ends the others") for line in lines_of(tmp_path)] == [1, 1]
    assert errors.count("going on after ") == 2
    killed = json.loads((tmp_path / "out").read_text())
    assert torchrun(2, train_command("peaceful")).wait(timeout=300) == 0
    peaceful = json.loads((tmp_path / "out").read_text())
    for one, other in zip(peaceful["epochs"], killed["epochs"], strict=True):
        assert (one["loss"], one["w"]) == (other["loss"], other["w"])  # to the last bit
    model = "model.safetensors"
    assert (tmp_path / "killed" / model).read_bytes() == (tmp_path / "peaceful" / model).read_bytes()
    assert not list((tmp_path / "killed").glob("*.partial-*"))


@pytest.mark.cuda
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="no two CUDA devices")
def test_two_gpus_train_what_one_would(torchrun, train_command, tmp_path):
    losses = []
    for ranks in (1, 2):
        run = torchrun(ranks, train_command(f"by-{ranks}", device="cuda", epoch=2))
        assert run.wait(timeout=300) == 0, (tmp_path / "err").read_text()
        losses.append([row["loss"] for row in json.loads((tmp_path / "out").read_text())["epochs"]])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
