// The attach control of plain forms: choose, drop or paste; what is chosen adds up, can be taken out again, and
// what the server would refuse is refused here first, so that nothing typed is lost to it.

const boxOf = (element) => element.closest?.("form")?.querySelector("[data-attach-box]");
const inputOf = (box) => box.querySelector("input[type=file]");
const keptIn = (box) => [...box.querySelectorAll(".file:has([name=kept])")];

function sizeWords(bytes) {
  const units = ["B", "KB", "MB"];
  const step = bytes < 1024 ? 0 : bytes < 1048576 ? 1 : 2;
  const digits = step && bytes / 1024 ** step < 10 ? 1 : 0;
  return `${(bytes / 1024 ** step).toLocaleString(document.documentElement.lang, { maximumFractionDigits: digits })} ${units[step]}`;
}

function start(box) {
  const [label, input] = [box.querySelector("label"), inputOf(box)];
  box.dataset.started = "yes";
  box.chosen = [];
  label.className = label.dataset.look;
  input.classList.add("sr");
  add(box, [...input.files]);
}

/** Return why a file beside others of these sizes is too much, in words; "" when it fits. */
export function refusal(file, others, { one, all, most, heavy, together, many }) {
  if (file.size > Number(one)) return heavy;
  if (others.length >= Number(most)) return many;
  return others.reduce((sum, each) => sum + each, file.size) > Number(all) ? together : "";
}

/** Take in what fits; say what does not, and why. */
function add(box, files) {
  const refused = box.querySelector("[data-refused]");
  const words = refused.querySelector("span");
  const kept = keptIn(box).map((chip) => Number(chip.dataset.size));
  const problems = [];
  for (const file of files) {
    const why = refusal(file, [...kept, ...box.chosen.map((each) => each.size)], box.dataset);
    if (why) problems.push(`${file.name} ${why}`);
    else box.chosen.push(file);
  }
  refused.hidden = problems.length === 0;
  box.classList.toggle("danger", problems.length > 0);
  words.textContent = problems.join(" ");
  show(box);
}

function show(box) {
  const carried = new DataTransfer();
  for (const file of box.chosen) carried.items.add(file);
  inputOf(box).files = carried.files;
  const names = box.querySelector("[data-names]");
  const shape = box.querySelector("template").content.firstElementChild;
  const chips = box.chosen.map((file, index) => {
    const chip = shape.cloneNode(true);
    const button = chip.querySelector("button");
    chip.querySelector("span").textContent = file.name;
    chip.querySelector("small").textContent = sizeWords(file.size);
    button.dataset.takeOut = String(index);
    button.setAttribute("aria-label", `${button.dataset.label} ${file.name}`);
    return chip;
  });
  names.replaceChildren(...keptIn(box), ...chips);
  names.hidden = names.childElementCount === 0;
}

document.addEventListener("change", (event) => {
  const box = event.target.closest?.("[data-attach-box]");
  if (box) add(box, [...event.target.files]);
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-take-out]");
  if (!button) return;
  const box = button.closest("[data-attach-box]");
  if (button.dataset.takeOut === "") button.closest(".file").remove();
  else box.chosen.splice(Number(button.dataset.takeOut), 1);
  box.querySelector("[data-refused]").hidden = true;
  show(box);
  inputOf(box).focus();
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    const box = boxOf(event.target);
    if (!box) return;
    box.querySelector("label").classList.toggle("over", kind === "dragover");
    if (kind === "dragleave") return;
    event.preventDefault();
    if (kind === "drop") add(box, [...event.dataTransfer.files]);
  });
}
document.addEventListener("paste", (event) => {
  const box = boxOf(event.target);
  if (!box || !event.clipboardData.files.length) return;
  event.preventDefault();
  add(box, [...event.clipboardData.files]);
});

for (const box of document.querySelectorAll("[data-attach-box]")) start(box);
