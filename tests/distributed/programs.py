"""What the ranks of a test do; each function is called on every rank, and what it returns is that rank's result."""

import io
import json
import os
import traceback
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

TOPK = 7


def run(rank, size, port, program, arguments, target):
    """Be one rank: set what torchrun sets, call the program, leave its result or its traceback in a file."""
    names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    names["TORCHELASTIC_USE_AGENT_STORE"] = True
    os.environ.update({name: str(value) for name, value in names.items()})
    try:
        result = {"result": PROGRAMS[program](*arguments)}
    except BaseException:
        result = {"error": traceback.format_exc()}
    Path(target).write_text(json.dumps(result))


def command(verb, *argv):
    """Run a command: its exit code, stdout and stderr. A batch is eight texts, so that there is something to share."""
    import biosyn.distributed.environment
    import biosyn.encoders.dense
    import biosyn.linking.steps
    from biosyn.cli.main import main

    biosyn.distributed.environment.GRACE = 0.1  # there is no torchrun here that would end the other ranks
    biosyn.encoders.dense.BATCH_SIZES["cpu"] = 8
    biosyn.linking.steps.MENTIONS = 16
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = main([verb, *argv, "--device", "cpu", "--precision", "float32"])
    return [code, out.getvalue(), err.getvalue()]


def commands(*several):
    """Run commands, one after the other in the same ranks."""
    return [command(*one) for one in several]


def messages():
    """Say what each rank hears from the others."""
    import torch

    from biosyn.distributed import ranks
    from biosyn.distributed.launch import joined

    with joined("cpu"):
        rank, heard = ranks.rank(), []
        with ranks.led(lambda argument: heard.append(argument) or argument["ä"]) as lead:
            answers = None if lead is None else [lead({"ä": 1}), lead({"ä": None})]
        return {
            "share": ranks.my_share(list(range(7))),
            "summed": ranks.summed(torch.tensor([1.5, rank])).tolist(),
            "gathered": [part.tolist() for part in ranks.gathered(torch.arange(6).view(3, 2)[:rank])],
            "objects": ranks.gathered_objects({"rank": rank, "text": "\ud800", "score": 0.1 + rank}),
            "heard": heard,
            "answers": answers,
        }


def searches(seed):
    """Compare searches shared by the ranks with those of one: rows and scores must be the same, ties included."""
    import numpy as np
    import torch

    from biosyn.distributed import ranks
    from biosyn.distributed.launch import joined
    from biosyn.retrieval.search import best_of, top_names, top_names_of_blocks, top_names_of_share
    from biosyn.retrieval.vectors import Vectors

    chosen = np.random.default_rng(seed)
    with joined("cpu"):
        for _ in range(40):
            count = int(chosen.integers(1, 60))
            topk = int(chosen.integers(1, count + 1))
            numbers = chosen.integers(-2, 3, (count + 5, 3)).astype(np.float32)  # small whole numbers: ties everywhere
            names, mentions = Vectors(torch.from_numpy(numbers[5:]), None), Vectors(torch.from_numpy(numbers[:5]), None)
            expected = top_names(mentions, names, topk=topk)
            owners = chosen.integers(0, ranks.size(), count)
            rows = torch.from_numpy(np.flatnonzero(owners == ranks.rank()))  # none, now and then
            of_share = top_names_of_share(mentions, names.take(rows), rows, topk=topk)
            assert torch.equal(of_share.rows, expected.rows)
            assert torch.equal(of_share.scores, expected.scores)
            every = best_of(*(part.flip(1) for part in top_names(mentions, names, topk=count)), topk)
            assert torch.equal(every.rows, expected.rows)
        dense = torch.from_numpy(chosen.standard_normal((5000, 16)).astype(np.float32))
        mentions, names = Vectors(dense[:9], None), Vectors(dense[9:], None)
        for memory in (1, 200):  # many blocks, and one
            expected = top_names(mentions, names, topk=20, memory=memory)
            of_blocks = top_names_of_blocks(mentions, names, topk=20, memory=memory)
            assert torch.equal(of_blocks.rows, expected.rows)
            assert torch.equal(of_blocks.scores, expected.scores)  # to the last bit
        return ranks.size()


def encodings(folder):
    """Compare vectors that the ranks make together, and each a share of, with those of one process: bit for bit."""
    import torch

    from biosyn.checkpoint.encoder import load_encoder
    from biosyn.distributed import ranks
    from biosyn.distributed.launch import joined
    from biosyn.encoders.dense import BATCH_SIZES, DenseEncoder
    from biosyn.training.distinct_names import DistinctNames

    BATCH_SIZES["cpu"] = 8
    encoder = DenseEncoder(*load_encoder(Path(folder), torch.device("cpu")))
    texts = [f"{'cancer of ' * (row % 5)}type {row}" for row in range(96)]
    with joined("cpu"):
        expected = encoder.encode(texts)  # (N, H)
        assert torch.equal(encoder.encode(texts, together=True), expected)
        distinct = DistinctNames(encoder, texts[:50], texts[20:])
        distinct.embed()
        for number, names in ((0, slice(0, 50)), (1, slice(20, 96))):
            torch.testing.assert_close(distinct.vectors_of(number), expected[names][distinct.share_of(number)])
        shares = ranks.gathered_objects([distinct.share_of(number).tolist() for number in (0, 1)])
        lengths = ranks.gathered_objects(int(distinct.tokens.take(distinct.mine).lengths.sum()))
        return [sorted(row for share in shares for row in share[number]) for number in (0, 1)], lengths


def candidates(folder, dictionary_path, queries_folder):
    """Return the rows of the candidates of all mentions."""
    import torch

    from biosyn.checkpoint.encoder import load_encoder
    from biosyn.data.dictionary import DictionaryDataset
    from biosyn.data.queries import QueryDataset
    from biosyn.distributed.launch import joined
    from biosyn.encoders.dense import BATCH_SIZES, DenseEncoder
    from biosyn.encoders.sparse import SparseEncoder
    from biosyn.training.candidates import CandidateRetriever
    from biosyn.training.distinct_names import DistinctNames

    BATCH_SIZES["cpu"] = 8
    dictionary, queries = DictionaryDataset(dictionary_path), QueryDataset(queries_folder).queries
    encoder = DenseEncoder(*load_encoder(Path(folder), torch.device("cpu")))
    with joined("cpu"):
        distinct = DistinctNames(encoder, dictionary.names)
        distinct.embed()
        mentions = encoder.tokenize([query.mention for query in queries])
        retriever = CandidateRetriever(
            queries,
            dictionary,
            SparseEncoder().fit(dictionary.names),
            mention_tokens=mentions,
            name_tokens=distinct.tokens_of(0),
            name_rows=distinct.share_of(0),
            topk=TOPK,
            dense_ratio=0.5,
            device=torch.device("cpu"),
        )
        return retriever.retrieve(encoder.encode(mentions, together=True), distinct.vectors_of(0)).candidates.tolist()


def gradients(*several):
    """Return the gradients of a linear net whose loss is a sum over the ranks' numbers, in several passes each."""
    import torch

    from biosyn.distributed import ranks
    from biosyn.distributed.launch import joined

    def passes(batches):
        net = torch.nn.Linear(1, 1)
        parallel = ranks.data_parallel(net)
        for number, numbers in enumerate(batches, 1):
            mine = ranks.my_share(numbers)
            with ranks.gradients_shared(parallel, wanted=number == len(batches)):
                (ranks.size() * parallel(torch.tensor(mine, dtype=torch.float32).view(-1, 1)).sum()).backward()
        return net.weight.grad.item()

    with joined("cpu"):
        return [passes(batches) for batches in several]


PROGRAMS = {
    function.__name__: function
    for function in (command, commands, messages, searches, encodings, candidates, gradients)
}
