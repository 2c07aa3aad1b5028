"""The parts of the GPU kit: each yields rows; `measure.py` runs them and says what a run of all is.

python benchmarks/gpu/parts.py PART... --work_dir W [--dry] [--model FOLDER]
"""

import argparse
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import torch
from embedding import operations
from kit import Kit, Material, Row, matrix_rate, precision_of, reason, trainer_of
from numpy.typing import NDArray
from steps import steps
from torch import Tensor

from biosyn.encoders.dense import DenseEncoder
from biosyn.encoders.tokens import TokenizedTexts
from biosyn.evaluation.accuracy import accuracy_at_k
from biosyn.files import library_versions
from biosyn.model.predict import predict
from biosyn.retrieval.score_parts import score_parts
from biosyn.retrieval.search import Blocks, TopNames, top_names
from biosyn.retrieval.vectors import SparseRows, Vectors
from biosyn.training.epoch import Loop
from biosyn.training.trainer import Trainer

ROOT = Path(__file__).parents[2]
# of float32: 1 - cosine; scores that may swap places, of the highest; a loss, of the mean one
COSINE, TIE, LOSS = 1e-5, 1e-4, 1e-3


# -- the parts


def card(kit: Kit) -> Iterator[Row]:
    """Measure what bounds everything else: products, copies."""
    for precision in ("float32", "tf32", "bfloat16"):
        yield {"what": f"product, {precision}", "TFLOP/s": matrix_rate(kit, precision) / 1e12}
    size = kit.of(10**9, 10**6)
    on_host, on_device = torch.ones(size, dtype=torch.uint8), torch.ones(size, dtype=torch.uint8, device=kit.device)
    pinned = on_host if kit.dry else on_host.pin_memory()
    target = torch.empty_like(on_device)
    for what, source in (("copy on the device", on_device), ("copy to it", on_host), ("copy to it, pinned", pinned)):
        seconds, _ = kit.timed(partial(target.copy_, source, non_blocking=True), rounds=3)
        yield {"what": what, "GB/s": size / seconds / 1e9}


def tests(kit: Kit) -> Iterator[Row]:
    """Run all tests marked cuda; they are skipped where there is none."""
    marked = [path for path in sorted((ROOT / "tests").rglob("test_*.py")) if "mark.cuda" in path.read_text()]
    report = kit.material.work_dir / "tests.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "cuda", f"--junitxml={report}"]
    subprocess.run([*command, *map(str, marked[: kit.of(len(marked), 1)])], cwd=ROOT, stdout=sys.stderr)
    suite = ElementTree.parse(report).getroot()[0]
    yield {key: int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped")}
    for case in suite.iter("testcase"):
        for fault in (*case.findall("failure"), *case.findall("error")):
            name = f"{case.get('classname')}.{case.get('name')}"
            yield {"test": name, "failed": (fault.get("message") or "").partition("\n")[0][:300]}


def agree(kit: Kit) -> Iterator[Row]:
    """Compare the CPU and the device on the same data: vectors, best names, accuracy, and losses without dropout."""
    encoder = kit.material.encoders[0]
    dictionary, queries = kit.material.data(kit.of(6000, 300), kit.of(600, 40))
    sides = [kit.material.biosyn(encoder, device) for device in (torch.device("cpu"), kit.device)]
    for biosyn in sides:
        biosyn.init_sparse_encoder(dictionary.texts)
        biosyn.init_sparse_weight(1.0)
    names = [biosyn.embed(dictionary.texts) for biosyn in sides]
    yield {"what": "vectors, float32", **judged(cosine_distance(*names), COSINE)}
    for precision in ("tf32", "bfloat16"):
        with precision_of(precision) as name:
            dense = sides[1].get_dense_encoder()
            rough = DenseEncoder(dense.model, dense.tokenizer, precision=name).encode(dictionary.texts)
        yield {"what": f"vectors, {precision}", "difference": cosine_distance(names[0], Vectors(rough, None))}
    texts = [query.mention for query in queries]
    tops = [biosyn.search(biosyn.embed(texts), of, topk=20) for biosyn, of in zip(sides, names, strict=True)]
    yield {"what": "20 best names, hybrid", **judged(*swapped(*tops))}
    predicted = [predict(biosyn, queries, dictionary, of, topk=5) for biosyn, of in zip(sides, names, strict=True)]
    one, other = (accuracy_at_k(found, 5) for found in predicted)
    yield {"what": f"Acc@1 {one['acc1']:.4f}, Acc@5 {one['acc5']:.4f}", **judged(abs(one["acc5"] - other["acc5"]), 0.0)}
    trainers = [trainer_of(biosyn, dictionary, queries) for biosyn in sides]
    candidates = trainers[0].retrieve().candidates  # near ties may make others of the device's vectors
    third = kit.material.biosyn(encoder, kit.device)
    third.init_sparse_weight(1.0)
    again = trainer_of(third, dictionary, queries)
    losses = [losses_of(trainer, candidates, kit.of(50, 2)) for trainer in (*trainers, again)]
    expected, found, repeated = (one / losses[0].mean() for one in losses)
    yield {"what": f"losses of {len(found)} steps", **judged(float((found - expected).abs().max()), LOSS)}
    yield {"what": "losses from run to run", "difference": float((found - repeated).abs().max())}


def judged(difference: float, limit: float) -> Row:
    """Return the row of a difference that has a limit."""
    return {"difference": difference, "limit": limit, "within it": difference <= limit}


def cosine_distance(expected: Vectors, found: Vectors) -> float:
    """Return the largest 1 - cosine of the two vectors of a text."""
    assert expected.dense is not None
    assert found.dense is not None
    return 1 - float(torch.cosine_similarity(expected.dense.double(), found.dense.cpu().double(), dim=1).min())


def swapped(expected: TopNames, found: TopNames) -> tuple[float, float]:
    """Return by how much a name that only one side has is better than that side's last name; and the limit."""
    sides = [TopNames(*(part.cpu() for part in side)) for side in (expected, found)]
    worst = 0.0
    for a, b in (sides, sides[::-1]):
        lost = ~(a.rows[:, :, None] == b.rows[:, None, :]).any(dim=2)  # (M, K)
        worst = max(worst, float((a.scores - a.scores[:, -1:]).where(lost, 0.0).max()))
    return worst, TIE * float(sides[0].scores.abs().max())


def losses_of(trainer: Trainer, candidates: NDArray[np.int64], steps: int) -> Tensor:
    """Return the losses of the first steps of a training without dropout, (steps,)."""
    dataset = trainer.retriever.dataset(candidates)
    trainer.net.eval()
    batches = [*trainer.shuffled(), *trainer.shuffled()][:steps]
    return torch.stack([trainer.step(dataset, batch) for batch in batches]).cpu()


def embed(kit: Kit) -> Iterator[Row]:
    """Measure names a second, and what the host does meanwhile."""
    names = kit.material.names(kit.of(131_072, 256))
    tokens = None
    for encoder in kit.material.encoders:
        for precision in ("bfloat16", "float32"):
            rate = matrix_rate(kit, precision)
            dense = kit.material.biosyn(encoder, kit.device, precision=precision).get_dense_encoder()
            tokens = tokens or dense.tokenize(names)
            for size in (1024, 4096, 16_384)[: kit.of(3, 1)]:
                label = {"encoder": encoder, "precision": precision, "batch": size}
                yield kit.row(label, partial(embedding_rate, kit, dense, tokens, size, rate))
    seconds, _ = kit.timed(partial(dense.encode, names), rounds=1)
    yield {"encoder": f"{encoder}, with tokenizing", "precision": precision, "names/s": len(names) / seconds}


def embedding_rate(kit: Kit, dense: DenseEncoder, tokens: TokenizedTexts, size: int, rate: float) -> Row:
    """Return the speed of embedding by batches of this size."""
    if dense.model.config.hidden_size > 500:  # enough, and in time
        tokens = tokens.take(np.arange(len(tokens) // 4))
    seconds, _ = kit.timed(partial(dense.encode, tokens, batch_size=size), rounds=1)
    started = time.perf_counter()
    for rows in tokens.like_length_batches(size):
        tokens.batch(rows)
    batching = time.perf_counter() - started
    return {
        "names/s": len(tokens) / seconds,
        "share of the matrix rate": operations(dense.model, int(tokens.lengths.sum()), len(tokens)) / seconds / rate,
        "making batches, share": batching / seconds,
    }


def epoch(kit: Kit) -> Iterator[Row]:
    """Train an epoch with the sizes of NCBI disease: 73,024 names, 2,116 mentions of train and dev."""
    started = time.perf_counter()
    dictionary, queries = kit.material.data(kit.of(73_024, 300), kit.of(2116, 40))
    biosyn = kit.material.biosyn(kit.material.encoders[-1], kit.device)
    made = time.perf_counter()
    trainer = trainer_of(biosyn, dictionary, queries)
    seconds = {"reading": made - started, "TF-IDF, tokens, sparse candidates": time.perf_counter() - made}
    loop = Loop(trainer)
    for precision in ("float32", "bfloat16"):
        trainer.net.precision = trainer.dense.precision = precision
        yield kit.row(
            {"precision": precision},
            lambda: {**loop.run_epoch(), "retrieval_seconds": round(trainer.retrieval_seconds, 2)},
        )
    yield {key: round(value, 1) for key, value in seconds.items()}


def search(kit: Kit) -> Iterator[Row]:
    """Search 10 million names x 384 in float16, kept on the device, exactly and hybrid; each mention is a name."""
    count, hidden, columns, nonzero = kit.of(10**7, 20_000), kit.of(384, 32), 1122, 36
    piece = kit.of(10**6, 10_000)
    dense = torch.empty(count, hidden, dtype=torch.float16, device=kit.device)
    for start in range(0, count, piece):
        dense[start : start + piece].normal_()
    ngrams = torch.randint(columns, (piece, nonzero), device=kit.device).sort(dim=1).values.flatten()
    sparse = SparseRows(
        nonzero * torch.arange(count + 1, device=kit.device),
        ngrams.repeat(count // piece),
        torch.full((count * nonzero,), nonzero**-0.5, device=kit.device),
        columns,
    )
    names = Vectors(dense, sparse)
    for mentions in (1, 16, 1024)[: kit.of(3, 2)]:
        rows = torch.arange(mentions, device=kit.device) * (count // mentions)
        taken = names.take(rows)
        assert taken.dense is not None
        asked = Vectors(taken.dense.float(), taken.sparse)
        for block in (None, 2**17, 2**20)[: kit.of(3, 2)]:
            blocks = None if block is None else Blocks(mentions, block)
            label = {"mentions": mentions, "names a block": block or "of --search_memory"}
            yield kit.row(label, partial(search_rate, kit, asked, names, rows, blocks))


def search_rate(kit: Kit, asked: Vectors, names: Vectors, rows: Tensor, blocks: Blocks | None) -> Row:
    """Return the seconds of a search, and whether it found the names that were asked for."""
    work = partial(top_names, asked, names, topk=20, sparse_weight=1.4, blocks=blocks)
    seconds, _ = kit.timed(work, rounds=2)
    found = work()
    parts = score_parts(asked, names, found.rows, sparse_weight=1.4)
    return {
        "ms": seconds * 1e3,
        "ms a mention": seconds * 1e3 / asked.count,
        "found": bool((found.rows[:, 0] == rows).all()),
        "score less its parts": float((found.scores - parts.dense - parts.sparse).abs().max()),
    }


PARTS = {part.__name__: part for part in (card, tests, agree, embed, steps, epoch, search)}


def main() -> None:
    """Print a line of JSON for each row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+")
    parser.add_argument("--work_dir", type=Path, required=True)
    parser.add_argument("--dry", action="store_true")
    parser.add_argument("--model")
    args = parser.parse_args()
    if not (args.dry or torch.cuda.is_available()):
        sys.exit("no CUDA device here; --dry runs on the CPU")
    kit = Kit(Material(args.work_dir, args.model, args.dry))

    def say(part: str, row: Row) -> None:
        print(json.dumps({"part": part, "row": row}), file=out, flush=True)

    out, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints is no row
    say("machine", machine(kit))
    for part in args.parts:
        try:
            for row in PARTS[part](kit):
                say(part, row)
        except Exception as error:  # the other parts go on
            traceback.print_exc()
            say(part, {"failed": reason(error)})


def machine(kit: Kit) -> Row:
    """Return what was measured on."""
    facts: Row = {**library_versions(), "cores": os.cpu_count()}
    if kit.device.type == "cuda":
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        driver = subprocess.run(query, capture_output=True, text=True).stdout.strip().partition("\n")[0]
        facts |= {"card": torch.cuda.get_device_name(), "driver": driver, "CUDA": torch.version.cuda}
        facts |= {"capability": str(torch.cuda.get_device_capability())}
    return facts


if __name__ == "__main__":
    main()
