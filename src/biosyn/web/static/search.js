// One mention: results as it is typed. An answer that a newer question has overtaken is dropped.

import { getConcepts } from "./api.js";
import { element, pause, percent } from "./dom.js";
import { resultItems } from "./results.js";
import { whenReady } from "./server.js";

const DELAY = 200; // milliseconds without a key, after which what is typed is asked for

const SURE = 0.5; // probability below which the first is more likely wrong

const input = document.getElementById("mention");
const message = document.getElementById("message");
const uncalibrated = document.getElementById("uncalibrated");
const legend = document.getElementById("legend");
const results = document.getElementById("results");

let running = new AbortController();

/** Listen to the form, the examples, the keyboard and the address. */
export function startSearch() {
  document.getElementById("search").addEventListener("submit", (event) => {
    event.preventDefault();
    visit(input.value);
  });
  input.addEventListener("input", () => search(input.value, DELAY));
  for (const example of document.querySelectorAll(".example")) {
    example.addEventListener("click", () => visit(example.textContent));
  }
  document.addEventListener("keydown", focusBySlash);
  addEventListener("popstate", searchAddress);
  if (input.value) search(input.value); // typed before the server was ready
  else searchAddress();
}

/** Search, with an entry of its own in the browser's history. */
function visit(mention) {
  if (address(mention) !== location.search) history.pushState(null, "", address(mention));
  input.value = mention;
  search(mention);
}

function searchAddress() {
  input.value = new URLSearchParams(location.search).get("q") ?? "";
  search(input.value);
}

function focusBySlash(event) {
  if (event.key !== "/" || event.target.closest("input")) return;
  event.preventDefault();
  input.focus();
  input.select();
}

async function search(mention, delay = 0) {
  running.abort();
  const { signal } = (running = new AbortController());
  document.body.ariaBusy = "true";
  await pause(delay);
  if (signal.aborted) return;
  try {
    if (delay) history.replaceState(null, "", address(mention));
    if (!mention.trim()) show("", []);
    else {
      const { concepts, probability, unsure } = await whenReady(() => getConcepts(mention, signal));
      if (signal.aborted) return;
      show(heading(mention, probability, unsure), concepts);
      uncalibrated.hidden = typeof probability === "number" || Boolean(unsure);
    }
  } catch (error) {
    if (signal.aborted) return;
    show(error.message, [], "error");
  }
  document.body.ariaBusy = null;
}

function show(text, concepts, kind = "") {
  message.replaceChildren(...[text].flat());
  message.className = kind;
  legend.hidden = concepts.length < 2;
  uncalibrated.hidden = true;
  results.replaceChildren(...resultItems(concepts));
}

/** Say how likely the answer is right, where the model is calibrated, or that it is worth nothing. */
function heading(mention, probability, unsure) {
  if (unsure) return `Probably no match for “${mention}” (${unsure}). Closest to it:`;
  if (typeof probability !== "number") return `Closest to “${mention}”`;
  const doubt = probability < SURE ? ": another may be, or none" : "";
  return [element("span", "probability", percent(probability)), ` likely that the first is right for “${mention}”${doubt}`];
}

const address = (mention) => (mention.trim() ? `?q=${encodeURIComponent(mention)}` : "./");
