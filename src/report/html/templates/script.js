"use strict";
(() => {
  const all = [...document.querySelectorAll("details.sc")];
  const tools = document.querySelector(".tools");
  const open = () => {
    const at = decodeURIComponent(location.hash.slice(1));
    const place = at && document.getElementById(at);
    if (place && place.matches("details.sc")) {
      place.removeAttribute("data-off");
      place.open = true;
      place.scrollIntoView();
    }
  };
  addEventListener("hashchange", open);
  open();
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = all.filter((one) => !one.open);
    folded.forEach((one) => (one.open = true));
  });
  addEventListener("afterprint", () => folded.forEach((one) => (one.open = false)));
  if (!tools) return;
  tools.hidden = false;
  const find = document.getElementById("find");
  const found = document.getElementById("found");
  const boxes = [...tools.querySelectorAll("input[name=verdict]")];
  const rows = new Map([...document.querySelectorAll("tr[data-row]")].map((row) => [row.dataset.row, row]));
  const filter = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const verdicts = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    let shown = 0;
    for (const one of all) {
      const text = one.textContent.toLowerCase();
      const on = verdicts.has(one.dataset.verdict) && words.every((word) => text.includes(word));
      one.toggleAttribute("data-off", !on);
      const row = rows.get(one.dataset.scenario);
      if (row) row.toggleAttribute("data-off", !on);
      shown += on;
    }
    found.textContent = `${shown} of ${all.length}`;
  };
  tools.addEventListener("input", filter);
  tools.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("unfold").addEventListener("click", () => all.forEach((one) => (one.open = true)));
  document.getElementById("fold").addEventListener("click", () => all.forEach((one) => (one.open = false)));
  filter();
})();
