"""What preprocess.py writes for small samples of every corpus and of ontologies: all its files, and its counts."""

import pytest

CORPORA = {
    "ncbi-disease": ["--raw_dir", "ncbi-disease", "--typo_path", "typos.txt"],
    "bc5cdr": ["--type", "disease", "--raw_dir", "bc5cdr"],
    "tac2017adr": ["--raw_dir", "tac2017adr", "--dev_share", "0.25"],
    "medmentions": ["--raw_dir", "medmentions"],
    "bc2gn": ["--raw_dir", "bc2gn"],
    "pubtator": ["--train", "some.pubtator", "--types", "disease", "--id_prefix", "X:", "--keep_cuiless"]
    + ["--composites", "keep", "--dev_share", "0.5", "--seed", "1"],
    "bioc": ["--test", "some.bioc.xml", "--id_keys", "identifier", "mine"],
}
ONTOLOGIES = {
    "medic": ["medic.txt"],
    "ctd": ["ctd.csv"],
    "umls": ["umls", "--sources", "MSH,SNOMEDCT_US"],
    "obo": ["hp.obo", "--scopes", "exact"],
    "csv": ["table.csv", "--synonyms_column", "also", "--separator", ";"],
    "gene-info": ["gene_info.tsv", "--taxon", "9606"],
    "mesh": ["desc2030.xml"],
    "meddra": ["meddra"],
}


def below(folder, words):
    """Return the words of a command, with those that name something in the folder made paths."""
    return [folder / word if not word.startswith("-") and (folder / word).exists() else word for word in words]


@pytest.mark.parametrize("corpus", CORPORA)
def test_a_corpus(result, inputs, contents, golden, tmp_path, corpus):
    raw = inputs / "corpora"
    common = ["--dictionary", "dictionary.txt", "--abbreviations", "schwartz-hearst", "--quiet"]
    printed = result("preprocess", corpus, *below(raw, CORPORA[corpus] + common), "--output_dir", tmp_path)
    golden(f"preprocess_{corpus}", {"stdout": printed, "files": contents(tmp_path)})


def test_held_out_synonyms(result, inputs, contents, golden, tmp_path):
    obo = inputs / "ontologies" / "hp.obo"
    printed = result("preprocess", "hpo", "--obo", obo, "--output_dir", tmp_path, "--quiet")
    golden("preprocess_hpo", {"stdout": printed, "files": contents(tmp_path)})


def test_ontologies(result, inputs, contents, golden, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the paths on stdout are as they were given
    found = {}
    for name, words in ONTOLOGIES.items():
        (tmp_path / name).mkdir()
        words = ["--from", name, *below(inputs / "ontologies", words), "--output", f"{name}/dictionary.txt"]
        found[name] = {"stdout": result("preprocess", "dictionary", *words), "files": contents(tmp_path / name)}
    golden("ontologies", found)


def test_the_difference_of_two_dictionaries(result, golden, tmp_path):
    texts = {"a": "D1||ataxia\nD1||at\nD2||chorea\n", "b": "D1||ataxia\nD3||chorea\nD4||rash\n"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    golden("dictionary_diff", result("preprocess", "dictionary", "--diff", tmp_path / "a", tmp_path / "b"))
