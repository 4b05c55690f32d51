const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);

// Text from outside is only ever set as text, never parsed as markup.
function make(tag, options = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(options)) {
    if (key === "class") node.className = value;
    else if (key.startsWith("--")) node.style.setProperty(key, value);
    else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}
const number = (value) => value.toLocaleString("en-US");
// What is not certain is not 100%.
const percent = (parts) => (Math.min(Math.round(parts / 10), parts < 10000 ? 999 : 1000) / 10).toFixed(1) + "%";
// The end of a path says most; its folders are heard, and are seen and copied where it has the focus.
function pathOf(id) {
  const end = id.lastIndexOf("/") + 1;
  return end ? [make("span", { class: "folder" }, id.slice(0, end)), make("span", {}, id.slice(end))] : [id];
}
// A name in a script from right to left would turn what stands behind it round.
const apart = (text) => `\u2068${text}\u2069`;
const named = (text) => make("bdi", { class: "name" }, text);

// The pictures stand at the end of the page and are read when the first one comes into sight.
let stores = null;
const arriving = () => document.readyState === "loading";
function addressOf(store, id) {
  if (stores === null) {
    if (arriving()) return undefined;
    stores = JSON.parse($("pictures").textContent);
  }
  const kept = stores[store];
  return kept !== undefined && Object.hasOwn(kept, id) ? kept[id] : undefined;
}
function show(image) {
  const address = addressOf(image.dataset.store, image.dataset.picture);
  if (address === undefined) {
    const blank = image.nextElementSibling, mini = image.closest(".mini"), id = image.dataset.picture;
    image.hidden = true;
    image.style.display = "none";
    if (mini) { mini.style.display = "none"; return; }
    blank.hidden = false;
    blank.title = id;
    blank.replaceChildren("no picture kept: ", ...pathOf(id));
    if (!image.closest(".card")) blank.tabIndex = 0; // a card has it below
    return;
  }
  image.addEventListener("load", () => {
    if (Math.max(image.naturalWidth, image.naturalHeight) <= 40) image.classList.add("tiny");
  }, { once: true });
  image.src = address;
}
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    seen.unobserve(entry.target);
    show(entry.target);
  }
}, { rootMargin: "300px" });
// While the page still arrives nothing is looked for: all are watched when it is there.
const watch = (image) => { if (!arriving()) seen.observe(image); return image; };
document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("img[data-picture]").forEach((image) => seen.observe(image)));
window.addEventListener("beforeprint", () => arriving() || document.querySelectorAll("img[data-picture]:not([src])").forEach(show));

// One wrong or right picture: what it shows, what was said, how sure, where it is.
function card(set, at) {
  const truth = set.classes[set.labels[at]], said = set.classes[set.answers[at]], right = truth === said;
  const image = make("img", { "data-picture": set.ids[at], "data-store": set.store, alt: "" });
  const lines = right
    ? [make("p", { class: "name" }, make("bdi", { class: "said right" }, said)), make("p", { class: "more-sure" }, `${percent(set.confidences[at])} sure`)]
    : [
      make("p", { class: "name" }, "labelled ", make("bdi", { class: "truth" }, truth), ` (${percent(set.label_confidences[at])})`),
      make("p", { class: "name" }, "said ", make("bdi", { class: "said" }, said)),
      make("p", { class: "more-sure" }, `${percent(set.confidences[at])} sure`),
    ];
  return make("figure", { class: "card" }, make("div", { class: "frame" }, watch(image), make("span", { class: "blank", hidden: "" })),
    make("figcaption", {}, ...lines,
      make("p", { class: "file", title: set.ids[at], tabindex: "0" }, ...pathOf(set.ids[at])),
      ...(right ? [] : nearestTo(set, at))));
}

// A gallery of many cards, a page of them at a time; who asks is told how many of how many are shown.
function gallery(box, button, page, tell = () => {}) {
  let items = [], set = null, shown = 0;
  const more = () => {
    const next = items.slice(shown, shown + page);
    const cards = next.map((at) => card(set, at));
    box.append(...cards);
    shown += next.length;
    button.hidden = shown >= items.length;
    button.textContent = `Show ${number(Math.min(page, items.length - shown))} more of ${number(items.length - shown)}`;
    tell(shown, items.length);
    return cards[0];
  };
  button.addEventListener("click", () => {
    const first = more();
    if (first) { first.tabIndex = -1; first.focus({ preventScroll: true }); }
  });
  return (newSet, newItems) => { set = newSet; items = newItems; shown = 0; box.replaceChildren(); more(); };
}

// Every choice between sets is left out where there is one alone.
function offerSets(select, onchange) {
  data.sets.forEach((set, i) => select.append(make("option", { value: String(i) }, `${apart(set.name)} (${number(set.count)})`)));
  if (data.sets.length < 2) select.closest("label").hidden = true, select.closest("label").style.display = "none";
  select.addEventListener("change", () => onchange(data.sets[Number(select.value)]));
}
const surestFirst = (set) => (a, b) => set.confidences[b] - set.confidences[a];
const hasPicture = (set, at) => addressOf(set.store, set.ids[at]) !== undefined;

// The contents show where one is.
const links = new Map([...document.querySelectorAll("nav.contents a")].map((a) => [a.hash.slice(1), a]));
const place = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting || !links.has(entry.target.id)) continue;
    links.forEach((link) => link.removeAttribute("aria-current"));
    const link = links.get(entry.target.id), list = link.closest("ol");
    link.setAttribute("aria-current", "true");
    list.scrollLeft = link.offsetLeft - list.offsetLeft - 40;
  }
}, { rootMargin: "-20% 0px -70% 0px" });
document.querySelectorAll("main > section").forEach((section) => place.observe(section));
