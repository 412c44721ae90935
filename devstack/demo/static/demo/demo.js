/** What the page around the bell does: signs it in, publishes, and tells how long the way took. */

const LOG_LENGTH = 6;

const bell = document.querySelector("notification-bell");
const log = document.querySelector(".log");
const title = document.title;
const arrivals = new Map(); // notification id -> a promise of when it was in the bell, and how to keep it

bell.getToken = async () => (await post("/demo/token")).token;
bell.addEventListener("unread-change", ({ detail: { unread } }) => {
  document.title = unread ? `(${unread}) ${title}` : title;
});
bell.addEventListener("notification-arrived", ({ detail: { notification } }) => {
  arrival(notification.id).resolve(performance.now());
});
for (const button of document.querySelectorAll("[data-service]")) {
  button.addEventListener("click", () => publish(button));
}

async function publish(button) {
  if (button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";
  const startedAt = performance.now();
  const entry = newEntry(button.querySelector(".what").textContent);
  try {
    const { published } = await post("/demo/publish", { service: button.dataset.service });
    entry.show("published", "published, on its way");
    Promise.all(published.map(({ notification_id: id }) => arrival(id).promise)).then((times) => {
      entry.show("arrived", `in the bell after ${Math.round(Math.max(...times) - startedAt)} ms`);
    });
  } catch (error) {
    entry.show("failed", error.message);
  } finally {
    button.ariaDisabled = "false";
  }
}

/** Either may come first, the answer to the click or the notification. */
function arrival(id) {
  if (!arrivals.has(id)) {
    let resolve;
    const promise = new Promise((keep) => (resolve = keep));
    arrivals.set(id, { promise, resolve });
  }
  return arrivals.get(id);
}

/** Text is only ever text. */
function newEntry(label) {
  const item = document.createElement("li");
  const output = document.createElement("output");
  item.append(label, output);
  log.prepend(item);
  while (log.children.length > LOG_LENGTH) log.lastChild.remove();
  const show = (state, text) => {
    item.className = state;
    output.textContent = text;
  };
  show("asked", "publishing…");
  return { show };
}

async function post(address, fields = {}) {
  const body = new FormData(document.querySelector("#viewer"));
  for (const [name, value] of Object.entries(fields)) body.set(name, value);
  const answer = await fetch(address, { method: "POST", body });
  const content = await answer.json().catch(() => null);
  if (answer.ok && content) return content;
  throw new Error(content?.error?.message ?? `The demo answered ${answer.status}.`);
}
