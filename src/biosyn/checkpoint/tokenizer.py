"""Load and save a model folder's tokenizer by transformers, from known files with known settings alone."""

import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

from transformers import AutoTokenizer, PretrainedConfig, PreTrainedTokenizerBase

from biosyn.checkpoint.files import FILES
from biosyn.errors import InputError
from biosyn.files import read_json
from biosyn.writing import write_json

# The keys of tokenizer_config.json that are read, with all that end in _token. The others name files, classes of the
# folder's own, or chat templates, of which saving a tokenizer writes files whose names the foreign model chooses.
_KNOWN = set(
    """
    tokenizer_class backend is_local local_files_only model_max_length model_input_names max_length stride
    padding_side pad_to_multiple_of pad_token_type_id truncation_side truncation_strategy
    added_tokens_decoder additional_special_tokens extra_special_tokens add_bos_token add_eos_token extra_ids
    do_lower_case do_basic_tokenize never_split strip_accents tokenize_chinese_chars wordpieces_prefix clean_text
    add_prefix_space trim_offsets errors keep_accents remove_space split_by_punct vocab_type sp_model_kwargs legacy
    clean_up_tokenization_spaces spaces_between_special_tokens
    """.split()  # noqa: SIM905 (as a list, 40 lines)
)
_SPECIAL_TOKENS_MAP = "special_tokens_map.json"


def require_tokenizer(folder: Path) -> None:
    """Refuse a folder without the files of a tokenizer, or with files that the installed packages cannot read."""
    # without its files transformers makes an empty tokenizer, for which every text is unknown, and does not warn
    there = [name for name in (FILES.tokenizer, *FILES.vocabularies) if (folder / name).is_file()]
    if not there:
        raise InputError(f"the model folder lacks {FILES.tokenizer} (or vocab.txt)", path=folder)
    if len({"vocab.json", "merges.txt"} & set(there)) == 1 and FILES.tokenizer not in there:
        raise InputError(f"the model folder has {there[0]}, but not both vocab.json and merges.txt", path=folder)
    if all(name.endswith(".model") for name in there) and not _reads_sentencepiece():
        raise InputError(
            f"its tokenizer is {there[0]} alone, which takes two more packages: pip install sentencepiece protobuf, "
            f"or add the {FILES.tokenizer} that saving the tokenizer with them writes",
            path=folder,
        )


def _reads_sentencepiece() -> bool:
    return all(find_spec(name) for name in ("sentencepiece", "google", "google.protobuf"))  # a parent before its child


def load_tokenizer(folder: Path, config: PretrainedConfig) -> PreTrainedTokenizerBase:
    """Return the tokenizer, loaded from a folder that has nothing but copies of its known files and settings."""
    with tempfile.TemporaryDirectory() as stage:
        for name in (FILES.tokenizer, *FILES.vocabularies, *FILES.tokenizer_extras):
            if (folder / name).is_file():
                shutil.copyfile(folder / name, Path(stage, name))
        for name in (FILES.tokenizer_config, _SPECIAL_TOKENS_MAP):
            if (folder / name).is_file():
                values = read_json(folder / name)
                known = {key: value for key, value in values.items() if key in _KNOWN or key.endswith("_token")}
                write_json(Path(stage, name), known)
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            stage, config=config, trust_remote_code=False
        )
    for values in (vars(tokenizer), tokenizer.init_kwargs):  # some copy their vocabulary's file where they are saved
        for key, value in values.items():
            if isinstance(value, str) and value.startswith(stage):
                values[key] = os.fspath(folder) + value.removeprefix(stage)
    return tokenizer


def save_tokenizer(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write the tokenizer's files; a full disk is an OSError here too."""
    try:
        tokenizer.save_pretrained(folder)
    except Exception as error:
        if type(error) is not Exception:
            raise
        raise OSError(str(error)) from error  # tokenizers reports a full disk as a bare Exception
