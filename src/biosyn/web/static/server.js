// Whether the server is there: what is shown while it is not, and waiting until it is.

import { getReady } from "./api.js";
import { pause } from "./dom.js";

const box = document.getElementById("alert");
const text = document.getElementById("alert-text");
const bar = document.getElementById("progress");
const PATIENCE = 1000; // milliseconds between two tries

/** Return the result of an action, tried again while the server is away, busy or not yet ready. */
export async function whenReady(action = getReady) {
  for (;;) {
    try {
      const result = await action();
      box.hidden = true;
      return result;
    } catch (error) {
      if (!error.away && !error.busy) throw error;
      show(error);
    }
    await pause(PATIENCE);
  }
}

function show({ message, progress, away }) {
  const said = away ? message : `The server is not ready: ${message}`;
  if (text.textContent !== said) text.textContent = said; // or else a screen reader says it again
  box.className = away ? "away" : "";
  bar.hidden = !progress?.total;
  bar.max = progress?.total || 1;
  bar.value = progress?.done ?? 0;
  box.hidden = false;
}
