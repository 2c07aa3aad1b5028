"""The model: both encoders and the weight w, loaded and saved together; names in, arrays out."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from biosyn.checkpoint.encoder import load_encoder
from biosyn.checkpoint.files import FILES, encoder_sha256
from biosyn.checkpoint.folder import read_sentence_transformers, save_checkpoint
from biosyn.checkpoint.manifest import Manifest, load_manifest
from biosyn.checkpoint.opening import open_checkpoint, open_encoder
from biosyn.data.annotations import Annotations
from biosyn.data.dictionary import DictionaryDataset
from biosyn.devices import existing_device, resolve_device, resolve_precision
from biosyn.distributed.ranks import size, summed
from biosyn.encoders.dense import DenseEncoder
from biosyn.encoders.pooling import Pooling
from biosyn.encoders.sparse import SparseEncoder
from biosyn.encoders.tokens import TokenizedTexts
from biosyn.errors import InputError
from biosyn.index.dictionary_index import DictionaryIndex
from biosyn.model.embedded_dictionary import dictionary_index, open_dictionary
from biosyn.model.rerank_net import RerankNet
from biosyn.retrieval.confidence import Calibration
from biosyn.retrieval.evidence import Reranking
from biosyn.retrieval.score_parts import ScoreParts, score_parts
from biosyn.retrieval.search import (
    LARGEST_SPARSE_WEIGHT,
    TopNames,
    require_finite,
    top_names,
    top_names_of_blocks,
    top_names_of_share,
)
from biosyn.retrieval.vectors import NameVectors, SparseRows, Vectors
from biosyn.settings.groups import MAX_LENGTH, SEARCH_MEMORY
from biosyn.text.mentions import texts_of

if TYPE_CHECKING:
    from biosyn.model.linker import Linker


logger = logging.getLogger(__name__)


class BioSyn:
    """A sparse encoder, a dense encoder and the weight w between them.

    Parameters
    ----------
    max_length
        The tokens kept of a text, [CLS] and [SEP] included; None uses the value of the checkpoint that is loaded.
    device
        The device of the encoder and of the retrieval: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    initial_sparse_weight
        w before training.
    precision
        The precision that the encoder computes in: ``float32``, ``bfloat16``, ``float16``, or ``auto``, which is the
        default of the commands; see `biosyn.devices.resolve_precision`.
    search_memory
        The memory that a search may take in addition to the vectors, in MB.
    pooling, similarity
        The parameters of `Pooling`; None uses those of the checkpoint, or ``cls`` and ``inner``.

    Attributes
    ----------
    annotations
        How often each concept was annotated in training, which decides between the concepts of a name; None if that is
        not known. `save_model` keeps it. ``Annotations.of(queries)`` makes it for a model that has none.
    """

    def __init__(
        self,
        max_length: int | None = None,
        device: torch.device | str = "cpu",
        *,
        initial_sparse_weight: float = 0.0,
        precision: str = "float32",
        search_memory: int = SEARCH_MEMORY,
        pooling: str | None = None,
        similarity: str | None = None,
    ):
        self.max_length = max_length
        self.pooling = pooling
        self.similarity = similarity
        self.search_memory = search_memory
        self.device = resolve_device(device) if isinstance(device, str) else existing_device(device)
        self.precision = resolve_precision(precision, self.device)
        self.sparse_weight = float(initial_sparse_weight)
        self.manifest: Manifest | None = None  # the manifest of the checkpoint that was loaded
        # both by score mode, and empty once the model differs from the saved one
        self.calibrations: dict[str, Calibration] = {}
        self.rerankings: dict[str, Reranking] = {}
        self.annotations: Annotations | None = None
        self._sparse: SparseEncoder | None = None
        self._dense: DenseEncoder | None = None
        self._encoder_sha256: str | None = None  # the hash of the files that the encoder in memory equals
        self._folder: Path | None = None  # of the checkpoint that all parts but w equal

    # -- making and loading

    def init_sparse_encoder(self, corpus: Sequence[str]) -> SparseEncoder:
        """Fit the TF-IDF on the names of the train dictionary."""
        self._will_change()
        self._sparse = SparseEncoder().fit(corpus)
        return self._sparse

    def init_sparse_weight(self, initial_sparse_weight: float) -> float:
        """Set w."""
        self._will_change()
        self.sparse_weight = float(initial_sparse_weight)
        return self.sparse_weight

    @classmethod
    def from_pretrained(
        cls,
        model_name_or_path: str | Path,
        *,
        revision: str | None = None,
        max_length: int | None = None,
        device: torch.device | str = "cpu",
        precision: str = "float32",
        search_memory: int = SEARCH_MEMORY,
    ) -> "BioSyn":
        """Load a checkpoint: a folder that `save_model` wrote, a published one, or a Hub id of either.

        Parameters
        ----------
        revision
            The branch, tag or commit of a Hub id.
        max_length
            The tokens kept of a text; None uses the value of the checkpoint (25 for a published one).
        device
            See the constructor.
        precision
            See the constructor.
        search_memory
            See the constructor.
        """
        biosyn = cls(max_length, device, precision=precision, search_memory=search_memory)
        return biosyn.load_model(model_name_or_path, revision=revision)

    def load_model(self, model_name_or_path: str | Path, *, revision: str | None = None) -> "BioSyn":
        """Load all parts of a checkpoint, as `from_pretrained` does; return self."""
        checkpoint = open_checkpoint(model_name_or_path, revision=revision)
        self._sparse = checkpoint.sparse_encoder
        self.sparse_weight = checkpoint.manifest.sparse_weight
        self.manifest = checkpoint.manifest
        self.annotations = checkpoint.annotations
        dense = self._load_dense(checkpoint.folder, checkpoint.manifest, checkpoint.hashes)
        if _makes_the_vectors_of(checkpoint.manifest, dense):  # other vectors give other scores
            found = checkpoint.manifest.calibration
            self.calibrations = {mode: Calibration.from_json(part) for mode, part in found.items()}
            weights = checkpoint.manifest.reranking
            self.rerankings = {mode: Reranking.from_json(part) for mode, part in weights.items()}
        self._folder = Path(checkpoint.folder).absolute()
        return self

    def load_dense_encoder(self, model_name_or_path: str | Path, *, revision: str | None = None) -> DenseEncoder:
        """Load the encoder and tokenizer of a plain encoder or of a checkpoint, from a folder or a Hub id."""
        folder, hashes = open_encoder(model_name_or_path, revision=revision)
        if (folder / FILES.manifest).is_file():
            return self._load_dense(folder, replace(load_manifest(folder), max_length=MAX_LENGTH), hashes)
        dense = self._load_dense(folder, Manifest(0.0, MAX_LENGTH), hashes)
        made = read_sentence_transformers(folder)
        if made is not None and made != dense.pooling:
            logger.warning(
                "%s: its own vectors are made with --pooling %s --similarity %s; here with %s and %s",
                model_name_or_path,
                *(made.mode, made.similarity, dense.pooling.mode, dense.pooling.similarity),
            )
        return dense

    def _load_dense(self, folder: Path, own: Manifest, hashes: Mapping[str, str]) -> DenseEncoder:
        self._will_change()
        max_length = self.max_length or own.max_length
        pooling = Pooling(self.pooling or own.pooling, self.similarity or own.similarity)
        digest = encoder_sha256(folder, hashes)
        model, tokenizer = load_encoder(folder, self.device, max_length=max_length)
        self._dense = DenseEncoder(model, tokenizer, max_length, precision=self.precision, pooling=pooling)
        self._encoder_sha256 = digest
        return self._dense

    def load_sparse_encoder(self, model_name_or_path: str | Path, *, revision: str | None = None) -> SparseEncoder:
        """Load the TF-IDF of a checkpoint."""
        self._sparse = open_checkpoint(model_name_or_path, revision=revision).sparse_encoder
        self._will_change()
        return self._sparse

    def load_sparse_weight(self, model_name_or_path: str | Path, *, revision: str | None = None) -> float:
        """Load w of a checkpoint."""
        weight = open_checkpoint(model_name_or_path, revision=revision).manifest.sparse_weight
        return self.init_sparse_weight(weight)

    def save_model(
        self,
        path: str | Path,
        *,
        trained: dict[str, Any] | None = None,
        figures: dict[str, Any] | None = None,
    ) -> None:
        """Write the checkpoint, with its calibration if the model has not changed since it was calibrated.

        Parameters
        ----------
        trained
            The data that the model was trained on, for the manifest.
        figures
            The accuracy of the model by data set, for the manifest.
        """
        dense = self.get_dense_encoder()
        save_checkpoint(
            path,
            model=dense.model,
            tokenizer=dense.tokenizer,
            sparse_encoder=self.get_sparse_encoder(),
            manifest=Manifest(
                self.sparse_weight,
                dense.max_length,
                pooling=dense.pooling.mode,
                similarity=dense.pooling.similarity,
                trained=trained or {},
                figures=figures or {},
                calibration={mode: found.to_json() for mode, found in self.calibrations.items()},
                reranking={mode: found.to_json() for mode, found in self.rerankings.items()},
            ),
            annotations=self.annotations,
        )

    def encoder_will_change(self) -> None:
        """Forget the files that the encoder was loaded from, and the calibration: neither will match it any more."""
        self._encoder_sha256 = None
        self._will_change()

    def _will_change(self) -> None:
        self._folder = None
        self.calibrations, self.rerankings = {}, {}

    # -- the same model in another process

    def recipe(self) -> dict[str, Any]:
        """Return what `of_recipe` needs to open the same model: its folder and settings, not its weights.

        Raises
        ------
        InputError
            If the model was not loaded from a folder, or has changed since.
        """
        if self._folder is None:
            raise InputError("only a model as it was loaded goes to another process: save it, and load it again")
        return {
            "folder": self._folder,
            "encoder_sha256": self._encoder_sha256,
            "sparse_weight": self.sparse_weight,
            "annotations": self.annotations,
            "max_length": self.max_length,
            "device": str(self.device),
            "precision": self.precision,
            "search_memory": self.search_memory,
            "pooling": self.pooling,
            "similarity": self.similarity,
        }

    @classmethod
    def of_recipe(
        cls,
        *,
        folder: Path,
        encoder_sha256: str,
        sparse_weight: float,
        annotations: Annotations | None,
        **settings: Any,
    ) -> "BioSyn":
        """Open the model of a `recipe`; raise an InputError if its folder now holds a different one."""
        biosyn = cls(**settings).load_model(folder)
        if biosyn._encoder_sha256 != encoder_sha256:
            raise InputError("is another model than the one that was to be opened here: start again", path=folder)
        biosyn.sparse_weight, biosyn.annotations = sparse_weight, annotations
        return biosyn

    # -- the parts

    def get_dense_encoder(self) -> DenseEncoder:
        """Return the dense encoder, or raise a RuntimeError if none is loaded."""
        if self._dense is None:
            raise RuntimeError("no dense encoder yet: call load_model or load_dense_encoder")
        return self._dense

    def get_dense_tokenizer(self) -> PreTrainedTokenizerBase:
        """Return the dense encoder's tokenizer."""
        return self.get_dense_encoder().tokenizer

    def get_sparse_encoder(self) -> SparseEncoder:
        """Return the sparse encoder, or raise a RuntimeError if none is fitted or loaded."""
        if self._sparse is None:
            raise RuntimeError("no sparse encoder yet: call load_model or init_sparse_encoder")
        return self._sparse

    def get_sparse_weight(self) -> float:
        """Return w."""
        return self.sparse_weight

    @property
    def sparse_weight(self) -> float:
        """The weight w; during a training, its value after the last step."""
        return self._weight.item() if isinstance(self._weight, nn.Parameter) else self._weight

    @sparse_weight.setter
    def sparse_weight(self, value: float) -> None:
        """Set w, but not in a network that `rerank_net` returned earlier; raise an InputError if it is not finite."""
        if not abs(value) <= LARGEST_SPARSE_WEIGHT:  # NaN is not
            raise InputError(
                f"w, the sparse weight, must be a number of at most {LARGEST_SPARSE_WEIGHT:g}, found {value}"
            )
        self._weight: float | nn.Parameter = float(value)

    def rerank_net(self, *, temperature: float = 1.0) -> RerankNet:
        """Return the network to train: its encoder and its w are this model's own, not copies.

        Parameters
        ----------
        temperature
            The scores are divided by it for the loss.
        """
        self.encoder_will_change()
        dense = self.get_dense_encoder()
        net = RerankNet(
            dense.model,
            self.sparse_weight,
            precision=dense.precision,
            pooling=dense.pooling,
            temperature=temperature,
        )
        self._weight = net.sparse_weight
        return net

    # -- names in, arrays out

    def embed_sparse(self, names: Iterable[str]) -> NDArray[np.float32]:
        """Return the TF-IDF rows of an iterable of texts, as a dense array of shape (N, V)."""
        return self.get_sparse_encoder()(texts_of(names, "names"))

    def embed_dense(self, names: Iterable[str], *, show_progress: bool = False) -> NDArray[np.float32]:
        """Return the dense vectors of an iterable of texts, shape (N, H)."""
        progress = "embedding" if show_progress else None
        vectors = self.get_dense_encoder().encode(texts_of(names, "names"), progress=progress)  # (N, H)
        return np.asarray(vectors.cpu().numpy(), dtype=np.float32)

    def get_score_matrix(
        self, query_embeds: NDArray[np.float32], dict_embeds: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the inner products of (M, D) and (N, D): shape (M, N). For small inputs; `search` needs no matrix."""
        return query_embeds @ dict_embeds.T

    def retrieve_candidate(self, score_matrix: NDArray[np.float32], topk: int) -> NDArray[np.int64]:
        """Return the columns of the best ``topk`` scores of each row, best first, ties by column: shape (M, topk)."""
        return np.argsort(-score_matrix, axis=1, kind="stable")[:, :topk]

    def embed(
        self,
        texts: Sequence[str],
        *,
        score_mode: str = "hybrid",
        tokens: TokenizedTexts | None = None,
        what: str = "texts",
        progress: str | None = None,
        together: bool = False,
    ) -> Vectors:
        """Return the vectors of N texts, on the device, with the halves that the score mode needs; `search` takes them.

        ``embed_dense`` and ``embed_sparse`` return NumPy arrays.

        Parameters
        ----------
        score_mode
            ``hybrid``, ``dense`` or ``sparse``.
        tokens
            The same texts already tokenized, for a caller that embeds them more than once.
        what
            What to call the texts in the warning about cut ones.
        progress
            The title of a progress bar; None shows none.
        together
            All ranks embed the same texts: each encodes a part, and all get the vectors of all.
        """
        if isinstance(texts, str):
            texts = texts_of(texts, "texts")  # refuses it
        dense, rows = None, None
        if score_mode != "sparse":
            encoder = self.get_dense_encoder()
            wanted = texts if tokens is None else tokens
            dense = encoder.encode(wanted, what=what, progress=progress, together=together)
        if score_mode != "dense":
            rows = SparseRows.from_scipy(self.get_sparse_encoder().transform(texts), self.device)
        return Vectors(dense, rows)

    def index(
        self,
        dictionary: DictionaryDataset,
        *,
        cache_dir: str | Path | None = None,
        precision: str = "float32",
        progress: str | None = None,
    ) -> DictionaryIndex:
        """Return the dictionary as embedded by this model: read from the cache, or made and kept there.

        Parameters
        ----------
        cache_dir
            The folder of the indexes; None uses ``BIOSYN_CACHE`` or the platform's cache folder.
        precision
            The precision of the stored vectors: ``float32``, or ``float16`` in half the space.
        progress
            The title of a progress bar over the names that have to be embedded.

        Raises
        ------
        RuntimeError
            If the encoder was not loaded from a folder, or has been trained since.
        """
        if self._encoder_sha256 is None:
            raise RuntimeError("only a saved model can be cached: save it, and load it again")
        return dictionary_index(
            dictionary,
            self.get_dense_encoder(),
            self.get_sparse_encoder(),
            encoder=self._encoder_sha256,
            cache_dir=cache_dir,
            precision=precision,
            progress=progress,
        )

    def index_of(
        self, folder: str | Path, dictionary: DictionaryDataset, dense: NDArray[np.float32]
    ) -> DictionaryIndex:
        """Keep names that a training has embedded as the index of the model that it saved.

        Parameters
        ----------
        folder
            Where this model is saved; it may have been trained further since.
        dense
            The vectors of the dictionary's N names by the encoder that was saved, shape (N, H).
        """
        return dictionary_index(
            dictionary,
            self.get_dense_encoder(),
            self.get_sparse_encoder(),
            encoder=encoder_sha256(folder, {}),
            embedded=dense,
        )

    def search(
        self,
        mentions: Vectors,
        names: NameVectors,
        *,
        topk: int,
        together: bool = False,
        held: Tensor | None = None,
    ) -> TopNames:
        """Return the ``topk`` best names of each mention, exactly, in bounded memory.

        Hybrid vectors are scored by ``dense + w * sparse``; vectors with one half by that half alone.

        Parameters
        ----------
        together
            All ranks search for the same mentions: each searches a part of the names, and all get the same result.
        held
            With ``together``: the dictionary rows of the names that this rank holds, (n,) int64, ascending. None where
            every rank holds all names.
        """
        weight, memory = self.weight_for(names), self.search_memory
        if not together or size() == 1:
            found = top_names(mentions, names, topk=topk, sparse_weight=weight, memory=memory)
        elif held is None:
            found = top_names_of_blocks(mentions, names, topk=topk, sparse_weight=weight, memory=memory)
        else:
            found = top_names_of_share(mentions, names, held, topk=topk, sparse_weight=weight, memory=memory)
        return require_finite(found)  # by every rank or by none: all have found the same

    def score_parts(
        self, mentions: Vectors, names: NameVectors, rows: Tensor, *, held: Tensor | None = None
    ) -> ScoreParts:
        """Return the dense and the sparse part of the scores of names found, each (M, K) like ``rows``.

        Parameters
        ----------
        rows
            The dictionary rows of the names found, (M, K) int64.
        held
            As `search` takes it; every rank asks for the same rows then.
        """
        weight = self.weight_for(names)
        if held is None or size() == 1:
            return score_parts(mentions, names, rows, sparse_weight=weight)
        if names.count == 0:
            none = torch.zeros(rows.shape, device=names.device)
            return ScoreParts(summed(none), summed(none))
        mine = torch.isin(rows, held)  # (M, K)
        places = torch.searchsorted(held, rows.contiguous()).clamp(
            max=names.count - 1
        )  # any place where it is not mine
        found = score_parts(mentions, names, places, sparse_weight=weight)
        return ScoreParts(summed(found.dense.where(mine, 0.0)), summed(found.sparse.where(mine, 0.0)))

    def weight_for(self, names: NameVectors) -> float:
        """Return the weight of the sparse half in the scores of these names: 1 where they have one half only."""
        return self.sparse_weight if names.score_mode == "hybrid" else 1.0

    def load_dictionary(
        self,
        dictionary: str | Path | DictionaryDataset,
        *,
        cache_dir: str | Path | None = None,
        index_precision: str = "float32",
        ann: bool = False,
        show_progress: bool = False,
    ) -> "Linker":
        """Read and embed a dictionary, or take it from the cache; return the linker that maps mentions to its names.

        Parameters
        ----------
        dictionary
            A file of lines ``cui||name``, or a dictionary already read.
        cache_dir
            The parameter ``cache_dir`` of `index`.
        index_precision
            The parameter ``precision`` of `index`.
        ann
            Search the approximate index that ``biosyn index build --ann`` made.

        Raises
        ------
        RuntimeError
            See `index`.

        Examples
        --------
        ``BioSyn.from_pretrained("model").load_dictionary("dictionary.txt").normalize(["ataxia"], topk=5)``
        """
        from biosyn.model.linker import Linker  # it imports this module

        if not isinstance(dictionary, DictionaryDataset):
            dictionary = open_dictionary(dictionary, cache_dir=cache_dir)
        return Linker(
            self,
            dictionary,
            cache_dir=cache_dir,
            index_precision=index_precision,
            ann=ann,
            show_progress=show_progress,
        )


def _makes_the_vectors_of(manifest: Manifest, dense: DenseEncoder) -> bool:
    pooling = Pooling(manifest.pooling, manifest.similarity)
    return dense.max_length == manifest.max_length and dense.pooling == pooling
