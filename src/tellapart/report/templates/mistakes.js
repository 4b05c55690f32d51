// The gallery of mistakes, the surest first, by class on request.
if ($("mistakes-gallery") && data.sets.length) {
  const fill = gallery($("mistakes-gallery"), $("mistakes-more"), 48, (shown, all) => {
    $("mistakes-shown").textContent = shown < all ? `, the first ${number(shown)} of them here` : "";
  });
  const choice = $("mistakes-class");
  let set = data.sets[0], wrong = [];
  const draw = () => {
    const label = choice.value === "" ? null : Number(choice.value);
    const items = label === null ? wrong : wrong.filter((at) => set.labels[at] === label || set.answers[at] === label);
    const all = set.cells.reduce((sum, [truth, said, count]) => sum + (truth !== said && (label === null || truth === label || said === label) ? count : 0), 0);
    const listed = items.length === all ? "" : items.length ? `, the surest ${number(items.length)} listed` : ", none of them listed";
    $("mistakes-count").textContent = all ? `${number(all)} mistake${all === 1 ? "" : "s"}${listed}` : "no mistake here";
    const ofClass = label === null ? ["all classes"] : ["class ", named(set.classes[label])];
    $("mistakes-of").replaceChildren(make("bdi", {}, set.name), " pictures, ", ...ofClass, ":");
    fill(set, items);
  };
  const choose = (chosen) => {
    set = chosen;
    wrong = [...set.ids.keys()].filter((at) => set.labels[at] !== set.answers[at]).sort(surestFirst(set));
    const counts = new Map();
    for (const [truth, said, count] of set.cells) if (truth !== said) for (const label of [truth, said]) counts.set(label, (counts.get(label) || 0) + count);
    const options = [...counts.keys()].sort((a, b) => a - b).map((label) => make("option", { value: String(label) }, `${apart(set.classes[label])} (${number(counts.get(label))})`));
    choice.replaceChildren(make("option", { value: "" }, "all"), ...options);
    draw();
  };
  choice.addEventListener("change", draw);
  offerSets($("mistakes-set"), choose);
  choose(set);
}
