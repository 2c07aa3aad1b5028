"""Embedding in int8 by ONNX Runtime and OpenVINO beside our float32 and bfloat16, and what it changes; one thread.

pip install onnx onnxruntime openvino nncf
python benchmarks/int8.py --model_name_or_path M --dictionary_path D --data_dir Q
"""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

import nncf
import onnxruntime
import openvino
import torch
from common import argument_parser, report, sample_names
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from biosyn.data.dictionary import DictionaryDataset
from biosyn.data.queries import QueryDataset
from biosyn.evaluation.accuracy import accuracy_at_k
from biosyn.model.biosyn import BioSyn
from biosyn.records import Candidate, MentionPrediction, Query, QueryPrediction, split_mention
from biosyn.retrieval.vectors import Vectors
from biosyn.text.preprocess import lookup_text

DEPTH = 100  # names of a mention that are scored again in float32
INPUTS = ("input_ids", "attention_mask")
Run = Callable[[Tensor, Tensor], Tensor]  # ids and mask (B, L) -> hidden states (B, L, H)


class LastState(nn.Module):
    """An encoder with two inputs and one output, which an export needs."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the hidden states (B, L, H)."""
        states: Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return states


class Foreign(nn.Module):
    """Another runtime in the place of the encoder's model, so that batches and pooling are ours."""

    def __init__(self, run: Run, model: PreTrainedModel):
        super().__init__()
        self.run, self.config, self.dtype_of_vectors = run, model.config, nn.Parameter(torch.zeros(1))

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> BaseModelOutput:
        """Return the hidden states, as transformers does."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        return BaseModelOutput(last_hidden_state=self.run(input_ids, mask))


def in_onnxruntime(path: Path) -> Run:
    """Return the runner of an ONNX file."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda ids, mask: torch.from_numpy(
        session.run(None, dict(zip(INPUTS, (ids.numpy(), mask.numpy()), strict=True)))[0]
    )


def in_openvino(model: openvino.Model, precision: str) -> Run:
    """Return the runner of an OpenVINO model."""
    settings = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": precision}
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    return lambda ids, mask: torch.from_numpy(request.infer([ids.numpy(), mask.numpy()])[0].copy())


def runners(biosyn: BioSyn, calibration: list[str], folder: Path) -> dict[str, Run]:
    """Return the runner of each way; printed are the CPU seconds that its preparation takes."""
    dense = biosyn.get_dense_encoder()
    tokens = dense.tokenize(calibration)
    batches = [tokens.batch(rows) for rows in tokens.like_length_batches(8)]
    given = [
        (batch.input_ids, torch.ones_like(batch.input_ids) if batch.attention_mask is None else batch.attention_mask)
        for batch in batches
    ]
    plain, small = folder / "plain.onnx", folder / "int8.onnx"
    axes = dict.fromkeys((*INPUTS, "states"), {0: "B", 1: "L"})
    torch.onnx.export(
        *(LastState(dense.model).eval(), given[-1], str(plain)),
        input_names=list(INPUTS),
        output_names=["states"],
        dynamic_axes=axes,
        dynamo=False,
    )
    started = process_time()
    quantize_dynamic(str(plain), str(small), weight_type=QuantType.QInt8, per_channel=True)
    print(f"onnxruntime int8: prepared in {process_time() - started:.1f} s")
    started = process_time()
    data = nncf.Dataset(given, lambda pair: dict(zip(INPUTS, (part.numpy() for part in pair), strict=True)))
    quantized = nncf.quantize(
        openvino.convert_model(str(plain)), data, model_type=nncf.ModelType.TRANSFORMER, subset_size=len(given)
    )
    print(f"openvino int8: prepared in {process_time() - started:.1f} s")
    return {
        "onnxruntime int8": in_onnxruntime(small),
        "openvino bfloat16": in_openvino(openvino.convert_model(str(plain)), "bf16"),
        "openvino int8": in_openvino(quantized, "f32"),
    }


def accuracy(
    queries: list[Query], texts: list[str], dictionary: DictionaryDataset, rows: Tensor, label: str
) -> dict[str, float]:
    """Return Acc@1 and Acc@5 of the rows found for each text, (M, K), best first."""
    names = (tuple(Candidate(*dictionary[row], 0, 0, 0) for row in line[:5]) for line in rows.tolist())
    found = {text: MentionPrediction(text, best) for text, best in zip(texts, names, strict=True)}
    predictions = [QueryPrediction(query, tuple(found[part] for part in split_mention(query))) for query in queries]
    return {f"Acc@{k}{label}": accuracy_at_k(predictions, 5)[f"acc{k}"] for k in (1, 5)}


def main() -> None:
    """Print the table; times are CPU seconds of tokenized names, the ways in turn."""
    parser = argument_parser(__doc__)
    parser.add_argument("--model_name_or_path", required=True)
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--name", default="int8", help="of the file in results/")
    args = parser.parse_args()
    torch.set_num_threads(1)
    dictionary, queries = DictionaryDataset(args.dictionary_path), QueryDataset(args.data_dir).queries
    texts = list(dict.fromkeys(part for query in queries for part in split_mention(query)))
    names = [lookup_text(name) for name in dictionary.names]
    ways = {way: BioSyn.from_pretrained(args.model_name_or_path, precision=way) for way in ("float32", "bfloat16")}
    plain = BioSyn.from_pretrained(args.model_name_or_path)
    with TemporaryDirectory() as folder:
        for way, run in runners(plain, sample_names(args.dictionary_path, 300), Path(folder)).items():
            ways[way] = BioSyn.from_pretrained(args.model_name_or_path)
            dense = ways[way].get_dense_encoder()
            dense.model = Foreign(run, dense.model)  # type: ignore[assignment]
        sample = plain.get_dense_encoder().tokenize(sample_names(args.dictionary_path, 1024))
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(args.rounds):
            for way, biosyn in ways.items():
                started = process_time()
                biosyn.get_dense_encoder().encode(sample)
                seconds[way].append(process_time() - started)
        rate = {way: len(sample) / median(found[1:]) for way, found in seconds.items()}
        exact, exact_mentions = (torch.from_numpy(plain.embed_dense(part)) for part in (names, texts))  # (N, H), (M, H)
        best = plain.search(Vectors(exact_mentions, None), Vectors(exact, None), topk=1).rows  # (M, 1)
        rows = []
        for way, biosyn in ways.items():
            mine = exact if way == "float32" else torch.from_numpy(biosyn.embed_dense(names))  # (N, H)
            mentions = torch.from_numpy(biosyn.embed_dense(texts))  # (M, H)
            found = biosyn.search(Vectors(mentions, None), Vectors(mine, None), topk=DEPTH).rows  # (M, K)
            again = torch.einsum("mkh,mh->mk", exact[found], exact_mentions).argsort(descending=True, stable=True)
            row = {"way": way, "names a CPU second": rate[way], "to float32": rate[way] / rate["float32"]}
            row |= {"to bfloat16": rate[way] / rate["bfloat16"]}
            row |= {"least cosine": float(torch.cosine_similarity(mine.double(), exact.double()).min())}
            for label, order in (("", found), (", scored again", found.gather(1, again))):
                row |= accuracy(queries, texts, dictionary, order, label)
                row[f"other best names of {len(texts)}{label}"] = int((order[:, :1] != best).sum())
            rows.append(row)
        versions = {one.__name__: one.__version__ for one in (nncf, onnxruntime, openvino)}
        report(args.name, rows, versions)


if __name__ == "__main__":
    main()
