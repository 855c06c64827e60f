// Files for the draft: chosen, dropped or pasted; one request a file, with progress; the send waits for them.
import { refusal } from "./attach.js";
import { cookieOf } from "./shell.js";
import { toast } from "./toast.js";

const formOf = (event) => event.target.closest?.("[data-composer]");

function send(form, file) {
  const list = form.querySelector("[data-files]");
  const others = [...list.querySelectorAll("[data-size]")].map((chip) => Number(chip.dataset.size));
  const why = refusal(file, others, form.dataset);
  if (why) return toast({ text: `${file.name} ${why}`, tone: "danger" });
  const chip = document.createElement("span");
  chip.className = "file";
  chip.dataset.size = String(file.size);
  chip.textContent = file.name;
  const progress = document.createElement("progress");
  progress.setAttribute("aria-label", file.name);
  chip.append(progress);
  list.hidden = false;
  list.append(chip);
  form.dataset.uploading = String(Number(form.dataset.uploading ?? 0) + 1);
  post(form, file, chip, progress);
}

function post(form, file, chip, progress) {
  const body = new FormData();
  body.set("file", file, file.name);
  const request = new XMLHttpRequest();
  request.open("POST", form.dataset.upload);
  request.setRequestHeader("X-CSRFToken", cookieOf());
  request.setRequestHeader("HX-Request", "true");
  request.upload.onprogress = (event) => { progress.max = event.total; progress.value = event.loaded; };
  request.onloadend = () => {
    form.dataset.uploading = String(Number(form.dataset.uploading) - 1);
    if (request.status === 200) window.htmx.swap(chip, request.responseText, { swapStyle: "outerHTML" });
    else {
      chip.remove();
      const trigger = request.getResponseHeader("HX-Trigger");
      toast(trigger ? JSON.parse(trigger).toast : { text: document.body.dataset.offline, tone: "danger" });
      delete form.dataset.sendAfter;
    }
    if (form.dataset.uploading === "0" && form.dataset.sendAfter) {
      delete form.dataset.sendAfter;
      form.requestSubmit();
    }
  };
  request.send(body);
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-attach]")) formOf(event).querySelector("[data-file-input]").click();
});
document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-file-input]")) return;
  for (const file of event.target.files) send(formOf(event), file);
  event.target.value = "";
});
document.addEventListener("dragover", (event) => { if (formOf(event)) event.preventDefault(); });
document.addEventListener("drop", (event) => {
  const form = formOf(event);
  if (!form || !event.dataTransfer.files.length) return;
  event.preventDefault();
  for (const file of event.dataTransfer.files) send(form, file);
});
document.addEventListener("paste", (event) => {
  const form = formOf(event);
  if (!form || !event.clipboardData.files.length) return;
  event.preventDefault();
  for (const file of event.clipboardData.files) send(form, file);
});
