"""A line of JSON for each request: what was asked of which route, and how it went."""

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

logger = logging.getLogger(__name__)


def log_request(facts: Mapping[str, Any]) -> None:
    """Write a line with the time and the facts.

    The caller leaves out the path, which anyone can fill with anything, the client's address, and, unless the user has
    asked for them, the mentions.
    """
    if logger.isEnabledFor(logging.INFO):
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        logger.info(json.dumps({"time": now, **facts}, ensure_ascii=False))


@contextmanager
def bare_lines() -> Iterator[None]:
    """Write the lines to stderr as they are: without the time of day that other lines begin with."""
    handler = logging.StreamHandler(sys.stderr)
    before = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = before
