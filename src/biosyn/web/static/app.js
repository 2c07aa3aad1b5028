// The page: a mention goes to the server, its names come back as a table.
// Names are only ever set as textContent: a dictionary may hold anything, "<img onerror=...>" included.

const form = document.getElementById("search");
const input = document.getElementById("mention");
const message = document.getElementById("message");
const table = document.getElementById("results");

let running = new AbortController();

form.addEventListener("submit", (event) => {
  event.preventDefault();
  search(input.value);
});

for (const example of document.querySelectorAll(".example")) {
  example.addEventListener("click", () => search(example.textContent));
}

const asked = new URLSearchParams(location.search).get("q");
if (asked) search(asked);

/** Ask for a mention and show what comes back; an answer that a newer question has overtaken is dropped. */
async function search(mention) {
  running.abort();
  const { signal } = (running = new AbortController());
  input.value = mention;
  document.body.setAttribute("aria-busy", "true");
  say("Searching…");
  try {
    history.replaceState(null, "", `?q=${encodeURIComponent(mention)}`);
    showTable(await fetchPredictions(mention, signal));
    say(`Names closest to “${mention}”`, "title");
  } catch (error) {
    if (signal.aborted) return;
    table.hidden = true;
    say(error.message, "error");
  }
  document.body.removeAttribute("aria-busy");
}

/** Return [{name, id, score}, ...], or throw an Error whose message can be shown. */
async function fetchPredictions(mention, signal) {
  const response = await fetch(`normalize/?string=${encodeURIComponent(mention)}`, { signal }).catch(() => {
    throw new Error("The server does not answer. Is demo.py still running?");
  });
  const answer = await response.json().catch(() => ({}));
  if (answer.predictions) return answer.predictions;
  throw new Error(answer.error ?? `The server answered with status ${response.status}.`);
}

function showTable(predictions) {
  table.tBodies[0].replaceChildren(...predictions.map(toRow));
  table.hidden = false;
}

function toRow({ name, id, score }, index) {
  const row = document.createElement("tr");
  row.append(
    cell(index + 1, "number"),
    cell(name),
    cell(id.replaceAll("|", " "), "concept"),
    cell(score.toFixed(2), "number"),
  );
  return row;
}

function cell(text, className = "") {
  const element = document.createElement("td");
  element.textContent = text;
  element.className = className;
  return element;
}

function say(text, kind = "") {
  message.textContent = text;
  message.className = kind;
}
