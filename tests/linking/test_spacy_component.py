import importlib
import pickle
import runpy
import subprocess
import sys
import textwrap
from importlib.metadata import entry_points

import pytest
import spacy
from spacy.tokens import Doc, DocBin

from biosyn.errors import InputError
from biosyn.linking import spacy_component
from biosyn.linking.mention import infer
from biosyn.linking.spacy_component import SETTINGS_FILE, Settings
from biosyn.model.linker import Linker
from biosyn.settings.verbs import InferenceConfig

TEXTS = [
    "Ataxia-Telangiectasia and breast cancer.",
    "No entity here.",
    "The breast  cancer, a breast cancer.",
    "",
    "A strange === and asthma.",
]
PATTERNS = ["Ataxia-Telangiectasia", "breast cancer", "breast  cancer", "===", "asthma"]


@pytest.fixture
def make_pipeline(tiny_checkpoint, tiny_dictionary):
    """Function: changed settings -> blank English with a ruler for the entities and our component."""

    def make(**changes):
        nlp = spacy.blank("en")
        ruler = nlp.add_pipe("entity_ruler")
        # patterns of tokens: those of phrases are lost in spaCy's own EntityRuler.from_bytes (3.8.18)
        tokens = ([{"TEXT": token.text} for token in nlp.make_doc(pattern)] for pattern in PATTERNS)
        ruler.add_patterns([{"label": "DISEASE", "pattern": pattern} for pattern in tokens])
        settings = {"model": str(tiny_checkpoint), "dictionary": str(tiny_dictionary), "topk": 3, "device": "cpu"}
        nlp.add_pipe("biosyn_linker", config={**settings, **changes})
        return nlp

    return make


def answers(docs):
    return [[(ent.text, ent.kb_id_, ent._.biosyn_candidates) for ent in doc.ents] for doc in docs]


def names(docs):
    """The answers without scores, which may differ in the last digit where batches differ."""
    return [
        [(ent.text, ent.kb_id_, [found["name"] for found in ent._.biosyn_candidates]) for ent in doc.ents]
        for doc in docs
    ]


def test_entities_get_the_concept_and_the_candidates_of_inference(make_pipeline, tiny_checkpoint, tiny_dictionary):
    (entity, _) = make_pipeline()(TEXTS[0]).ents
    config = InferenceConfig(
        model_name_or_path=str(tiny_checkpoint),
        dictionary_path=str(tiny_dictionary),
        mention=entity.text,
        topk=3,
        device="cpu",
    )
    answer = infer(config)
    expected = answer["predictions"]
    assert [found["name"] for found in entity._.biosyn_candidates] == [found["name"] for found in expected]
    for found, other in zip(entity._.biosyn_candidates, expected, strict=True):
        assert found["id"] == other["id"]
        assert [found[key] for key in ("score", "dense_score", "sparse_score")] == pytest.approx(
            [other[key] for key in ("score", "dense_score", "sparse_score")], rel=1e-5
        )
    assert entity._.biosyn_candidates[0]["id"] == "D001260|208900"
    assert entity.kb_id_ == entity._.biosyn_concept["curie"] == answer["concept"]["curie"] == "MESH:D001260"
    assert entity._.biosyn_concept["other_concepts"] == answer["concept"]["other_concepts"]
    assert entity.label_ == "DISEASE"


def test_many_documents_give_what_each_gives_alone(make_pipeline):
    nlp = make_pipeline()
    assert names(nlp.pipe(TEXTS, batch_size=2)) == names(nlp.pipe(TEXTS)) == names(map(nlp, TEXTS))


def test_an_entity_without_a_letter_or_digit_gets_no_id(make_pipeline):
    nothing, asthma = make_pipeline()(TEXTS[4]).ents
    assert (nothing.text, nothing.kb_id_, nothing._.biosyn_candidates) == ("===", "", ())
    assert nothing._.biosyn_concept is None
    assert asthma.kb_id_ == "MESH:D001249"


def test_a_batch_is_one_call_and_equal_entities_are_linked_once(make_pipeline, monkeypatch):
    calls, normalize = [], Linker.normalize

    def noted(linker, mentions, *, topk):
        calls.append(list(mentions))
        return normalize(linker, mentions, topk=topk)

    monkeypatch.setattr(Linker, "normalize", noted)
    list(make_pipeline().pipe(TEXTS))
    assert calls == [["Ataxia-Telangiectasia", "breast cancer", "breast  cancer", "asthma"]]


def test_documents_without_entities_load_no_model(make_pipeline):
    nlp = make_pipeline(model="no_such_folder")
    assert names(nlp.pipe(["Nothing.", ""])) == [[], []]


@pytest.mark.parametrize(
    ("setting", "said"), [("model", "no_such_folder/model"), ("dictionary", "no_such_folder/model: cannot be read")]
)
def test_a_missing_path_is_named_with_the_first_entity(make_pipeline, setting, said):
    nlp = make_pipeline(**{setting: "no_such_folder/model"})
    with pytest.raises(InputError, match=said):
        nlp("breast cancer")


def test_a_topk_beyond_the_dictionary_is_refused(make_pipeline):
    with pytest.raises(InputError, match="larger than the dictionary"):
        make_pipeline(topk=41)("breast cancer")


# -- span groups


@pytest.fixture
def with_spans(make_pipeline):
    """Function: spans_key -> the pipeline with two overlapping groups, ``one`` and ``other``."""

    def make(spans_key):
        nlp = make_pipeline(spans_key=spans_key)
        for key, pattern in (("one", "cancer"), ("one", "breast  cancer"), ("one", "==="), ("other", "asthma")):
            ruler = f"ruler_{key}"
            if ruler not in nlp.pipe_names:
                settings = {"spans_key": key, "spans_filter": None, "overwrite": False}
                nlp.add_pipe("span_ruler", name=ruler, config=settings, before="biosyn_linker")
            nlp.get_pipe(ruler).add_patterns([{"label": "GROUP", "id": "7", "pattern": pattern}])
        return nlp

    return make


def spans_of(doc, key):
    return [(span.text, span.kb_id_, (span._.biosyn_concept or {}).get("curie", "")) for span in doc.spans[key]]


CANCERS = [
    ("breast  cancer", "MESH:D001943", "MESH:D001943"),
    ("cancer", "MESH:D009369", "MESH:D009369"),
    ("cancer", "MESH:D009369", "MESH:D009369"),
]


@pytest.mark.parametrize(
    ("spans_key", "linked"), [(None, ()), ("one", ("one",)), (["one", "other"], ("one", "other")), ("absent", ())]
)
def test_the_spans_of_the_named_groups_are_linked_beside_the_entities(with_spans, spans_key, linked):
    nlp = with_spans(spans_key)
    doc, other = nlp.pipe([TEXTS[2], TEXTS[4]])
    found = {"one": spans_of(doc, "one"), "other": spans_of(other, "other")}
    assert [entity.kb_id_ for entity in doc.ents] == ["MESH:D001943"] * 2
    assert found["one"] == (CANCERS if "one" in linked else [(text, "", found) for text, _, found in found["one"]])
    assert [kb_id for _, kb_id, _ in found["other"]] == (["MESH:D001249"] if "other" in linked else [""])
    assert spans_of(other, "one") == [("===", "", "")]


def test_a_group_keeps_all_else_and_is_stored_with_its_links(with_spans):
    nlp = with_spans("one")
    doc = nlp.make_doc(TEXTS[2])
    for name, component in nlp.pipeline:
        if name == "biosyn_linker":
            doc.spans["one"].attrs["scores"] = [0.5, 0.25, 0.125]
        doc = component(doc)
    group = doc.spans["one"]
    assert (group.name, group.attrs) == ("one", {"scores": [0.5, 0.25, 0.125]})
    assert {(span.label_, span.id_) for span in group} == {("GROUP", "7")}
    assert spans_of(Doc(nlp.vocab).from_bytes(doc.to_bytes()), "one") == CANCERS


# -- saving


def test_a_saved_pipeline_gives_the_same_answers_when_loaded(make_pipeline, tmp_path):
    nlp = make_pipeline()
    expected = answers(nlp.pipe(TEXTS))
    nlp.to_disk(tmp_path / "pipeline")
    again = spacy.load(tmp_path / "pipeline")
    assert again.pipe_names == ["entity_ruler", "biosyn_linker"]
    assert answers(again.pipe(TEXTS)) == expected
    assert sum(path.stat().st_size for path in (tmp_path / "pipeline" / "biosyn_linker").iterdir()) < 1000


def test_bytes_give_the_same_answers(make_pipeline):
    nlp = make_pipeline()
    other = make_pipeline(topk=1, dictionary="elsewhere").from_bytes(nlp.to_bytes())
    assert answers(other.pipe(TEXTS)) == answers(nlp.pipe(TEXTS))


def test_relative_paths_are_saved_as_absolute_ones(make_pipeline, tiny_checkpoint, tmp_path, monkeypatch):
    (tmp_path / "start").mkdir()
    monkeypatch.chdir(tiny_checkpoint.parent)
    nlp = make_pipeline(model=tiny_checkpoint.name)
    expected = answers(nlp.pipe(TEXTS))
    nlp.to_disk(tmp_path / "pipeline")
    monkeypatch.chdir(tmp_path / "start")
    assert answers(spacy.load(tmp_path / "pipeline").pipe(TEXTS)) == expected


def test_a_hub_id_is_saved_as_it_is():
    settings = Settings("dmis-lab/biosyn-sapbert-bc2gn", "d.txt").absolute()
    assert settings.model == "dmis-lab/biosyn-sapbert-bc2gn"
    assert settings.dictionary.endswith("/d.txt")


def test_a_model_that_has_moved_can_be_named_anew(make_pipeline, tiny_checkpoint, tmp_path):
    make_pipeline(model=str(tmp_path / "gone")).to_disk(tmp_path / "pipeline")
    nlp = spacy.load(tmp_path / "pipeline")
    with pytest.raises(InputError, match="gone"):
        nlp("breast cancer")
    nlp.get_pipe("biosyn_linker").configure(model=str(tiny_checkpoint))
    assert nlp("breast cancer").ents[0].kb_id_ == "MESH:D001943"


@pytest.mark.parametrize("content", [None, b"{", b"[]", b'{"unknown": 1}'])
def test_damaged_settings_are_named(make_pipeline, tmp_path, content):
    make_pipeline().to_disk(tmp_path)
    file = tmp_path / "biosyn_linker" / SETTINGS_FILE
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(InputError, match="biosyn_linker/settings.json: is not a settings file"):
        spacy.load(tmp_path)


def test_documents_keep_their_candidates_when_stored(make_pipeline):
    nlp = make_pipeline()
    docs = list(nlp.pipe(TEXTS))
    stored = DocBin(docs=docs, store_user_data=True).to_bytes()
    assert answers(DocBin().from_bytes(stored).get_docs(nlp.vocab)) == answers(docs)


def test_a_used_pipeline_is_pickled_by_its_settings_with_absolute_paths(
    make_pipeline, tiny_checkpoint, tmp_path, monkeypatch
):
    monkeypatch.chdir(tiny_checkpoint.parent)
    nlp = make_pipeline(model=tiny_checkpoint.name)
    expected = answers(nlp.pipe(TEXTS))
    assert len(pickle.dumps(nlp.get_pipe("biosyn_linker"))) < 1000
    content = pickle.dumps(nlp)
    monkeypatch.chdir(tmp_path)
    assert answers(pickle.loads(content).pipe(TEXTS)) == expected


# -- in processes of their own

PIPELINE = """
import multiprocessing, sys
import spacy
def names(docs):
    return [(ent.text, ent.kb_id_, len(ent._.biosyn_candidates)) for doc in docs for ent in doc.ents]
if __name__ == "__main__":
    how, folder = sys.argv[1:]
    multiprocessing.set_start_method(how)
    nlp = spacy.load(folder)
    texts = ["breast cancer and asthma", "Ataxia-Telangiectasia"] * 100
    expected = names(nlp.pipe(texts, batch_size=50))  # from here on OpenMP has threads
    assert expected[:2] == [("breast cancer", "MESH:D001943", 3), ("asthma", "MESH:D001249", 3)]
    assert names(nlp.pipe(texts, n_process=2, batch_size=50)) == expected
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_a_used_pipeline_works_in_several_processes(make_pipeline, tmp_path, run_program, how):
    make_pipeline().to_disk(tmp_path / "pipeline")
    run_program(PIPELINE, how, str(tmp_path / "pipeline"))


LOAD = """
import sys
import {module}
with open(sys.argv[1], "rb") as file:
    nlp = {module}.load(file)
(entity,) = nlp("breast cancer").ents
assert (entity.kb_id_, len(entity._.biosyn_candidates)) == ("MESH:D001943", 3)
"""


@pytest.mark.slow
@pytest.mark.parametrize("module", ["pickle", "joblib"])
def test_a_pickled_pipeline_works_in_a_fresh_process(make_pipeline, tmp_path, run_program, module):
    nlp = make_pipeline()
    nlp(TEXTS[0])
    with (tmp_path / "file").open("wb") as file:
        importlib.import_module(module).dump(nlp, file)
    run_program(LOAD.format(module=module), str(tmp_path / "file"))


# -- how spaCy finds it


def test_the_component_is_found_without_an_import():
    # a fresh process: what an entry point of the installed package gives, and nothing else
    assert {point.value for point in entry_points(group="spacy_factories", name="biosyn_linker")} == {
        "biosyn.linking.spacy_component:make_linker"
    }
    program = """
        import spacy
        nlp = spacy.blank("en")
        component = nlp.add_pipe("biosyn_linker", config={"model": "m", "dictionary": "d"})
        assert type(component).__name__ == "BiosynLinker"
        assert nlp.analyze_pipes()["problems"]["biosyn_linker"] == ["doc.ents"]
    """
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=300
    )
    assert found.returncode == 0, found.stderr


def test_without_spacy_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "spacy.language", None)
    with pytest.raises(InputError, match=r"pip install 'biosyn\[spacy\]'"):
        runpy.run_path(spacy_component.__file__)
