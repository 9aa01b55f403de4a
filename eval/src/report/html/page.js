// Filters the queries. The page is complete without it: every set and query opens by itself.
(() => {
  const text = document.getElementById("filter");
  const missed = document.getElementById("missed");
  const changed = document.getElementById("changed");
  if (!text) return;
  const rows = [...document.querySelectorAll("details.query")].map((row) => ({
    row,
    words: row.querySelector("summary").textContent.toLowerCase(),
  }));
  const apply = () => {
    const wanted = text.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const active = wanted.length > 0 || missed.checked || (changed && changed.checked);
    for (const { row, words } of rows) {
      row.hidden =
        !wanted.every((word) => words.includes(word)) ||
        (missed.checked && !row.hasAttribute("data-missed")) ||
        (changed && changed.checked && !row.hasAttribute("data-changed"));
    }
    for (const set of document.querySelectorAll("details.set")) {
      const shown = set.querySelectorAll("details.query:not([hidden])").length;
      set.hidden = active && shown === 0;
      if (active && shown > 0 && shown <= 50) set.open = true;
      set.querySelector("[data-shown]").textContent = active ? `${shown} shown` : "";
    }
  };
  for (const input of [text, missed, changed]) if (input) input.addEventListener("input", apply);
})();
