"""What the Reconciliation API has beside queries: suggestions, previews, and the properties that there are."""

import html
from typing import Any

from biosyn.errors import InputError
from biosyn.web.base import ProblemError
from biosyn.web.reconcile import CANDIDATES, PROPERTIES, ReconcileBase


class SuggestHandler(ReconcileBase):
    """``/reconcile/suggest/entity``, ``property`` and ``type``: what may be meant by what was typed so far."""

    route = "/reconcile/suggest"

    async def get(self) -> None:
        """Answer with ten of them at most, or five concepts."""
        fields = self.form(self.request.query)
        prefix, skipped = fields.get("prefix", ""), self.whole_number(fields, "cursor", 0, least=0)
        kind = self.request.path.rpartition("/")[2]
        if kind == "entity":
            self.finish({"result": await self._entities(prefix, skipped)})
            return
        types = {one.prefix: one.name for one in self.catalogue.vocabularies.values()}
        found = [
            {"id": key, "name": name}
            for key, name in (PROPERTIES if kind == "property" else types).items()
            if prefix.strip().lower() in f"{key} {name}".lower()
        ]
        self.finish({"result": found[skipped : skipped + 10]})

    async def _entities(self, prefix: str, skipped: int) -> list[dict[str, Any]]:
        entry = self.catalogue.find(prefix)
        if entry is not None and not entry.obsolete:
            found = [(entry.primary_id, entry.label, ", ".join(entry.alternative_ids))]
            return [self._entity(*one) for one in found[skipped:]]
        topk = min(skipped + CANDIDATES, self.backend.limits.topk)
        try:
            question = self.question(prefix, what="concepts", topk=topk)
        except InputError:  # nothing that can be searched has been typed yet
            return []
        (answer,) = await self.backend.ask([question])
        rows = answer["concepts"][skipped:]
        return [self._entity(row["curie"], row["preferred_name"] or row["name"], row["name"]) for row in rows]

    def _entity(self, cui: str, name: str, description: str) -> dict[str, Any]:
        return {"id": cui, "name": name, "description": description, "notable": self.types(cui)}


class ProposeHandler(ReconcileBase):
    """``/reconcile/properties``: the properties that can be asked for; the same for every type."""

    route = "/reconcile/properties"

    def get(self) -> None:
        """Answer with all of them, or as many as are wanted."""
        fields = self.form(self.request.query)
        limit = self.whole_number(fields, "limit", len(PROPERTIES), least=1)
        found = [{"id": key, "name": name} for key, name in PROPERTIES.items()]
        self.finish({"type": fields.get("type", ""), "properties": found[:limit], "limit": limit})


class PreviewHandler(ReconcileBase):
    """``/reconcile/preview``: an entry as a small page, shown inside that of the client."""

    route = "/reconcile/preview"

    def get(self) -> None:
        """Answer with HTML without scripts, styles and links."""
        cui = self.form(self.request.query).get("id", "")
        entry = self.catalogue.find(cui)
        if entry is None:
            raise ProblemError(404, "the dictionary has no concept of this id")
        rows = {
            "id": ", ".join((entry.primary_id, *entry.alternative_ids)),
            "obsolete": f"use {', '.join(entry.replaced_by or entry.consider) or 'another'}" * entry.obsolete,
            "names": ", ".join(entry.names[:10]),
            "parents": ", ".join(parent["name"] for parent in self.values(entry, "parents")),
        }
        lines = [f"<p>{key}: {html.escape(value)}</p>" for key, value in rows.items() if value]
        title = html.escape(entry.label)
        self.set_header("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'")
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        body = "".join(lines)
        self.finish(f'<!doctype html><html lang="en"><title>{title}</title><body><h1>{title}</h1>{body}</body></html>')
