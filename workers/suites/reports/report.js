"use strict";
const bar = document.querySelector(".filter");
if (bar) {
  const rows = [...document.querySelectorAll("tr[data-verdict]")];
  const search = bar.querySelector("input[type=search]");
  const boxes = [...bar.querySelectorAll("input[type=checkbox]")];
  const shown = bar.querySelector("output");
  const apply = () => {
    const words = search.value.trim().toLowerCase();
    const wanted = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    let count = 0;
    for (const row of rows) {
      const fits = wanted.has(row.dataset.verdict) && row.dataset.name.toLowerCase().includes(words);
      row.hidden = !fits;
      count += fits;
    }
    shown.textContent = `${count} of ${rows.length}`;
  };
  bar.addEventListener("input", apply);
  bar.hidden = false;
  apply();
}
