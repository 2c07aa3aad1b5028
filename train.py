"""python train.py ... is biosyn train ...: see biosyn.cli.main."""

from biosyn.__main__ import run

if __name__ == "__main__":
    run("train")
