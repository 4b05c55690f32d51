// Below a mistake: what its nearest training pictures suggest, and they themselves with their labels and distances.
function nearestTo(set, at) {
  const found = set.near && Object.hasOwn(set.near, set.ids[at]) ? set.near[set.ids[at]] : undefined;
  if (found === undefined) return [];
  const [reason, around] = found, farthest = Math.max(2 * set.near_usual, ...around.map(([, , distance]) => distance), 1);
  const strip = around.map(([place, label, distance]) => {
    const id = set.near_ids[place], name = label < 0 ? set.near_names[-1 - label] : set.classes[label];
    const kind = label === set.labels[at] ? "truth" : label === set.answers[at] ? "said" : "other";
    const text = `training picture ${id}, labelled ${name}, at a distance of ${(distance / 1000).toFixed(3)} (usual: ${(set.near_usual / 1000).toFixed(3)})`;
    const image = make("img", { "data-picture": id, "data-store": "own", alt: text });
    return make("li", { class: kind, title: text }, make("span", { class: "mini" }, watch(image), make("span", { class: "blank", hidden: "" })),
      make("bdi", {}, name), make("span", { class: "away", "aria-hidden": "true", "--away": (distance / farthest).toFixed(3) }));
  });
  return [make("p", { class: "suggests" }, data.reasons[reason]), make("ol", { class: "near", "aria-label": "nearest training pictures" }, ...strip)];
}
