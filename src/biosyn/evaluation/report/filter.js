// The table of errors: rows stay where both the class and the text fit. Without this script all rows are shown.
const controls = document.getElementById("filter");
const kind = document.getElementById("class");
const words = document.getElementById("words");
const shown = document.getElementById("shown");
const rows = [...document.querySelectorAll("#errors tbody tr")].map((row) => ({
  row,
  kind: row.dataset.class,
  text: row.textContent.toLowerCase(),
}));

function filter() {
  const wanted = words.value.trim().toLowerCase();
  let count = 0;
  for (const { row, kind: found, text } of rows) {
    row.hidden = (kind.value && found !== kind.value) || !text.includes(wanted);
    count += row.hidden ? 0 : 1;
  }
  shown.textContent = `${count} of ${rows.length} shown`;
}

if (controls) {
  controls.hidden = false;
  kind.addEventListener("input", filter);
  words.addEventListener("input", filter);
  filter();
}
