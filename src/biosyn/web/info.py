"""What the model and the dictionary are, and the other names of a concept."""

import asyncio
from pathlib import Path

from biosyn.web.base import Base
from biosyn.web.handlers import ReadyBase

OPENAPI = Path(__file__).with_name("openapi.json")


class InfoHandler(ReadyBase):
    """``GET /api/v1/info``: the card."""

    route = "/api/v1/info"

    def get(self) -> None:
        """Answer."""
        assert self.backend.service is not None  # it is ready
        limits = self.backend.limits
        served = {
            "topk": self.backend.topk,
            "limits": {
                "mention_characters": limits.mention,
                "mentions": limits.mentions,
                "topk": limits.topk,
                "file_bytes": limits.file,
                "file_mentions": limits.file_mentions,
            },
        }
        self.finish({**self.backend.service.info, **served})


class NamesHandler(ReadyBase):
    """``GET /api/v1/names?name=...&id=...``: the concepts of a dictionary's name, each with its other names."""

    route = "/api/v1/names"

    async def get(self) -> None:
        """Answer; an empty list of names where the dictionary has no such name."""
        assert self.backend.service is not None  # it is ready
        name, cui = self.get_query_argument("name"), self.get_query_argument("id")
        loop = asyncio.get_running_loop()
        self.finish({"concepts": await loop.run_in_executor(None, self.backend.service.other_names, name, cui)})


class OpenApiHandler(Base):
    """``GET /api/v1/openapi.json``: this API, for machines."""

    route = "/api/v1/openapi.json"

    def get(self) -> None:
        """Answer."""
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.finish(OPENAPI.read_bytes())
