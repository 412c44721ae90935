/** One notification: a real link, a read toggle, and "why am I seeing this?". */

import { element, icon, safeAddress, setAttribute, setText } from "./dom.js";

let rows = 0;

export class Row {
  #actions;
  #translator;
  #notification;
  #parts;

  constructor(notification, { actions, translator, bases }) {
    this.#actions = actions;
    this.#translator = translator;
    this.#notification = notification;
    this.#parts = this.#build(notification, bases);
    this.element = element("li", { part: "row" }, this.main, this.#parts.tools, this.#parts.why);
    this.element.dataset.id = notification.id;
  }

  show({ notification, read, current, why, ago, full, position, size }) {
    this.#notification = notification;
    const { mark, unread, title, body, time, toggle } = this.#parts;
    setText(title, notification.title);
    setText(body, notification.body);
    body.hidden = !notification.body;
    setText(time, ago);
    setAttribute(time, "title", full);
    const label = this.#translator.text(read ? "markUnread" : "markRead");
    setAttribute(toggle, "aria-label", label);
    setAttribute(toggle, "title", label);
    setText(unread, read ? "" : this.#translator.text("unread"));
    mark.hidden = read;
    this.setCurrent(current);
    for (const [state, on] of Object.entries({ unread: !read, open: why !== undefined })) {
      this.element.classList.toggle(state, on);
      this.element.part.toggle(state, on);
    }
    setAttribute(this.element, "aria-posinset", String(position));
    setAttribute(this.element, "aria-setsize", String(size));
    this.#showWhy(why);
  }

  /** One row is in the tab order; arrow keys go from row to row. */
  setCurrent(current) {
    for (const control of [this.main, this.#parts.ask, this.#parts.toggle]) control.tabIndex = current ? 0 : -1;
  }

  #build(notification, bases) {
    const id = `row${++rows}`;
    const why = this.#translator.text("why");
    const about = `${id}${notification.body ? "b" : "t"}`; // many have the same title
    const named = (self) => ({ id: self, "aria-labelledby": `${self} ${about}` });
    const parts = {
      mark: element("span", { part: "dot" }),
      unread: element("span", { class: "quiet", id: `${id}u` }),
      title: element("span", { part: "title", id: `${id}t`, dir: "auto", onpointerenter }),
      body: element("span", { part: "body", id: `${id}b`, dir: "auto", onpointerenter }),
      time: element("time", { part: "time", id: `${id}w`, datetime: notification.created_at }),
      toggle: this.#tool("toggle", "check", named(`${id}r`), () => this.#actions.toggleRead(notification.id)),
      ask: this.#tool(
        "ask",
        "why",
        { ...named(`${id}a`), title: why, "aria-label": why, "aria-controls": `${id}y` },
        () => this.#actions.toggleWhy(notification.id),
      ),
      why: element("p", { part: "why", id: `${id}y`, hidden: true }),
    };
    parts.toggle.prepend(parts.mark);
    parts.tools = element("div", { part: "tools" }, parts.toggle, parts.ask);
    this.main = this.#buildMain(notification, bases, parts);
    setAttribute(this.main, "aria-labelledby", `${id}u ${id}t ${id}w`);
    setAttribute(this.main, "aria-describedby", `${id}b`);
    return parts;
  }

  #tool(part, picture, attributes, onclick) {
    return element("button", { part: `tool ${part}`, ...attributes, onclick }, icon(picture));
  }

  #buildMain({ resource, type, actor }, bases, { unread, title, body, time }) {
    const content = element("span", { class: "text" }, unread, title, body, time);
    const faces = this.#faces(actor, type, bases.images);
    const picture = element("span", { part: "avatar", "aria-hidden": "true" }, ...faces);
    if (actor) picture.style.setProperty("--hue", hueOf(actor.id));
    const href = safeAddress(resource?.url, bases.links);
    const follow = (event) => this.#actions.follow(this.#notification, event);
    if (!href) return element("button", { part: "main", onclick: follow }, picture, content);
    const middle = (event) => event.button === 1 && follow(event);
    return element("a", { part: "main", href, onclick: follow, onauxclick: middle }, picture, content);
  }

  #faces(actor, type, base) {
    const kind = icon(type);
    if (!actor) return [kind];
    const initials = element("span", { class: "initials" }, initialsOf(actor.name));
    const src = safeAddress(actor.avatar_url, base);
    const onerror = (event) => event.target.remove();
    const image = src && element("img", { src, alt: "", loading: "lazy", referrerpolicy: "no-referrer", onerror });
    return [initials, image, element("span", { part: "kind" }, kind)];
  }

  #showWhy(text) {
    setAttribute(this.#parts.ask, "aria-expanded", String(text !== undefined));
    this.#parts.why.hidden = text === undefined;
    setText(this.#parts.why, text ?? "");
  }
}

/** Tells all of what is cut. */
function onpointerenter({ target }) {
  target.title = target.scrollHeight > target.clientHeight ? target.textContent : "";
}

function initialsOf(name) {
  const [first, ...others] = (name ?? "").trim().split(/\s+/);
  return [first, others.at(-1) ?? ""].map((word) => [...word][0]).join("").toLocaleUpperCase();
}

function hueOf(id) {
  let hash = 0;
  for (const letter of id) hash = (hash * 31 + letter.codePointAt(0)) % 360;
  return hash;
}
