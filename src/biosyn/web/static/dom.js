// Elements. A name or mention only ever becomes text: a dictionary may hold anything, "<img onerror=...>" included.

/** Return an element with a class and children; strings among them become text. */
export function element(tag, className = "", ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/** Return the ids [{id, url, ontology}, ...], each linked to the page about it where there is one. */
export function idLinks(ids) {
  return ids.map(({ id, url, ontology }) => {
    if (!url) return element("span", "id", id);
    const link = element("a", "id", ontology ? `${ontology} ${bare(id)}` : id);
    link.href = url;
    link.rel = "noreferrer noopener";
    link.target = "_blank";
    return link;
  });
}

/** Return a bar that is full for the best score of a list and empty for its lowest, whatever the model's scale is. */
export function scoreBar(score, { best, lowest, digits }) {
  const bar = element("span", "bar", element("span"));
  bar.role = "img";
  bar.ariaLabel = score === best ? "the best score" : `${(best - score).toFixed(digits)} below the best score`;
  bar.title = bar.ariaLabel;
  bar.firstChild.style.width = `${best > lowest ? (100 * (score - lowest)) / (best - lowest) : 100}%`;
  return bar;
}

/** Return a probability as it is shown: no more than 99 %, no less than 1 %, as none is certain. */
export const percent = (probability) => `${Math.min(99, Math.max(1, Math.round(100 * probability)))} %`;

/** Return a promise of some milliseconds. */
export const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

const bare = (id) => id.replace(/^(OMIM|MESH|UMLS|NCBIGene|GeneID):/i, "");
