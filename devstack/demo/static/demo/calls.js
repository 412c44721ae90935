/** Calls of the demo's own routes, and what the page asks again and again for as long as somebody looks. */

const viewer = document.querySelector("#viewer");

export const user = viewer.elements.user.value;

export async function post(address, fields = {}) {
  const body = new FormData(viewer); // with the token against other sites
  for (const [name, value] of Object.entries(fields)) body.set(name, value);
  return read(await ask(address, { method: "POST", body }));
}

/** Ask `section`'s address now, after each `pause()` ms, and when the page is looked at again. Returns "ask now". */
export function watch(section, { show, pause }) {
  const trouble = section.querySelector(".trouble");
  let timer;

  async function look() {
    clearTimeout(timer);
    if (document.hidden) return;
    try {
      show(await read(await ask(`${section.dataset.address}?${new URLSearchParams({ user })}`)));
      complain("");
    } catch (error) {
      complain(error.message);
    }
    clearTimeout(timer); // two questions may have been on their way
    timer = setTimeout(look, pause());
  }

  function complain(text) {
    write(trouble, text);
    trouble.hidden = !text;
  }

  document.addEventListener("visibilitychange", look);
  look();
  return look;
}

/** Leave in place what is there already, so that only what is new moves. */
export function update(list, things, { key, template, fill }) {
  const known = new Map([...list.children].map((item) => [item.dataset.key, item]));
  const wanted = things.map((thing) => {
    const name = key(thing);
    const item = known.get(name) ?? document.querySelector(template).content.firstElementChild.cloneNode(true);
    item.dataset.key = name;
    fill(item, thing);
    return item;
  });
  const isSame = wanted.length === list.children.length && wanted.every((item, place) => item === list.children[place]);
  if (!isSame) list.replaceChildren(...wanted);
}

/** Text is only ever text, and what has not changed is not written: it would be read out again. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function ask(address, options) {
  return fetch(address, options).catch(() => {
    throw new Error(navigator.onLine ? "The demo does not answer. Does it still run?" : "You are offline.");
  });
}

async function read(answer) {
  const content = await answer.json().catch(() => null);
  if (answer.ok && content) return content;
  throw new Error(content?.error?.message ?? `The demo answered ${answer.status}.`);
}
