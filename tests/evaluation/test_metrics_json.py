"""metrics.json of the real corpus, every number of it computed again from the files that eval.py read and wrote."""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from biosyn.evaluation.evaluate import evaluate
from biosyn.evaluation.outcomes import SHOWN_OF_PROTOCOLS
from biosyn.settings.verbs import EvalConfig

INTERVALS = [
    ("protocols", "lenient", "acc1"),
    ("protocols", "lenient", "mrr"),
    ("protocols", "strict", "acc1"),
    ("protocols", "strict_unresolved", "acc1"),
    ("protocols", "refined", "acc5"),
    ("slices", "abbreviation", "kept", "acc1"),
    ("slices", "composite", "uncut", "acc1"),  # five queries: many a resample has none of them
]


@pytest.fixture(scope="module")
def sparse_result(ncbi_processed, tiny_config, tmp_path_factory):
    """The output folder and the result of the paper's sparse row: 960 queries, no trained model."""
    from biosyn.training.train import train

    folder = tmp_path_factory.mktemp("sparse_run")
    train(
        tiny_config(
            folder,
            epoch=0,
            train_dictionary_path=str(ncbi_processed / "train_dictionary.txt"),
            train_dir=str(ncbi_processed / "processed_traindev"),
        )
    )
    result = evaluate(
        EvalConfig(
            model_name_or_path=str(folder),
            dictionary_path=str(ncbi_processed / "test_dictionary.txt"),
            data_dir=str(ncbi_processed / "processed_test"),
            train_dir=(str(ncbi_processed / "processed_train"), str(ncbi_processed / "processed_dev")),
            device="cpu",
            score_mode="sparse",
            output_dir=str(folder),
            save_predictions=True,
        )
    )
    return folder, result


@pytest.fixture(scope="module")
def sparse_run(sparse_result):
    return sparse_result[0]


@pytest.fixture(scope="module")
def written(sparse_run):
    return json.loads((sparse_run / "metrics.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def expected(naive, sparse_run, ncbi_processed):
    """Documents, and by key of a figure what each query is worth, from the files alone."""
    rows = plain_rows(naive, sparse_run, ncbi_processed)
    dictionary = (ncbi_processed / "test_dictionary.txt").read_text(encoding="utf-8").splitlines()
    ids = {cui for line in dictionary for cui in line.split("||")[0].split("|")}
    train = [
        {"mention": row[3], "cui": row[4]}
        for split in ("train", "dev")
        for row in concept_lines(ncbi_processed / f"processed_{split}")
    ]
    return [row["pmid"] for row in rows], naive.columns(rows, train, 20, ids)


def concept_lines(folder):
    for path in sorted(folder.glob("*.concept")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield [field.strip() for field in line.split("||")]  # pmid, start|end, type, mention, ids


def plain_counts(naive, folder):
    """How often each id, and each name with each id alone, is annotated."""
    by_concept, by_name = defaultdict(int), defaultdict(lambda: defaultdict(int))
    for *_, mention, cui in concept_lines(folder):
        ids = naive.ids_of(cui)
        for one in ids:
            by_concept[one] += 1
            if len(ids) == 1 and "|" not in mention:
                by_name[naive.spaced(mention)][one] += 1
    return by_concept, by_name


def plain_rows(naive, run, corpus):
    predictions = json.loads((run / "predictions_eval.json").read_text(encoding="utf-8"))["queries"]
    raw = {tuple(row[:2]): row[3] for row in concept_lines(corpus / "test")}
    by_name, by_id, rows = defaultdict(list), defaultdict(list), []
    counts, counts_by_name = plain_counts(naive, corpus / "processed_traindev")
    for number, line in enumerate((corpus / "concepts.jsonl").read_text(encoding="utf-8").splitlines()):
        concept = json.loads(line)
        rows.append(concept)
        for name in concept["names"]:
            by_name[naive.spaced(name)].append((number, set(concept["ids"])))
        for cui in concept["ids"]:
            by_id[cui].append(number)

    def concepts_of(candidate):
        ids = candidate["cui"].split("|")
        listing = [row for row in by_name[naive.spaced(candidate["name"])] if row[1] & set(ids)]
        found = {number for number, _ in listing}
        for cui in ids:
            if not any(cui in row for _, row in listing):
                found.update(by_id[cui] or [cui])
        return [rows[row] if isinstance(row, int) else {"ids": [row], "preferred_name": None} for row in found]

    def best(candidate):
        found = concepts_of(candidate)
        first = naive.first_concept(candidate["name"], found, counts, counts_by_name)
        return set(candidate["cui"].split("|")), len(found), first

    return [
        {
            "pmid": query["pmid"],
            "mention": fields[3],
            "cui": fields[4],
            "raw": raw[query["pmid"], f"{query['start']}|{query['end']}"],
            "found": [
                [best(part["candidates"][0]), *((set(c["cui"].split("|")),) for c in part["candidates"][1:])]
                for part in query["mentions"]
            ],
        }
        for query, fields in zip(predictions, concept_lines(corpus / "processed_test"), strict=True)
    ]


def figures_of(written):
    def below(tree, key):
        if "of" in tree:
            return {key: tree}
        return {path: figure for part in tree for path, figure in below(tree[part], (*key, part)).items()}

    return {**below(written["protocols"], ("protocols",)), **below(written["slices"], ("slices",))}


def test_every_figure_is_there_with_its_value_and_denominator(naive, written, expected):
    found = figures_of(written)
    assert set(found) == set(expected[1])
    for key, values in expected[1].items():
        counted = [value for value in values if value is not None]
        assert found[key]["of"] == len(counted), key
        assert found[key]["value"] == pytest.approx(naive.mean(values), abs=1e-12), key
        assert found[key]["total"] == pytest.approx(sum(counted), abs=1e-9), key


@pytest.mark.parametrize("key", INTERVALS)
def test_intervals_equal_drawing_documents_in_a_loop(naive, written, expected, key):
    documents, columns = expected
    draws = np.random.default_rng(0).integers(0, 100, (10_000, 100)).tolist()
    low, high = naive.interval(columns[key], documents, draws)
    figure = figures_of(written)[key]
    assert (figure["low"], figure["high"]) == pytest.approx((low, high), abs=1e-9)


def test_the_sparse_row_of_the_paper_is_met_exactly(sparse_result):
    # the TF-IDF of the train dictionary needs no trained model
    _, result = sparse_result
    assert result["queries"] == 960
    assert result["acc1"] == 841 / 960 == 0.8760416666666667
    assert result["acc5"] == 869 / 960 == 0.9052083333333333


def test_the_published_counts(written):
    protocols, slices = written["protocols"], written["slices"]
    assert (written["queries"], written["documents"]) == (960, 100)
    assert (protocols["lenient"]["acc1"]["total"], protocols["lenient"]["acc1"]["of"]) == (841, 960)
    assert (protocols["lenient"]["acc5"]["total"], protocols["lenient"]["acc5"]["of"]) == (869, 960)
    assert protocols["lenient"]["recall_dictionary"]["total"] == 960  # every gold id is in the dictionary
    assert protocols["refined"]["acc1"]["of"] == 204
    assert slices["mention"]["seen"]["acc1"]["of"] == 638  # 66 %
    assert written["left_out"] == {}


def test_the_documentation_has_the_figures_of_this_row(written):
    text = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    for (kind, *names), figure in figures_of(written).items():
        value, low, high, of = (figure[key] for key in ("value", "low", "high", "of"))
        if kind == "protocols" and names[1] in SHOWN_OF_PROTOCOLS:
            assert f"| {' '.join(names)} | {of} | {value:.4f} ({low:.3f}–{high:.3f}) |" in text
        if kind == "slices":
            (row,) = (line for line in text.splitlines() if line.startswith(f"| {names[0]} | {names[1]} | {of} | "))
            assert f" {value:.3f} ({low:.2f}–{high:.2f}) |" in row
