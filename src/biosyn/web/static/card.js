// The card: which model and dictionary answer here.

import { element } from "./dom.js";

/** Fill the card. */
export function showCard({ model, dictionary, version }) {
  const count = (number) => number.toLocaleString("en");
  const facts = {
    Model: model.name,
    "Encoder, sha256": model.encoder_sha256,
    "Weight of the sparse score": model.sparse_weight.toFixed(3),
    "Character n-grams": count(model.ngrams),
    ...figures(model.figures),
    Dictionary: dictionary.name,
    Names: count(dictionary.names),
    "Concept ids": count(dictionary.ids),
    "Dictionary, sha256": dictionary.sha256,
    BioSyn: version,
  };
  const card = document.getElementById("card");
  const entries = Object.entries(facts).flatMap(([term, fact]) => [element("dt", "", term), element("dd", "", fact)]);
  card.querySelector("dl").replaceChildren(...entries);
  card.hidden = false;
}

/** Return {"Acc@1 on test": ...} of {"test": {"hybrid": {"acc1": ...}}}. */
function figures(found) {
  const told = Object.entries(found).filter(([, modes]) => typeof modes.hybrid?.acc1 === "number");
  return Object.fromEntries(told.map(([name, { hybrid }]) => [`Acc@1 on ${name}`, hybrid.acc1.toFixed(4)]));
}
