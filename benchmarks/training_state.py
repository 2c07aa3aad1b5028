"""What a training state of MiniLM costs: seconds to save it, read it and put it back, bytes, beside the model's own.

python benchmarks/training_state.py --output_dir output --dictionary_path DATA/train_dictionary.txt
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
import torch
from common import alternate, forget_peak, own_peak_megabytes, report

from biosyn.cli.quickstart import packaged_encoder
from biosyn.data.dictionary import DictionaryDataset
from biosyn.model.biosyn import BioSyn
from biosyn.model.rerank_net import RerankNet
from biosyn.training.states import TrainingState, network_tensors, read_state, restore_network, write_state
from biosyn.training.trainer import make_optimizer

MENTIONS, TOPK = 1587, 20


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_dir", required=True, help="on the disk in question; what is written there is removed")
    parser.add_argument("--dictionary_path", required=True, help="of the model's TF-IDF")
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    folder = Path(args.output_dir, "training_state_benchmark")
    biosyn = BioSyn()
    biosyn.load_dense_encoder(packaged_encoder())
    biosyn.init_sparse_encoder(DictionaryDataset(args.dictionary_path).names)
    net = RerankNet(biosyn.get_dense_encoder().model)
    optimizer = make_optimizer(net, learning_rate=1e-5, weight_decay=0.01)
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    optimizer.zero_grad()
    rows = torch.from_numpy(np.zeros((MENTIONS, TOPK), dtype=np.int64))

    def save() -> None:
        shutil.rmtree(folder / "1_0", ignore_errors=True)
        write_state(folder / "1_0", TrainingState(1, 0, {**network_tensors(net, optimizer), "candidates": rows}, {}))

    ways = {
        "save a state": save,
        "read it": lambda: read_state(folder / "1_0"),
        "read it and put it back": lambda: restore_network(net, optimizer, read_state(folder / "1_0").tensors),
        "save the model": lambda: biosyn.save_model(folder / "model"),
    }
    try:
        seconds = alternate(ways, rounds=args.rounds)
        sizes = [sum(path.stat().st_size for path in (folder / name).rglob("*")) for name in ("1_0", "model")]
        before = forget_peak()
        save()
        facts = {"bytes of a state": sizes[0], "bytes of the model": sizes[1]}
        facts["MB that saving takes beside training"] = round(own_peak_megabytes() - before)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    report("training_state", [{"what": name, "seconds": found} for name, found in seconds.items()], facts)


if __name__ == "__main__":
    main()
