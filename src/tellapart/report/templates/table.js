// The table sorts by the heading that is pressed: names from a to z, figures from the largest down, costs from the least up.
const table = document.getElementById("experiment");
const collator = new Intl.Collator(undefined, { numeric: true });
table.querySelectorAll("thead th").forEach((heading, column) => heading.querySelector("button").addEventListener("click", () => {
  const first = heading.dataset.first;
  const before = heading.getAttribute("aria-sort");
  const next = before === null ? first : before === "ascending" ? "descending" : "ascending";
  table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
  heading.setAttribute("aria-sort", next);
  const value = (row) => row.children[column]?.dataset.sort ?? "";
  const compare = (a, b) => (column === 0 ? collator.compare(value(a), value(b)) : Number(value(a)) - Number(value(b)));
  const all = [...table.tBodies[0].rows];
  const known = all.filter((row) => value(row) !== "").sort(compare);
  const unknown = all.filter((row) => value(row) === "");
  table.tBodies[0].append(...(next === "descending" ? known.reverse() : known), ...unknown);
}));
