// A file of mentions: it goes to the server, and comes back linked, as a table and for download.

import { linkFile } from "./api.js";
import { element, idLinks, percent } from "./dom.js";
import { whenReady } from "./server.js";

const SHOWN = 200; // rows

const form = document.getElementById("upload");
const message = document.getElementById("file-message");
const download = document.getElementById("download");
const rows = document.getElementById("rows");

/** Listen to the form. */
export function startFiles() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    link(document.getElementById("file").files[0], document.getElementById("column").value);
  });
}

async function link(file, column) {
  const button = form.querySelector("button");
  button.disabled = true;
  rows.hidden = download.hidden = true;
  say(`Linking the mentions of ${file.name} …`);
  document.body.ariaBusy = "true";
  try {
    const answer = await whenReady(() => linkFile(file, column));
    say(summary(answer));
    offer(answer.file, file.name);
    const calibrated = answer.rows.some(({ probability }) => typeof probability === "number");
    document.getElementById("certainty").textContent = calibrated ? "Likely" : "Score";
    const shown = answer.rows.slice(0, SHOWN).map((row) => toRow(row, calibrated));
    rows.querySelector("tbody").replaceChildren(...shown);
    rows.hidden = !answer.rows.length;
  } catch (error) {
    say(error.message, "error");
  }
  button.disabled = false;
  document.body.ariaBusy = null;
}

function summary({ mentions, linked, skipped, rows: { length }, abbreviations }) {
  const parts = [`${linked} of ${mentions} mentions are linked`];
  if (skipped) parts.push(`${skipped} cannot be`);
  if (abbreviations !== "none") parts.push(`abbreviations by ${abbreviations}`);
  if (length > SHOWN) parts.push(`the first ${SHOWN} are shown`);
  return `${parts.join("; ")}.`;
}

function offer(base64, name) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  URL.revokeObjectURL(download.href);
  download.href = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
  download.download = `linked-${name}`;
  download.hidden = false;
}

function toRow({ mention, name, ids, score, probability, problem }, calibrated) {
  if (problem) {
    const cell = element("td", "error", problem);
    cell.colSpan = 3;
    return element("tr", "", element("td", "", mention), cell);
  }
  return element(
    "tr",
    "",
    element("td", "", mention),
    element("td", "", name),
    element("td", "concept", ...idLinks(ids)),
    element("td", "number", certainty(score, probability, calibrated)),
  );
}

function certainty(score, probability, calibrated) {
  if (!calibrated) return score.toFixed(2);
  return typeof probability === "number" ? percent(probability) : "–"; // of a script that the model does not know
}

function say(text, kind = "") {
  message.textContent = text;
  message.className = kind;
}
