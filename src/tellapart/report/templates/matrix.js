// The confusion matrix: only cells that hold pictures exist, so that a thousand classes draw as fast as ten.
function drawMatrix(set, order, mistakesOnly) {
  const box = $("matrix"), size = set.classes.length;
  const cells = new Map(), totals = new Array(size).fill(0);
  // Counts are those of all pictures; of a large set the page lists some alone.
  for (const [truth, said, count] of set.cells) {
    totals[truth] += count;
    cells.set(truth * size + said, { count, members: [] });
  }
  set.labels.forEach((label, at) => cells.get(label * size + set.answers[at]).members.push(at));
  const placed = orderOf(set, cells, totals, order), position = new Array(size);
  placed.forEach((label, i) => { position[label] = i; });
  const side = size <= 6 ? 56 : size <= 12 ? 42 : size <= 30 ? 26 : size <= 64 ? 15 : 11;
  const label = (index) => make("span", { title: set.classes[index] }, make("bdi", {}, set.classes[index]));
  const columns = make("div", { class: "columns", "aria-hidden": "true" }, ...placed.map(label));
  const rows = make("div", { class: "rows", "aria-hidden": "true" }, ...placed.map(label));
  const field = make("div", { class: "field" });
  const grid = new Map();
  const keys = [...cells.keys()].sort((a, b) => rank(a) - rank(b));
  function rank(key) { return position[Math.floor(key / size)] * size + position[key % size]; }
  for (const key of keys) {
    const truth = Math.floor(key / size), said = key % size, hit = truth === said;
    if (mistakesOnly && hit) continue;
    const { count, members } = cells.get(key), share = count / totals[truth];
    // The text keeps a contrast of 4.5 in both themes: dark grounds jump over the middle, where neither ink would do.
    const strength = !hit ? 0.18 + 0.42 * Math.sqrt(Math.min(1, 4 * share)) : share < 0.5 ? 0.1 + 0.8 * share : 0.7 + 0.3 * share;
    const text = hit
      ? `${set.classes[truth]}: ${number(count)} of ${number(totals[truth])} right`
      : `${set.classes[truth]} taken for ${set.classes[said]}: ${number(count)} of ${number(totals[truth])}`;
    const cell = make("button", {
      type: "button", class: "cell" + (hit ? " hit" : "") + (strength > 0.8 ? " strong" : ""), "aria-label": text, title: text,
      tabindex: "-1", "--x": position[said], "--y": position[truth], "--share": strength.toFixed(3),
    }, side >= 24 ? number(count) : "");
    cell.pictures = { set, members, count, truth, said };
    cell.place = [position[truth], position[said]];
    grid.set(rank(key), cell);
    field.append(cell);
  }
  box.style.setProperty("--cell", side + "px");
  box.style.setProperty("--classes", size);
  box.style.setProperty("--label", Math.max(8, Math.min(13, side - 2)) + "px");
  box.replaceChildren(make("div", { class: "corner", "aria-hidden": "true" }, "true ↓  predicted →"), columns, rows, field);
  const first = field.querySelector(".cell");
  if (first) first.tabIndex = 0;
  else box.replaceChildren(make("p", {}, "no mistake here"));
}

function orderOf(set, cells, totals, order) {
  const size = totals.length, given = [...totals.keys()];
  const countOf = (key) => (cells.has(key) ? cells.get(key).count : 0);
  const recall = (k) => (totals[k] ? countOf(k * size + k) / totals[k] : 2);
  if (order === "worst") return given.sort((a, b) => recall(a) - recall(b));
  if (order !== "confused") return given;
  // From the least recognised class, always on to the class that it is confused with most.
  const beside = given.map(() => new Map());
  const add = (map, key, count) => map.set(key, (map.get(key) ?? 0) + count);
  for (const [key, { count }] of cells) {
    const a = Math.floor(key / size), b = key % size;
    if (a !== b) { add(beside[a], b, count); add(beside[b], a, count); }
  }
  const left = new Set(given), out = [];
  let last = given.slice().sort((a, b) => recall(a) - recall(b))[0];
  while (left.size) {
    left.delete(last);
    out.push(last);
    const near = new Map();
    for (const [other, count] of beside[last]) add(near, other, 4 * count);
    if (out.length > 1) for (const [other, count] of beside[out[out.length - 2]]) add(near, other, count);
    let best = -1, most = 0;
    for (const [other, count] of near) {
      if (left.has(other) && (count > most || (count === most && other < best))) { most = count; best = other; }
    }
    last = best < 0 ? left.values().next().value : best;
  }
  return out;
}

// The arrow keys go to the nearest cell in that direction, in the same row or column first.
function neighbour(cell, key) {
  const [y, x] = cell.place, along = key === "ArrowLeft" || key === "ArrowRight" ? 1 : 0;
  const sign = key === "ArrowRight" || key === "ArrowDown" ? 1 : -1;
  let best = null, least = Infinity;
  for (const other of cell.parentElement.children) {
    const ahead = (other.place[along] - cell.place[along]) * sign;
    if (ahead <= 0) continue;
    const aside = Math.abs(other.place[1 - along] - [y, x][1 - along]);
    const distance = ahead + cell.pictures.set.classes.length * aside;
    if (distance < least) { least = distance; best = other; }
  }
  return best;
}

const openPictures = gallery(document.querySelector("#pictures-of .gallery"), document.querySelector("#pictures-of .more"), 60);
function openCell(cell) {
  const { set, members, count, truth, said } = cell.pictures;
  const listed = members.length < count ? `, ${number(members.length)} of them listed` : "";
  const pictures = `: ${number(count)} picture${count === 1 ? "" : "s"}${listed}`;
  const title = truth === said ? [named(set.classes[truth]), " recognised", pictures] : [named(set.classes[truth]), " taken for ", named(set.classes[said]), pictures];
  $("pictures-of-title").replaceChildren(...title);
  const sorted = members.slice().sort(surestFirst(set)).sort((a, b) => hasPicture(set, b) - hasPicture(set, a));
  $("pictures-of").showModal();
  $("pictures-of").scrollTop = 0;
  openPictures(set, sorted);
}

if ($("matrix") && data.sets.length) {
  let set = data.sets[0];
  const draw = () => {
    const order = $("matrix-order"), mistakesOnly = $("matrix-mistakes").checked;
    drawMatrix(set, order.value, mistakesOnly);
    const text = ` pictures; order: ${order.selectedOptions[0].text}${mistakesOnly ? "; mistakes only" : ""}`;
    $("matrix-shown").replaceChildren(make("bdi", {}, set.name), text);
  };
  offerSets($("matrix-set"), (chosen) => { set = chosen; draw(); });
  $("matrix-order").addEventListener("change", draw);
  $("matrix-mistakes").addEventListener("change", draw);
  $("matrix").addEventListener("click", (event) => {
    const cell = event.target.closest(".cell");
    if (cell) openCell(cell);
  });
  $("matrix").addEventListener("keydown", (event) => {
    const cell = event.target.closest(".cell");
    if (!cell || !event.key.startsWith("Arrow")) return;
    event.preventDefault();
    const next = neighbour(cell, event.key);
    if (!next) return;
    $("matrix").querySelectorAll(".cell[tabindex='0']").forEach((one) => { one.tabIndex = -1; });
    next.tabIndex = 0;
    next.focus();
  });
  const light = (event) => {
    document.querySelectorAll(".matrix .lit").forEach((one) => one.classList.remove("lit"));
    const cell = event.target.closest(".cell");
    if (!cell) return;
    document.querySelector(".matrix .rows").children[cell.place[0]].classList.add("lit");
    document.querySelector(".matrix .columns").children[cell.place[1]].classList.add("lit");
  };
  $("matrix").addEventListener("pointerover", light);
  $("matrix").addEventListener("focusin", light);
  const dialog = $("pictures-of");
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  // Its padding is no outside, nor is the end of a selection; a click by a key lies nowhere.
  const isOutside = (event) => {
    const { left, right, top, bottom } = dialog.getBoundingClientRect(), { clientX: x, clientY: y } = event;
    return event.target === dialog && (x < left || x > right || y < top || y > bottom);
  };
  let pressedOutside = false;
  dialog.addEventListener("pointerdown", (event) => { pressedOutside = isOutside(event); });
  dialog.addEventListener("click", (event) => { if (pressedOutside && isOutside(event)) dialog.close(); });
  draw();
}
