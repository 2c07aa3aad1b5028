// The server's answers. An Error's message can be shown; `away` and `busy` are worth another try.

export class ApiError extends Error {
  constructor(message, { away = false, busy = false, progress = null } = {}) {
    super(message);
    Object.assign(this, { away, busy, progress });
  }
}

/** Return the JSON of an answer, or throw an ApiError; the AbortError of a request that was given up passes. */
async function ask(path, options = {}) {
  let response, answer;
  try {
    response = await fetch(path, options);
    answer = await response.json();
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError("The server does not answer. Is demo.py still running? Trying again …", { away: true });
  }
  if (response.ok) return answer;
  const message = answer.error?.message ?? `the server answered with status ${response.status}`;
  throw new ApiError(message, { busy: response.status === 503, progress: answer.progress });
}

export const getReady = () => ask("readyz");

export const getInfo = () => ask("api/v1/info");

/** Return [{ids, preferred_name, other_names}, ...] of a dictionary's name. */
export async function getOtherNames(name, id) {
  return (await ask(`api/v1/names?${new URLSearchParams({ name, id })}`)).concepts;
}

/** Return {concepts: [{name, id, ids, preferred_name, score, dense_score, sparse_score, homonym, curie, reason}, ...],
    concept, probability, unsure}; the probability where the model is calibrated, unsure where the answer is worth nothing. */
export async function getConcepts(mention, signal) {
  const answer = await ask("api/v1/normalize", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ mentions: [mention], group_by_concept: true }),
    signal,
  });
  return answer.results[0];
}

/** Return {rows, mentions, linked, skipped, format, abbreviations, file}; file in base64. */
export function linkFile(file, column) {
  return ask(`api/v1/link?${new URLSearchParams({ filename: file.name, column })}`, {
    method: "POST",
    headers: { "Content-Type": "application/octet-stream" },
    body: file,
  });
}
