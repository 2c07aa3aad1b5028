"""python eval.py ... is biosyn eval ...: see biosyn.cli.main."""

from biosyn.__main__ import run

if __name__ == "__main__":
    run("eval")
