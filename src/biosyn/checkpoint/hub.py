"""Find the model folder that the user names: an existing folder, or a Hub model in huggingface_hub's cache.

huggingface_hub itself handles the cache, resuming, tokens, the endpoint and offline mode (HF_HOME, HF_TOKEN or
``hf auth login``, HF_ENDPOINT, HF_HUB_OFFLINE). This module selects the files to fetch and words the errors.
"""

import logging
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from huggingface_hub import HfApi, constants, errors, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import logging as hub_logging
from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

from biosyn.checkpoint.files import FILES, WEIGHTS
from biosyn.errors import InputError

COMMIT = re.compile(r"[0-9a-f]{40}")
LOGIN = "run 'hf auth login' or set HF_TOKEN"

# What huggingface_hub raises when the Hub, the network, the login or the disk fails. Errors of its HTTP client, which
# are not OSErrors, come through unchanged; their base class is the first base of HfHubHTTPError. A ValueError means an
# answer that is not JSON, such as the login page of a hotel network, or a token that is not ASCII.
HTTP_ERROR = cast(type[Exception], HfHubHTTPError.__bases__[0])
_NEWER = ("OIDCError", "DeviceCodeError")  # than huggingface_hub 1.10
FAILURES = (OSError, HTTP_ERROR, ValueError, *(getattr(errors, name, OSError) for name in _NEWER))

logger = logging.getLogger(__name__)


def resolve_folder(name_or_path: str | Path, *, revision: str | None = None) -> Path:
    """Return the folder of a model: the folder of that name, or the snapshot of a Hub id in huggingface_hub's cache.

    Only files that this program reads and that are not in the cache are fetched. If the Hub cannot be reached, the
    cached snapshot is returned with a warning in the log, provided that it is complete.

    Parameters
    ----------
    name_or_path
        A folder, or a Hub id (``name`` or ``owner/name``); a folder takes precedence.
    revision
        Branch, tag or commit of the Hub id; the default is ``main``.
    """
    name = os.fspath(name_or_path)
    if os.path.isdir(name):
        if revision is not None:
            raise InputError("a revision belongs to a Hub id, and this is a folder: leave the revision out", path=name)
        return Path(name)
    # the cache has a file for each branch, named after it; no git name holds ".."
    if revision is not None and (not revision.strip() or revision.startswith("/") or ".." in revision):
        raise InputError(f"'{revision}' is not a revision: give a branch, a tag or a commit", path=name)
    with _quiet():
        return _snapshot(name, revision)


def needed_files(names: Iterable[str]) -> list[str]:
    """Return the names of the files, out of a repository's, from which a model is read, sorted.

    Examples
    --------
    >>> needed_files(["pytorch_model.bin", "model.safetensors", "config.json", "vocab.txt", "../vocab.txt"])
    ['config.json', 'model.safetensors', 'vocab.txt']
    >>> needed_files(["sparse_encoder.pk", "annotations.json", "biosyn.json", "sparse_encoder.json", "README.md"])
    ['annotations.json', 'biosyn.json', 'sparse_encoder.json']
    """
    there = set(names)
    # in a repository with our own files, the published ones are copies for other programs
    if FILES.manifest in there:
        ours: tuple[str, ...] = (FILES.manifest, FILES.sparse_encoder, FILES.annotations)
    else:
        ours = (FILES.published_sparse_encoder, FILES.published_sparse_weight)
    tokenizer = (FILES.tokenizer, FILES.tokenizer_config, *FILES.vocabularies, *FILES.tokenizer_extras)
    sentence_transformers = (FILES.modules, FILES.transformer_settings, FILES.pooling)
    adapter = FILES.adapter  # which is refused
    return sorted(there & {FILES.encoder_config, *ours, *tokenizer, *sentence_transformers, adapter, *_weights(there)})


def _weights(names: set[str]) -> list[str]:
    for single, index, shard in WEIGHTS:
        if single in names:
            return [single]
        if index in names:
            return [index, *filter(shard.fullmatch, names)]
    return []


def _snapshot(name: str, revision: str | None) -> Path:
    try:  # asked first: snapshot_download would use the cached copy even if the Hub refuses access
        info = HfApi().model_info(name, revision=revision, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    except HFValidationError as error:  # raised before anything is sent
        raise InputError("no such model folder", path=name) from error
    except FAILURES as error:
        if not _is_unreached(error):
            raise _failure(error, name, revision) from error
        return _cached(name, revision, error)
    if not COMMIT.fullmatch(info.sha or ""):  # it becomes a folder's name in the cache
        reason = f"{constants.ENDPOINT} does not answer like a Hub, the commit it names is '{info.sha}'"
        raise InputError(f"{reason}: check HF_ENDPOINT", path=name)
    names = needed_files(file.rfilename for file in info.siblings or ())
    if lacking := _lacking(names):
        raise InputError(f"the Hub's model has no {lacking}: no encoder can be loaded from it", path=name)
    try:
        # by revision, not by commit, so that the cache records the revision's commit for use without a network
        # and the weights last, so that a folder that holds them holds everything, whoever uses the cache then
        first = [file for file in names if file not in _weights(set(names))]
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=first))
        if _missing(folder, names):
            folder = Path(snapshot_download(name, revision=revision, allow_patterns=names))
    except (*FAILURES, RuntimeError) as error:  # Xet, the transfer protocol for large files, raises RuntimeErrors
        raise _failure(error, name, revision) from error
    if missing := _missing(folder, names):
        raise InputError(f"{missing} was not downloaded, the model has just changed: run again", path=name)
    logger.info("%s: commit %s of the Hub", name, folder.name)
    return folder


def _cached(name: str, revision: str | None, error: Exception) -> Path:
    if offline := isinstance(error, OfflineModeIsEnabled):
        reason, remedy = "offline mode is on", "unset HF_HUB_OFFLINE and run again"
    else:
        reason, remedy = f"the Hub cannot be reached ({_first_line(error)})", "check the connection and run again"
    try:
        # no patterns: the needed files are selected below
        folder = Path(snapshot_download(name, revision=revision, local_files_only=True, allow_patterns=[]))
    except OSError:
        what = "the model is" if revision is None else f"revision '{revision}' is"
        raise InputError(f"no such folder, {what} not in the cache, and {reason}: {remedy}", path=name) from error
    if missing := _lacking(needed_files(path.name for path in folder.iterdir())):
        raise InputError(f"the cached copy is incomplete ({missing} is missing), and {reason}: {remedy}", path=name)
    level = logging.INFO if offline else logging.WARNING
    logger.log(level, "%s: %s; using the cached copy of commit %s", name, reason, folder.name)
    return folder


def _lacking(names: list[str]) -> str | None:
    if FILES.encoder_config not in names:
        return FILES.encoder_config
    return None if _weights(set(names)) else f"{FILES.weights} or {FILES.old_weights}"


def _missing(folder: Path, names: list[str]) -> str | None:
    return next((name for name in names if not (folder / name).is_file()), None)


def _is_unreached(error: Exception) -> bool:
    """Say whether a cached copy may be used: not if the Hub itself has refused, or the error is a local one."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in (408, 429, *range(500, 600))
    if isinstance(error, OSError):  # one with a number comes from the disk: the HTTP client wraps network errors
        return error.errno is None
    return not isinstance(error, UnicodeEncodeError)


def _failure(error: Exception, name: str, revision: str | None) -> InputError:
    if isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # the error itself is about the cache, its cause about the download
    match error:
        case RevisionNotFoundError():
            message = f"the model has no revision '{revision or 'main'}': give a branch, a tag or a commit"
        case GatedRepoError():
            message = f"the model is gated: ask for access at {constants.ENDPOINT}/{name}, then {LOGIN}"
        case RepositoryNotFoundError():
            message = f"no such folder, and no such model on the Hub: check the name; for a private model {LOGIN}"
        case RemoteEntryNotFoundError():
            message = f"the Hub lists a file that it does not have ({error.response.url.path}): try another revision"
        case HfHubHTTPError() if error.response.status_code in (401, 403):
            message = f"the Hub refuses access ({error.response.status_code}): check the token, {LOGIN}"
        case HfHubHTTPError():
            status = error.response.status_code
            message = f"the Hub answers {status} ({_first_line(error)}): try later, or check HF_ENDPOINT"
        case OSError() if error.errno is not None:
            message = f"the cache cannot be used ({error}): check {constants.HF_HUB_CACHE}, or set HF_HOME"
        case UnicodeEncodeError():  # a header is ASCII
            message = f"the token has characters that are not allowed in a token: {LOGIN}"
        case _:
            message = f"the download failed ({_first_line(error)}): check the connection and run again"
    return InputError(message, path=name)


def _first_line(error: Exception) -> str:
    """Return the server that the error concerns and the error's first line."""
    line = str(error).strip().partition("\n")[0] or type(error).__name__
    return f"{constants.ENDPOINT}{' does not answer like a Hub' if isinstance(error, ValueError) else ''}: {line}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep huggingface_hub's log lines, which repeat ours, off stderr, and its progress bars unless in a terminal."""
    level = hub_logging.get_verbosity()
    wanted = sys.stderr.isatty() or constants.HF_HUB_DISABLE_PROGRESS_BARS is not None
    hidden = not wanted and not are_progress_bars_disabled()
    if hidden:
        disable_progress_bars()
    if level == logging.WARNING:  # its default: a user's own HF_HUB_VERBOSITY or HF_DEBUG takes precedence
        hub_logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        hub_logging.set_verbosity(level)
        if hidden:
            enable_progress_bars()
