// The card: which model and dictionary answer here.

import { element } from "./dom.js";

const POOLINGS = { cls: "the encoder's state at [CLS]", mean: "mean over the encoder's tokens" };
const SIMILARITIES = { inner: "inner product", cosine: "cosine" };

/** Fill the card. */
export function showCard({ model, dictionary, search, version }) {
  const count = (number) => number.toLocaleString("en");
  const facts = {
    Model: model.name,
    "Encoder, sha256": model.encoder_sha256,
    "Vector of a name": `${POOLINGS[model.pooling]}, compared by ${SIMILARITIES[model.similarity]}`,
    "Weight of the sparse score": model.sparse_weight.toFixed(3),
    "Character n-grams": count(model.ngrams),
    ...figures(model.figures),
    Dictionary: dictionary.name,
    Names: count(dictionary.names),
    "Concept ids": count(dictionary.ids),
    "Dictionary, sha256": dictionary.sha256,
    Search: searched(search),
    BioSyn: version,
  };
  const card = document.getElementById("card");
  const entries = Object.entries(facts).flatMap(([term, fact]) => [element("dt", "", term), element("dd", "", fact)]);
  card.querySelector("dl").replaceChildren(...entries);
  card.hidden = false;
}

/** Return what is said of the search. */
function searched(search) {
  if (search.kind === "exact") return "exact: every name is scored";
  const share = (depth) => `${(100 * search[`recall@${depth}`]).toFixed(1)} %`;
  return `approximate (${search.kind}): finds the best name of the exact search for ${share(1)} of ${search.queries} changed names, and ${share(20)} of its best 20`;
}

/** Return {"Acc@1 on test": ...} of {"test": {"hybrid": {"acc1": ...}}}. */
function figures(found) {
  const told = Object.entries(found).filter(([, modes]) => typeof modes.hybrid?.acc1 === "number");
  return Object.fromEntries(told.map(([name, { hybrid }]) => [`Acc@1 on ${name}`, hybrid.acc1.toFixed(4)]));
}
