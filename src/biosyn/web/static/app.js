// The page's beginning: the view that the address asks for, and the card about model and dictionary.

import { getInfo } from "./api.js";
import { showCard } from "./card.js";
import { startFiles } from "./files.js";
import { startSearch } from "./search.js";
import { whenReady } from "./server.js";

const view = new URLSearchParams(location.search).get("view") === "file" ? "file" : "search";
document.getElementById(`${view}-view`).hidden = false;
document.querySelector(`[data-view="${view}"]`).setAttribute("aria-current", "page");
if (view === "search") document.getElementById("mention").focus(); // at once: it may be typed before the model is there

await whenReady();
(view === "file" ? startFiles : startSearch)();
showCard(await whenReady(getInfo));
