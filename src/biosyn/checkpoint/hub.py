"""A model folder from what the user names: an existing folder, or a model of the Hub in huggingface_hub's cache.

The cache, resuming, tokens, the endpoint and offline mode are huggingface_hub's own (HF_HOME, HF_TOKEN or
``hf auth login``, HF_ENDPOINT, HF_HUB_OFFLINE). This module decides which files to fetch, and what to say on failure.
"""

import logging
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import cast

from huggingface_hub import HfApi, constants, get_cached_repo_tree, snapshot_download
from huggingface_hub.errors import (
    CachedRepoTreeNotFoundError,
    DeviceCodeError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    OIDCError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import logging as hub_logging
from huggingface_hub.utils.tqdm import disable_progress_bars

from biosyn.checkpoint.files import FILES
from biosyn.errors import InputError

# best first; a repository often holds the same weights in both formats
WEIGHTS = (
    (FILES.weights, FILES.weights_index, re.compile(r"model-[0-9]{5}-of-[0-9]{5}\.safetensors")),
    (FILES.old_weights, FILES.old_weights_index, re.compile(r"pytorch_model-[0-9]{5}-of-[0-9]{5}\.bin")),
)
COMMIT = re.compile(r"[0-9a-f]{40}")
LOGIN = "run 'hf auth login' or set HF_TOKEN"

# What the calls of huggingface_hub raise when the Hub, the network, the login or the disk fails. It lets the errors of
# its HTTP client through, which are no OSErrors: their base is the first base of its own. A ValueError is an answer
# that is not JSON, such as the login page of a hotel, or a token that is not ASCII.
HTTP_ERROR = cast(type[Exception], HfHubHTTPError.__bases__[0])
FAILURES = (OSError, HTTP_ERROR, OIDCError, DeviceCodeError, ValueError)

logger = logging.getLogger(__name__)


def resolve_folder(name_or_path: str | Path, *, revision: str | None = None) -> Path:
    """Return the folder of a model: the folder of that name, or the snapshot of a Hub id in huggingface_hub's cache.

    Only the files that this program reads are fetched, and none that the cache has. If the Hub cannot be reached, the
    cached snapshot is returned, with a warning in the log.

    Parameters
    ----------
    name_or_path
        A folder, or a Hub id (``name`` or ``owner/name``); a folder goes first.
    revision
        Branch, tag or commit of the Hub id; the default is ``main``.

    Raises
    ------
    InputError
        Also if the Hub cannot be reached and the cached model is not complete.
    """
    name = os.fspath(name_or_path)
    if os.path.isdir(name):
        if revision is not None:
            raise InputError("a revision belongs to a Hub id, and this is a folder: leave the revision out", path=name)
        return Path(name)
    # the cache has a file for each branch, named after it; no name of git's holds ".."
    if revision is not None and (not revision.strip() or revision.startswith("/") or ".." in revision):
        raise InputError(f"'{revision}' is no revision: give a branch, a tag or a commit", path=name)
    with _quiet():
        return _snapshot(name, revision)


def needed_files(names: Iterable[str]) -> list[str]:
    """Return those of a repository's files that a model is read from, in the order of their names.

    Examples
    --------
    >>> needed_files(["pytorch_model.bin", "model.safetensors", "config.json", "vocab.txt", "../vocab.txt"])
    ['config.json', 'model.safetensors', 'vocab.txt']
    >>> needed_files(["sparse_encoder.pk", "sparse_weight.pt", "biosyn.json", "sparse_encoder.json", "README.md"])
    ['biosyn.json', 'sparse_encoder.json']
    """
    there = set(names)
    # where our own files are, the published ones are copies of them for other programs
    if FILES.manifest in there:
        ours: tuple[str, ...] = (FILES.manifest, FILES.sparse_encoder)
    else:
        ours = (FILES.published_sparse_encoder, FILES.published_sparse_weight)
    tokenizer = (FILES.tokenizer, FILES.tokenizer_config, *FILES.vocabularies, *FILES.tokenizer_extras)
    return sorted(there & {FILES.encoder_config, *ours, *tokenizer, *_weights(there)})


def _weights(names: set[str]) -> list[str]:
    for single, index, shard in WEIGHTS:
        if single in names:
            return [single]
        if index in names:
            return [index, *filter(shard.fullmatch, names)]
    return []


def _snapshot(name: str, revision: str | None) -> Path:
    try:  # asked first because snapshot_download would use the cached copy even if the Hub refuses
        info = HfApi().model_info(name, revision=revision, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    except HFValidationError as error:  # before anything is sent
        raise InputError("no such model folder", path=name) from error
    except FAILURES as error:
        if not _is_unreached(error):
            raise _failure(error, name, revision) from error
        return _cached(name, revision, error)
    if not COMMIT.fullmatch(info.sha or ""):  # it becomes a folder's name in the cache
        said = f"{constants.ENDPOINT} does not answer like a Hub, the commit it names is '{info.sha}'"
        raise InputError(f"{said}: see to HF_ENDPOINT", path=name)
    names = needed_files(file.rfilename for file in info.siblings or ())
    if lacking := _lacking(names):
        raise InputError(f"the Hub's model has no {lacking}: it is no encoder that can be loaded", path=name)
    try:
        # by the revision and not by the commit: so the cache learns which commit it is, for when there is no network
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=names))
    except (*FAILURES, RuntimeError) as error:  # a RuntimeError is one of Xet, the transfer protocol for large files
        raise _failure(error, name, revision) from error
    if missing := _missing(folder, names):
        raise InputError(f"{missing} was not downloaded, the model has just changed: run again", path=name)
    logger.info("%s: commit %s of the Hub", name, folder.name)
    return folder


def _cached(name: str, revision: str | None, error: Exception) -> Path:
    if offline := isinstance(error, OfflineModeIsEnabled):
        reason, remedy = "offline mode is on", "unset HF_HUB_OFFLINE and run again"
    else:
        reason, remedy = f"the Hub was not reached ({_said(error)})", "check the connection and run again"
    try:
        # no pattern: which files are needed is decided below, as above
        folder = Path(snapshot_download(name, revision=revision, local_files_only=True, allow_patterns=[]))
    except OSError:
        what = "the model is" if revision is None else f"revision '{revision}' is"
        raise InputError(f"no such folder, {what} not in the cache, and {reason}: {remedy}", path=name) from error
    try:
        there = [file.path for file in get_cached_repo_tree(name, revision=revision)]
    except CachedRepoTreeNotFoundError:  # another program has fetched it file by file
        there = [path.name for path in folder.iterdir()]
    names = needed_files(there)
    if missing := _missing(folder, names) or _lacking(names):
        raise InputError(f"the cached copy is not whole ({missing} is missing), and {reason}: {remedy}", path=name)
    level = logging.INFO if offline else logging.WARNING
    logger.log(level, "%s: %s; the cached copy is used, %s", name, reason, folder.name)
    return folder


def _lacking(names: list[str]) -> str | None:
    if FILES.encoder_config not in names:
        return FILES.encoder_config
    return None if _weights(set(names)) else f"{FILES.weights} or {FILES.old_weights}"


def _missing(folder: Path, names: list[str]) -> str | None:
    return next((name for name in names if not (folder / name).is_file()), None)


def _is_unreached(error: Exception) -> bool:
    """Tell whether a cached copy may be used: not if the Hub itself has refused, or the fault is on this side."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in (408, 429, *range(500, 600))
    if isinstance(error, OSError):  # one with a number is the disk's: the HTTP client wraps the network's
        return error.errno is None
    return not isinstance(error, UnicodeEncodeError)


def _failure(error: Exception, name: str, revision: str | None) -> InputError:
    if isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # it speaks of the cache, its cause of what happened
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
            message = f"the Hub's answer is {status} ({_said(error)}): try later, or see to HF_ENDPOINT"
        case OSError() if error.errno is not None:
            message = f"the cache cannot be used ({error}): see to {constants.HF_HUB_CACHE}, or set HF_HOME"
        case UnicodeEncodeError():  # a header is ASCII
            message = f"the token has characters that no token has: {LOGIN}"
        case _:
            message = f"the download broke off ({_said(error)}): check the connection and run again"
    return InputError(message, path=name)


def _said(error: Exception) -> str:
    """Return the first line of the error and the server that it concerns."""
    said = str(error).strip().partition("\n")[0] or type(error).__name__
    return f"{constants.ENDPOINT}{' does not answer like a Hub' if isinstance(error, ValueError) else ''}: {said}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep huggingface_hub's own log lines off stderr, which repeat ours, and its bars where no terminal is."""
    level = hub_logging.get_verbosity()
    bars_unwanted = not sys.stderr.isatty() and constants.HF_HUB_DISABLE_PROGRESS_BARS is None
    with disable_progress_bars() if bars_unwanted else nullcontext():
        if level == logging.WARNING:  # its default: HF_HUB_VERBOSITY or HF_DEBUG of the user's own goes first
            hub_logging.set_verbosity(logging.ERROR)
        try:
            yield
        finally:
            hub_logging.set_verbosity(level)
