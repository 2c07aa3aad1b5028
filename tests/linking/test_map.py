import json

import pytest

from biosyn.cli.main import main
from biosyn.linking.labels import Subject
from biosyn.linking.map import Match, mappings_of
from biosyn.records import Candidate, MentionPrediction, ResolvedConcept

A, B = "MESH:D001", "MESH:D002"


def match(cui, text, name, found, *others, parents=(), texts=None, probability=None):
    """Return a match of the subject `cui`, by its `text`, with the first concept of a name."""
    resolved = tuple(ResolvedConcept(one[5:], one, "Preferred", (), "", (one[5:],)) for one in (found, *others))
    prediction = MentionPrediction(text, (Candidate(name, found[5:], 1.0, 1.0, 0.0),), probability, resolved)
    return Match(Subject(cui, text.title(), texts or (text,), parents), text, prediction)


def test_an_equal_name_of_one_concept_alone_is_exact():
    rows = mappings_of(
        [
            match("HP:1", "ataxia", "ataxia", A, probability=0.9),
            match("HP:2", "tremor", "tremor", A, B),  # a name of two concepts
            match("HP:3", "shaking", "shaking", B, texts=("palsy", "shaking")),  # equal by another name than the label
            match("HP:4", "clumsiness", "ataxia", A),
            match("HP:5", "gait", "gait", B),  # a name of two subjects
            match("HP:6", "gait", "gait", B),
        ]
    )
    assert [row.predicate_id for row in rows] == ["skos:exactMatch", *["skos:closeMatch"] * 5]
    lexical, semantic = "semapv:LexicalMatching", "semapv:SemanticSimilarityThresholdMatching"
    assert [row.mapping_justification for row in rows] == [*[lexical] * 3, semantic, lexical, lexical]
    assert (rows[0].confidence, rows[0].match_string, rows[0].comment) == ("0.9000", "ataxia", "")
    assert rows[2].subject_match_field == "skos:altLabel"
    assert (rows[3].confidence, rows[3].match_string) == ("", "")
    assert rows[3].comment == "'clumsiness' was linked to 'ataxia'"


def test_of_several_concepts_with_names_of_one_object_that_with_its_label_is_exact():
    rows = mappings_of([match("HP:1", "preferred", "preferred", A), match("HP:2", "gait", "gait", A)])
    assert [row.predicate_id for row in rows] == ["skos:exactMatch", "skos:closeMatch"]
    rows = mappings_of([match("", "preferred", "preferred", A), match("", "gait", "gait", A)])  # labels claim nothing
    assert [row.predicate_id for row in rows] == ["skos:exactMatch"] * 2


def test_what_is_above_or_below_an_exact_match_is_broader_or_narrower():
    rows = mappings_of(
        [
            match("HP:0", "movement", "x", A),  # above HP:1, which is A: so A is narrower
            match("HP:1", "ataxia", "ataxia", A, parents=("HP:0",)),
            match("HP:2", "late ataxia", "x", A, parents=("HP:1",)),
            match("HP:3", "very late ataxia", "x", A, parents=("HP:2", "HP:3")),  # of a circle too
            match("HP:4", "unsteady", "x", A),
            match("HP:5", "early ataxia", "x", B, parents=("HP:1",)),  # nothing is known about B
        ]
    )
    kinds = [row.predicate_id.removeprefix("skos:").removesuffix("Match") for row in rows]
    assert kinds == ["narrow", "exact", "broad", "broad", "close", "close"]


def test_subjects_that_are_left_out_still_have_their_names_and_their_place():
    top, late = match("HP:1", "ataxia", "ataxia", A), match("HP:3", "late", "x", A, parents=("HP:2",))
    between = Subject("HP:2", "Mid", ("mid", "gait"), ("HP:1",))
    gait = match("HP:4", "gait", "gait", B)
    rows = mappings_of([top, late, gait], subjects=[top.subject, between, late.subject, gait.subject])
    assert [row.predicate_id for row in rows] == ["skos:exactMatch", "skos:broadMatch", "skos:closeMatch"]


def test_a_row_that_a_file_repeats_is_no_other_subject():
    rows = mappings_of([match("HP:1", "ataxia", "ataxia", A)] * 2)
    assert [row.predicate_id for row in rows] == ["skos:exactMatch"] * 2


@pytest.mark.parametrize("preferred", ["x" * 1001, "+/-"])
def test_a_preferred_name_that_is_no_mention_is_not_the_one_that_was_found(preferred):
    one = match("HP:1", "ataxia", "ataxia", A)
    resolved = (one.concept._replace(preferred_name=preferred),)
    (row,) = mappings_of([one._replace(found=one.found._replace(resolved=resolved))])
    assert (row.object_label, row.object_match_field) == (preferred, "skos:altLabel")


def test_the_best_in_both_directions_is_marked():
    rows = mappings_of([match("HP:1", "ataxia", "x", A), match("HP:2", "gait", "x", A)], {A: "HP:2"})
    assert [row.other for row in rows] == ["", "reciprocal_best=true"]


# -- the command


@pytest.fixture
def mapped(tmp_path, tiny_dictionary, capsys):
    """Function: arguments -> the exit code, the JSON on stdout, the header lines and rows written, and stderr."""

    def run(model, *arguments):
        output = tmp_path / "out.sssom.tsv"
        paths = ["--model_name_or_path", model, "--dictionary_path", tiny_dictionary, "--output", output]
        capsys.readouterr()
        code = main(["map", *map(str, [*arguments, *paths]), "--device", "cpu"])
        out, err = capsys.readouterr()
        lines = output.read_text(encoding="utf-8").splitlines() if output.exists() else []
        table = [line.split("\t") for line in lines if not line.startswith("#")]
        rows = [dict(zip(table[0], row, strict=True)) for row in table[1:]]
        return code, json.loads(out) if out else None, [line for line in lines if line.startswith("#")], rows, err

    return run


@pytest.fixture
def terms(tmp_path):
    path = tmp_path / "terms.txt"
    path.write_text('Spider veins\nasthmatic "attack"\nataxia syndrome\n', encoding="utf-8")
    return path


def test_labels_become_literals_and_an_uncalibrated_model_has_no_confidence(mapped, tiny_checkpoint, terms):
    code, result, header, rows, error = mapped(tiny_checkpoint, terms)
    assert code == 0
    assert (result["subjects"], result["mappings"], result["left_out"]) == (3, 3, {})
    assert error.count("run biosyn calibrate") == 1
    assert '#subject_type: "rdfs literal"' in header
    assert '#  MESH: "http://id.nlm.nih.gov/mesh/"' in header
    assert all("confidence" not in row and "subject_id" not in row for row in rows)
    assert (rows[0]["subject_label"], rows[0]["object_id"]) == ("Spider veins", "MESH:D013684")
    # "ataxia syndrome" is a name of two concepts
    assert [row["predicate_id"] for row in rows[::2]] == ["skos:exactMatch", "skos:closeMatch"]
    assert rows[1]["subject_label"] == '"asthmatic ""attack"""'


def test_any_prefix_is_a_key_of_the_header(mapped, tiny_checkpoint, terms):
    terms.write_text("id,label\nNO:1,ataxia\n{x:1,asthma\n", encoding="utf-8")
    flags = ("--format", "csv", "--column", "label", "--id_column", "id")
    code, _, header, _, error = mapped(tiny_checkpoint, terms, *flags)
    assert code == 0, error
    assert [line.partition(": ")[0] for line in header[1:4]] == ["#  MESH", '#  "NO"', '#  "{x"']


def test_the_same_input_gives_the_same_file(mapped, tiny_checkpoint, terms):
    first, second = (mapped(tiny_checkpoint, terms)[2:4] for _ in range(2))
    assert first == second


def test_a_calibrated_model_gives_confidences_which_sort_and_select(mapped, calibrated_checkpoint, terms):
    _, _, _, rows, error = mapped(calibrated_checkpoint, terms, "--least_sure_first")
    confidences = [float(row["confidence"]) for row in rows]
    assert confidences == sorted(confidences)
    assert "calibrate" not in error
    between = str((confidences[0] + confidences[1]) / 2)
    _, result, _, selected, _ = mapped(calibrated_checkpoint, terms, "--threshold", between)
    assert result["left_out"] == {"below --threshold": 1}
    assert {row["subject_label"] for row in selected} == {row["subject_label"] for row in rows[1:]}


@pytest.mark.parametrize("flags", [["--threshold", "0.5"], ["--least_sure_first"]])
def test_a_confidence_that_the_model_cannot_give_is_an_error(mapped, tiny_checkpoint, terms, flags):
    code, _, _, rows, error = mapped(tiny_checkpoint, terms, *flags)
    assert (code, rows) == (2, [])
    assert "run biosyn calibrate on a dev set" in error


@pytest.fixture
def other_ontology(tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    names = {"HP:1": ["Asthma", "Wheezing"], "HP:2": ['Bronchial "asthma"'], "HP:3": ["Sugar disease"]}
    concepts = [
        {"ids": [cui], "preferred_name": own[0], "names": own, "source": "toy/2026", "parents": ["HP:1"]}
        for cui, own in names.items()
    ]
    (folder / "concepts.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in concepts), encoding="utf-8")
    lines = [f"{cui}||{name.lower()}\n" for cui, own in names.items() for name in own]
    (folder / "dictionary.txt").write_text("".join(lines), encoding="utf-8")
    return folder / "dictionary.txt"


def test_each_concept_of_another_ontology_is_mapped_to_its_best(mapped, tiny_checkpoint, other_ontology):
    code, result, header, rows, _ = mapped(tiny_checkpoint, "--subject_dictionary", other_ontology)
    assert (code, len(rows)) == (0, 3)
    assert '#subject_source_version: "toy/2026"' in header
    by_id = {row["subject_id"]: row for row in rows}
    assert by_id["HP:1"]["object_id"] == by_id["HP:2"]["object_id"] == "MESH:D001249"
    # both names are equal, but without concepts.jsonl nobody knows which is the preferred one
    assert [by_id[cui]["predicate_id"] for cui in ("HP:1", "HP:2")] == ["skos:closeMatch"] * 2
    # HP:1 and HP:2 are both asthma, and HP:1 has its label
    assert {cui: bool(row["other"]) for cui, row in by_id.items()} == {"HP:1": True, "HP:2": False, "HP:3": True}
    assert result["reciprocal_best"] == 2


def test_the_best_in_both_directions_is_found_where_another_id_of_the_subject_is_preferred(
    mapped, tiny_checkpoint, other_ontology
):
    concepts = other_ontology.with_name("concepts.jsonl")
    concepts.write_text(concepts.read_text(encoding="utf-8").replace('["HP:3"]', '["HP:3", "OMIM:100100"]'))
    rows = mapped(tiny_checkpoint, "--subject_dictionary", other_ontology)[3]
    assert {row["subject_id"] for row in rows if row["other"]} == {"HP:1", "HP:3"}


def test_ids_of_no_known_vocabulary_are_an_error(mapped, tiny_checkpoint, other_ontology, terms, tmp_path):
    for path in (other_ontology, other_ontology.with_name("concepts.jsonl")):
        path.write_text(path.read_text(encoding="utf-8").replace("HP:", "x"), encoding="utf-8")
    code, _, _, _, error = mapped(tiny_checkpoint, "--subject_dictionary", other_ontology)
    assert code == 2
    assert "has no concept to map: name the vocabulary of ids without a prefix in vocabularies.json" in error
    other_ontology.with_name("concepts.jsonl").unlink()
    code, _, _, _, error = mapped(tiny_checkpoint, "--subject_dictionary", other_ontology)
    assert code == 2
    assert "preprocess.py dictionary writes it" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give one of a file of labels and --subject_dictionary"),
        (["--subject_dictionary", "x", "--column", "y"], "goes with a file"),
    ],
)
def test_flags_that_contradict_each_other_are_refused(mapped, tiny_checkpoint, arguments, message):
    code, _, _, _, error = mapped(tiny_checkpoint, *arguments)
    assert code == 2
    assert message in error


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["labels", "concepts"])
def test_sssom_py_finds_nothing_wrong(mapped, calibrated_checkpoint, terms, other_ontology, tmp_path, kind):
    pytest.importorskip("sssom", reason="pip install sssom: 70 packages, so not among those for development")
    from sssom.constants import DEFAULT_VALIDATION_TYPES
    from sssom.parsers import parse_sssom_table
    from sssom.validators import validate

    source = [terms] if kind == "labels" else ["--subject_dictionary", other_ontology]
    rows = mapped(calibrated_checkpoint, *source)[3]
    found = parse_sssom_table(str(tmp_path / "out.sssom.tsv"))
    assert found.df["object_id"].tolist() == [row["object_id"] for row in rows]
    assert found.df["subject_label"].tolist()[1] in ('asthmatic "attack"', 'Bronchial "asthma"')
    reports = validate(found, DEFAULT_VALIDATION_TYPES, fail_on_error=True)
    assert not [problem for report in reports.values() for problem in report.results]
