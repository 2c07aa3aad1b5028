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

/** Return a bar of the score, relative to the best, with its dense and sparse shares. */
export function scoreBar({ score, dense_score, sparse_score }, best) {
  const bar = element("span", "bar");
  bar.role = "img";
  bar.ariaLabel = `score ${score.toFixed(2)}: dense ${dense_score.toFixed(2)}, sparse ${sparse_score.toFixed(2)}`;
  bar.title = bar.ariaLabel;
  for (const [kind, share] of [["dense", dense_score], ["sparse", sparse_score]]) {
    const part = element("span", kind);
    part.style.width = `${best > 0 ? (100 * Math.max(0, share)) / best : 0}%`;
    bar.append(part);
  }
  return bar;
}

/** Return a promise of some milliseconds. */
export const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

const bare = (id) => id.replace(/^(OMIM|MESH|UMLS|NCBIGene|GeneID):/i, "");
