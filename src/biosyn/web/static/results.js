// Concepts as list items: rank, name, ids, score; on request the parts of the score and the other names.

import { getOtherNames } from "./api.js";
import { element, idLinks, scoreBar } from "./dom.js";
import { whenReady } from "./server.js";

/** Return an item for each name; the concepts that share their best name share the item. */
export function resultItems(concepts) {
  const groups = new Map();
  for (const concept of concepts) {
    if (!groups.has(concept.name)) groups.set(concept.name, []);
    groups.get(concept.name).push(concept);
  }
  const scores = concepts.map(({ score }) => score);
  const [best, lowest] = [Math.max(...scores), Math.min(...scores)];
  const scale = { best, lowest, digits: best - lowest < 1 ? 3 : 2 }; // cosines differ in the third digit
  return [...groups.values()].map((group, index) => toItem(group, index + 1, scale));
}

function toItem(group, rank, scale) {
  const [found] = group;
  const number = element("span", "number", found.score.toFixed(scale.digits));
  const score = element("span", "score", scoreBar(found.score, scale), number);
  const head = element("div", "head", element("span", "rank", String(rank)), element("span", "name", found.name), score);
  const item = element("li", "", head, ...group.map((concept) => toConcept(concept, found.name)));
  if (group.length > 1) item.append(element("p", "hint", "This name belongs to several concepts, the likeliest first."));
  item.append(more(found, scale));
  return item;
}

function toConcept({ preferred_name: preferred, ids, homonym, reason }, name) {
  const line = element("p", "concept");
  if (preferred && preferred.toLowerCase() !== name.toLowerCase()) line.append(element("span", "preferred", preferred));
  line.append(...idLinks(ids));
  if (homonym) line.append(element("span", "hint", reason));
  return line;
}

function more({ name, id, score, dense_score: dense, sparse_score: sparse, rerank_score: others }, { digits }) {
  const [all, meaning, spelling] = [score, dense, sparse].map((part) => part.toFixed(digits));
  const third = others === undefined ? "" : `, ${others.toFixed(digits)} by the concept's other names`;
  const text = `Score ${all}: ${meaning} by meaning (dense), ${spelling} by spelling (sparse)${third}`;
  const parts = element("p", "hint", text);
  const list = element("div", "others");
  list.ariaLive = "polite";
  const details = element("details", "", element("summary", "", "Other names and score"), parts, list);
  details.addEventListener("toggle", () => fill(list, name, id), { once: true });
  return details;
}

async function fill(list, name, id) {
  try {
    const concepts = await whenReady(() => getOtherNames(name, id));
    for (const { ids, other_names: names } of concepts) {
      if (concepts.length > 1) list.append(element("p", "concept", ...idLinks(ids)));
      list.append(
        names.length
          ? element("ul", "", ...names.map((other) => element("li", "", other)))
          : element("p", "hint", "The dictionary has no other name."),
      );
    }
  } catch (error) {
    list.append(element("p", "error", error.message));
  }
}
