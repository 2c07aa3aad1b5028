import pytest

from biosyn.data.dictionary import DictionaryDataset
from biosyn.data.queries import QueryDataset
from biosyn.model.biosyn import BioSyn
from biosyn.training.dev import DevSet, load_dev_set


def test_there_is_no_dev_set_unless_asked_for():
    assert load_dev_set(None, None) is None


def test_dev_queries_are_not_filtered(tiny_queries, tiny_dictionary):
    dev = load_dev_set(str(tiny_queries), str(tiny_dictionary))
    assert dev.queries == QueryDataset(tiny_queries).queries
    assert dev.dictionary.names == DictionaryDataset(tiny_dictionary).names


@pytest.fixture
def loaded(tiny_checkpoint):
    return BioSyn().load_model(tiny_checkpoint)


def test_all_three_scores_are_measured(loaded, tiny_queries, tiny_dictionary):
    dev = load_dev_set(str(tiny_queries), str(tiny_dictionary))
    figures = dev.accuracy(loaded, loaded.embed(dev.dictionary.names))
    assert list(figures) == ["hybrid", "dense", "sparse"]
    assert all(list(figure) == ["acc1", "acc5"] for figure in figures.values())


def test_a_dictionary_of_fewer_than_five_names_is_measured_as_far_as_it_goes(loaded, write_dictionary, write_queries):
    dictionary = DictionaryDataset(write_dictionary("D1||ataxia", "D2||asthma"))
    dev = DevSet(QueryDataset(write_queries(("ataxias", "D1"), ("zzz", "D2"))).queries, dictionary)
    figures = dev.accuracy(loaded, loaded.embed(dictionary.names))
    # "ataxias" is nearest to "ataxia"; "zzz" has no n-gram in common with either, so row 0 is first and wrong
    assert figures["sparse"] == {"acc1": 0.5, "acc2": 1.0}


def test_a_dev_set_of_which_no_id_is_in_the_dictionary_is_told(write_dictionary, write_queries, caplog):
    load_dev_set(str(write_queries(("ataxias", "C1"))), str(write_dictionary("D1||ataxia", "D2||asthma")))
    assert "its accuracy will be 0" in caplog.text
