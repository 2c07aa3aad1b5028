from biosyn.corpora.ncbi_disease import FILES, read_ncbi_disease
from biosyn.data.bad_entries import ReadCounts


def test_three_files_are_three_splits(write, tmp_path):
    for pmid, name in enumerate(FILES.values()):
        write(name, f"{pmid}|t|Ataxia\n{pmid}|a|.\n{pmid}\t0\t6\tAtaxia\tSpecificDisease\tD1\n")
    corpus = read_ncbi_disease(tmp_path, counts=ReadCounts())
    assert {split: [document.pmid for document in documents] for split, documents in corpus.items()} == {
        "train": ["0"],
        "dev": ["1"],
        "test": ["2"],
    }


def test_the_real_corpus_repeats_one_document_and_misplaces_one_mention(shared_data):
    counts = ReadCounts()
    read_ncbi_disease(shared_data / "corpora" / "ncbi-disease", counts=counts)
    assert counts.noted == {"repeated documents, passed over": 1, "mentions that their offsets do not give": 1}
