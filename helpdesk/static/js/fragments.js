// Parts of the page fetched in the background, with the person's own rights, without disturbing what is typed.
const running = new Map();

// One fetch a place at a time, and once more for what was asked meanwhile: the last answer is the newest.
export async function only(place, job) {
  if (running.has(place)) {
    running.set(place, job);
    return;
  }
  running.set(place, null);
  try {
    await job();
  } finally {
    const again = running.get(place);
    running.delete(place);
    if (again) await only(place, again);
  }
}

// An expired session or a network that is away changes nothing on the screen; the stream's next greeting fetches again.
export async function fetchFragment(url) {
  try {
    const answer = await fetch(url, { headers: { "HX-Request": "true", "X-Live": "1" } });
    return { status: answer.status, text: await answer.text() };
  } catch {
    return { status: 0, text: "" };
  }
}

export const morph = (element, text) => htmx.swap(element, text, { swapStyle: "morph:outerHTML" }, { contextElement: document.body });
