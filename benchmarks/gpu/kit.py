"""What the GPU kit measures with: random encoders of known shapes and names of random words; time and peak memory."""

import gc
import random
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, BertConfig, BertModel, BertTokenizer, PreTrainedModel

from biosyn.data.dictionary import DictionaryDataset
from biosyn.model.biosyn import BioSyn
from biosyn.records import Query
from biosyn.training.trainer import Trainer, TrainerSettings

MENTIONS, TOPK = 16, 20  # of a training step
Row = dict[str, Any]
SHAPES = {"MiniLM": (384, 6, 12), "BERT-base": (768, 12, 12)}  # numbers of a vector, layers, heads
DRY_SHAPES = {"MiniLM": (32, 2, 2), "BERT-base": (64, 2, 2)}
NAMES_A_CONCEPT = 6
SYLLABLES = [a + b + c for a in "bcdfghlmnprst" for b in "aeiou" for c in ("", "n", "r", "s")]


@dataclass(frozen=True)
class Material:
    """The encoders and the texts of a run.

    Parameters
    ----------
    work_dir
        Where the encoders are kept from one part to the next.
    model
        The folder of an encoder that takes the place of both shapes.
    dry
        Tiny encoders.
    """

    work_dir: Path
    model: str | None
    dry: bool

    @property
    def encoders(self) -> list[str]:
        """The names of the encoders, the smallest first."""
        return [Path(self.model).name] if self.model else list(SHAPES)

    def biosyn(self, encoder: str, device: torch.device, *, precision: str = "float32") -> BioSyn:
        """Return a model with this encoder, without TF-IDF."""
        biosyn = BioSyn(25, device, precision=precision, search_memory=200)
        biosyn.load_dense_encoder(self.model or self._folder(encoder))
        return biosyn

    def plain(self, encoder: str, device: torch.device) -> PreTrainedModel:
        """Return an encoder as transformers loads it."""
        folder = self.model or self._folder(encoder)
        model: PreTrainedModel = AutoModel.from_pretrained(folder, dtype=torch.float32).to(device)
        return model

    def _folder(self, encoder: str) -> Path:
        folder = self.work_dir / encoder
        if not (folder / "tokenizer.json").exists():
            hidden, layers, heads = (DRY_SHAPES if self.dry else SHAPES)[encoder]
            torch.manual_seed(0)
            config = BertConfig(
                hidden_size=hidden,
                num_hidden_layers=layers,
                num_attention_heads=heads,
                intermediate_size=4 * hidden,
                initializer_range=2 * hidden**-0.5,  # larger than usual: texts get unlike vectors, as after training
            )
            BertModel(config).save_pretrained(folder)
            self._tokenizer().save_pretrained(folder)
        return folder

    def _tokenizer(self) -> BertTokenizer:
        """Return a WordPiece tokenizer that has every other word as one piece, and syllables and letters."""
        letters = sorted(set("".join(SYLLABLES)))
        pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *SYLLABLES, *self._words[::2]]
        pieces += [f"##{piece}" for piece in (*letters, *SYLLABLES)]
        return BertTokenizer(vocab={piece: row for row, piece in enumerate(dict.fromkeys(pieces))})

    @cached_property
    def _words(self) -> list[str]:
        draw = random.Random(0)
        return ["".join(draw.choices(SYLLABLES, k=draw.choice((2, 3)))) for _ in range(12_000)]

    def names(self, count: int) -> list[str]:
        """Return distinct names of 1 to 6 words; they have about as many tokens as MEDIC's, 8.8."""
        draw, found = random.Random(1), dict[str, None]()
        while len(found) < count:
            found[" ".join(draw.choices(self._words, k=draw.choice((1, 2, 3, 4, 4, 5, 6, 6))))] = None
        return list(found)

    def data(self, names: int, mentions: int) -> tuple[DictionaryDataset, list[Query]]:
        """Return a dictionary with six names a concept, and mentions: names with two letters swapped."""
        texts, draw = self.names(names), random.Random(2)
        cuis = [f"C{row // NAMES_A_CONCEPT}" for row in range(names)]
        queries = []
        for row in draw.sample(range(names), mentions):
            at = draw.randrange(len(texts[row]) - 1)
            swapped = texts[row][:at] + texts[row][at : at + 2][::-1] + texts[row][at + 2 :]
            queries.append(Query(" ".join(swapped.split()), cuis[row]))
        return DictionaryDataset.of_texts(self.work_dir / "names.txt", texts, cuis), queries


class Kit:
    """The device, the material and the sizes of a run."""

    def __init__(self, material: Material):
        self.material = material
        self.dry = material.dry
        self.device = torch.device("cpu" if self.dry else "cuda")

    def of(self, full: int, dry: int) -> int:
        """Return the size for this run."""
        return dry if self.dry else full

    def sync(self) -> None:
        """Wait for the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def timed(self, work: Callable[[], object], rounds: int) -> tuple[float, float]:
        """Return the seconds of a round after a warm-up, and those until the host had asked for all of it."""
        work()
        self.sync()
        started = time.perf_counter()
        for _ in range(rounds):
            work()
        asked = time.perf_counter()
        self.sync()
        return (time.perf_counter() - started) / rounds, (asked - started) / rounds

    def row(self, label: Row, measure: Callable[[], Row]) -> Row:
        """Return the label, what is measured and the peak memory of the device; or why it failed."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        try:
            row = {**label, **measure()}
        except Exception as error:  # also out of memory: the next row may fit
            traceback.print_exc()
            row = {**label, "failed": reason(error)}
        if self.device.type == "cuda":
            row["peak MB"] = round(torch.cuda.max_memory_allocated() / 1e6)
        gc.collect()
        torch.cuda.empty_cache()
        return row


def reason(error: Exception) -> str:
    """Return the kind of an error and its first line."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:300]}"


@contextmanager
def precision_of(name: str) -> Iterator[str]:
    """Let products of float32 be computed in TF32 if the name says so; yield the precision for `BioSyn`."""
    torch.set_float32_matmul_precision("high" if name == "tf32" else "highest")
    try:
        yield "float32" if name == "tf32" else name
    finally:
        torch.set_float32_matmul_precision("highest")


def matrix_rate(kit: Kit, precision: str) -> float:
    """Return the operations a second of a large square product."""
    size = kit.of(8192, 128)
    with precision_of(precision) as dtype:
        a = torch.randn(size, size, device=kit.device, dtype=getattr(torch, dtype))
        seconds, _ = kit.timed(lambda: a @ a, rounds=kit.of(10, 1))
    return 2 * size**3 / seconds


def trainer_of(biosyn: BioSyn, dictionary: DictionaryDataset, queries: list[Query]) -> Trainer:
    """Return the trainer of a model, with the paper's settings but for a temperature that suits random weights."""
    biosyn.init_sparse_encoder(dictionary.texts)
    settings = TrainerSettings(
        topk=TOPK,
        dense_ratio=0.5,
        fixed_candidates=False,
        temperature=20.0,
        train_batch_size=MENTIONS,
        gradient_accumulation_steps=1,
        learning_rate=1e-5,
        weight_decay=0.01,
        gradient_checkpointing=False,
        seed=0,
    )
    return Trainer(biosyn, settings, queries=queries, dictionary=dictionary)
