// A table sorts by the heading that is pressed, which says in which direction first; what is not known stands last.
function sortable(table) {
  const collator = new Intl.Collator(undefined, { numeric: true });
  table.querySelectorAll("thead th").forEach((heading, column) => heading.querySelector("button").addEventListener("click", () => {
    const before = heading.getAttribute("aria-sort");
    const next = before === null ? heading.dataset.first : before === "ascending" ? "descending" : "ascending";
    table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", next);
    const value = (row) => row.children[column]?.dataset.sort ?? "";
    const compare = (a, b) => (column === 0 ? collator.compare(value(a), value(b)) : Number(value(a)) - Number(value(b)));
    const all = [...table.tBodies[0].rows];
    const known = all.filter((row) => value(row) !== "").sort(compare);
    const unknown = all.filter((row) => value(row) === "");
    table.tBodies[0].append(...(next === "descending" ? known.reverse() : known), ...unknown);
  }));
}
document.querySelectorAll("table.sortable").forEach(sortable);
