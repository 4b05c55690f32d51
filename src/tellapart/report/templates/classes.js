// The table of classes sorts by the heading that is pressed.
const table = $("class-table");
if (table) {
  const collator = new Intl.Collator(undefined, { numeric: true });
  table.querySelectorAll("thead th").forEach((heading, column) => heading.querySelector("button").addEventListener("click", () => {
    const down = heading.getAttribute("aria-sort") === "ascending" || (!heading.hasAttribute("aria-sort") && column === 1);
    table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = (row) => row.children[column].dataset.sort;
    const compare = column === 0 ? (a, b) => collator.compare(value(a), value(b)) : (a, b) => value(a) - value(b);
    const rows = [...table.tBodies[0].rows].sort(compare);
    table.tBodies[0].append(...(down ? rows.reverse() : rows));
  }));
}
