// Dialogs, menus, the theme, and what the contact suggestions put in.
import "./toast.js";

const root = document.documentElement;
let opener;

export const open = (id) => {
  const dialog = document.getElementById(id);
  if (dialog?.showModal && !dialog.open) dialog.showModal();
};

export const cookieOf = () => JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];

function toggleTheme() {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try {
    localStorage.setItem("presteza-theme", root.dataset.theme);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

document.addEventListener("click", (event) => {
  if (event.target.matches("dialog[open]")) event.target.close();
  const element = event.target.closest("[data-open],[data-close],[data-theme-toggle],[data-contact-email],[data-choose-all]");
  if (!element) return;
  if (element.dataset.open) {
    element.closest("[popover]")?.hidePopover();
    open(element.dataset.open);
  }
  if ("close" in element.dataset) element.closest("dialog").close();
  if ("themeToggle" in element.dataset) toggleTheme();
  if ("contactEmail" in element.dataset) takeContact(element.dataset);
  if (element.dataset.chooseAll) chooseAll(element);
});

// The boxes of a list: all ticked, or none when all were.
function chooseAll(button) {
  const boxes = [...button.form.elements].filter((each) => each.name === button.dataset.chooseAll);
  const all = boxes.every((each) => each.checked);
  for (const box of boxes) box.checked = !all;
}
for (const button of document.querySelectorAll("[data-choose-all]")) button.hidden = false;

function takeContact({ contactName, contactEmail }) {
  const name = document.getElementById("n-name");
  if (contactName) name.value = contactName;
  document.getElementById("n-email").value = contactEmail;
  document.getElementById("contacts").replaceChildren();
  document.getElementById("n-subject").focus();
}

// A popover stands beside what opened it; after a choice it closes and focus returns.
document.addEventListener("click", (event) => { opener = event.target.closest("[popovertarget]") ?? opener; }, true);
document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (!menu.matches?.("[popover]") || event.newState !== "open" || !opener) return;
  const box = opener.getBoundingClientRect();
  const left = Math.max(8, Math.min(box.right - menu.offsetWidth, innerWidth - menu.offsetWidth - 8));
  const below = box.bottom + 4;
  const fits = below + menu.offsetHeight < innerHeight - 8;
  menu.style.left = `${left}px`;
  menu.style.top = `${fits ? below : Math.max(8, box.top - menu.offsetHeight - 4)}px`;
}, true);
document.addEventListener("htmx:beforeRequest", (event) => {
  const menu = event.target.closest?.("[popover]");
  if (menu && event.target.matches("button")) menu.hidePopover();
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[popover] button:not([hx-post])")) event.target.closest("[popover]").hidePopover();
});

// Answers that bring a dialog show it.
document.addEventListener("htmx:afterSettle", () => {
  const dialog = document.querySelector("dialog[data-show]:not([open])");
  if (!dialog) return;
  dialog.removeAttribute("data-show");
  dialog.showModal();
});
