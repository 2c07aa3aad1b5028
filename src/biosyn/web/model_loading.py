"""Loading the model for the demo, step by step, so that the page can tell how far it is."""

from pathlib import Path

from biosyn.config import DemoConfig
from biosyn.data.dictionary import require_names
from biosyn.devices import resolve_device
from biosyn.index.known_dictionaries import open_dictionary
from biosyn.model.biosyn import BioSyn
from biosyn.web.loading import Loading, counted
from biosyn.web.service import CONCEPTS, Question, Service


def load_service(config: DemoConfig, loading: Loading) -> Service:
    """Read the dictionary and the model and embed the names; the cheap checks come first.

    Raises
    ------
    InputError
        As `inference.load_linker`.
    LoadingStoppedError
        If the server is to end.
    """
    loading.step("reading the dictionary")
    device = resolve_device(config.device)
    dictionary = open_dictionary(config.dictionary_path, cache_dir=config.cache_dir)
    require_names(dictionary, config.topk)
    loading.step("loading the model")
    biosyn = BioSyn.from_pretrained(
        config.model_name_or_path,
        revision=config.revision,
        device=device,
        precision=config.precision,
        search_memory=config.search_memory,
    )
    loading.step("embedding the dictionary", total=len(dictionary))
    with counted(biosyn.get_dense_encoder().model, loading.add):
        linker = biosyn.load_dictionary(
            dictionary,
            cache_dir=config.cache_dir,
            index_precision=config.index_precision,
            ann=config.ann,
            show_progress=config.show_progress,
        )
    loading.step("reading the concepts")
    figures = biosyn.manifest.figures if biosyn.manifest else {}
    service = Service(linker, model_name=shown_name(config.model_name_or_path), figures=figures)
    _ = service.info  # hashes the dictionary's file: not while someone waits
    service.answer([Question("ataxia", CONCEPTS, config.topk)])  # the first answer is slow: its pages are not in memory
    return service


def shown_name(model_name_or_path: str) -> str:
    """Return what the page calls a model: a Hub id, or the folder's name without where it lies.

    Examples
    --------
    >>> shown_name("dmis-lab/biosyn-sapbert-bc2gn"), shown_name("/usr/")
    ('dmis-lab/biosyn-sapbert-bc2gn', 'usr')
    """
    return Path(model_name_or_path).name if Path(model_name_or_path).exists() else model_name_or_path
