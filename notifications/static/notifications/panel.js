/** The panel: tabs, the list and its empty, loading, error and offline states, and a way to undo. */

import { element, icon, setAttribute, setText } from "./dom.js";
import { List } from "./list.js";
import { Status } from "./live.js";
import { Placeholder } from "./placeholder.js";
import { Row } from "./row.js";
import { Toast } from "./toast.js";

const TICK = 30_000;

export class Panel {
  #inbox;
  #translator;
  #times;
  #bases;
  #on;
  #list;
  #parts;
  #why = new Map(); // id -> text shown below the row
  #size = 0; // of the whole list; -1 while unknown
  #ticker = null;
  #toast;
  #placeholder;
  #shownUndo = null;
  #preferences = null;

  constructor({ inbox, translator, times, bases, on }) {
    this.#inbox = inbox;
    this.#translator = translator;
    this.#times = times;
    this.#bases = bases;
    this.#on = on;
    this.#toast = new Toast({ translator, say: (text) => this.say(text), takeFocus: () => this.element.focus() });
    this.#placeholder = new Placeholder({ translator, onRetry: () => this.#retry() });
    this.#parts = this.#build();
    this.element = this.#parts.panel;
    this.#list = new List({
      scroller: this.#parts.scroller,
      createRow: (notification) => this.#newRow(notification),
      describe: (entry) => this.#describe(entry),
      onNearEnd: () => inbox.pages.error ?? inbox.pages.loadMore(),
      onWaiting: (n) => this.#showWaiting(n),
    });
    this.#parts.scroller.append(this.#placeholder.tail, this.#placeholder.element);
  }

  opened() {
    this.#ticker = setInterval(() => this.render(), TICK);
    this.render();
  }

  closed() {
    clearInterval(this.#ticker);
    this.#why.clear();
    this.#showList();
    this.#list.reset();
  }

  say(text) {
    setText(this.#parts.live, text);
  }

  /** Called at most once a frame. */
  render() {
    const { store, pages, marks } = this.#inbox;
    const entries = store.rows(pages.filter);
    this.#showHead();
    this.#showBanner(entries.length);
    this.#placeholder.show(pages, entries.length);
    this.#size = pages.hasMore ? -1 : entries.length;
    this.#list.update(this.#withDays(entries));
    if (marks.undoable !== this.#shownUndo) this.#showUndo(marks.undoable);
  }

  failed(key, { status, retryAfter: n }) {
    this.#toast.show(this.#translator.text(status === 429 && n ? "tooOften" : key, { n }));
  }

  // --- Parts ---

  #build() {
    const text = (key) => this.#translator.text(key);
    const heading = element("h2", { part: "heading", id: "heading" }, text("label"));
    const markAll = this.#iconButton("mark-all", "checks", "markAll", () => this.#inbox.marks.all());
    const settings = this.#iconButton("settings", "settings", "settings", () => this.#showPreferences());
    const close = this.#iconButton("close", "close", "close", () => this.#on.close());
    const header = element("header", { part: "header" }, heading, markAll, settings, close);
    const tabs = { all: this.#tab("all", text("all")), unread: this.#tab("unread", text("unreadOnly")) };
    const tablist = element(
      "div",
      { part: "tabs", role: "tablist", "aria-label": text("label"), onkeydown: (event) => this.#turnTab(event) },
      tabs.all,
      tabs.unread,
    );
    const banner = element("p", { part: "banner", hidden: true });
    const pill = element("button", { part: "pill", hidden: true, onclick: () => this.#list.toTop() }, "↑ ", element("span"));
    const scroller = element("div", { part: "list", id: "list", role: "tabpanel", tabindex: "-1" });
    const live = element("div", { class: "quiet", "aria-live": "polite" });
    const body = element("div", { part: "content" }, tablist, banner, pill, scroller, this.#toast.element);
    const attributes = { part: "panel", popover: "auto", tabindex: "-1", "aria-labelledby": "heading" };
    const panel = element("dialog", attributes, header, body, live);
    return { panel, header, markAll, settings, tabs, banner, pill, scroller, live, body };
  }

  #iconButton(part, picture, key, onclick) {
    const label = this.#translator.text(key);
    return element("button", { part: `action ${part}`, title: label, "aria-label": label, onclick }, icon(picture));
  }

  #tab(filter, label) {
    const count = element("span", { part: "count", "aria-hidden": "true" });
    const onclick = () => this.#choose(filter);
    return element("button", { part: "tab", role: "tab", id: `tab-${filter}`, "aria-controls": "list", onclick }, label, count);
  }

  #newRow(notification) {
    const actions = {
      follow: (current, event) => this.#follow(current, event),
      toggleRead: (id) => this.#toggleRead(id),
      toggleWhy: (id) => this.#toggleWhy(id),
    };
    return new Row(notification, { actions, translator: this.#translator, bases: this.#bases });
  }

  // --- What is shown ---

  #showHead() {
    const { markAll, tabs, scroller } = this.#parts;
    const { store, pages } = this.#inbox;
    for (const [name, tab] of Object.entries(tabs)) {
      setAttribute(tab, "aria-selected", String(name === pages.filter));
      tab.tabIndex = name === pages.filter ? 0 : -1;
    }
    setText(tabs.unread.lastChild, store.unread ? this.#translator.badge(store.unread) : "");
    setAttribute(scroller, "aria-busy", String(pages.loading));
    setAttribute(scroller, "aria-labelledby", `tab-${pages.filter}`);
    setAttribute(markAll, "aria-disabled", String(!store.unread));
  }

  /** Above rows; the placeholder says what is wrong where there are none. */
  #showBanner(count) {
    const { banner } = this.#parts;
    const { status, store, pages } = this.#inbox;
    const offline = !navigator.onLine;
    const interrupted = status === Status.polling;
    banner.hidden = !(offline || interrupted) || store.size === 0 || (count === 0 && pages.error !== null);
    setText(banner, banner.hidden ? "" : this.#translator.text(offline ? "offline" : "reconnecting"));
  }

  #showWaiting(n) {
    const { pill } = this.#parts;
    pill.hidden = n === 0;
    if (n) setText(pill.lastChild, this.#translator.text("newItems", { n }));
  }

  #showUndo(undoable) {
    this.#shownUndo = undoable;
    if (!undoable) return this.#toast.end();
    this.#toast.offerUndo(undoable.updated, () => this.#inbox.marks.undoAll());
  }

  /** Put into words once a day, since there may be ten thousand. */
  #withDays(entries) {
    const now = Date.now();
    const today = new Date(now).toDateString();
    for (const entry of entries) {
      if (entry.today === today) continue;
      entry.today = today;
      entry.day = this.#times.day(Date.parse(entry.notification.created_at), now);
    }
    return entries;
  }

  #describe({ notification }) {
    const then = Date.parse(notification.created_at);
    return {
      notification,
      read: this.#inbox.store.isRead(notification.id),
      ago: this.#times.ago(then, Date.now()),
      full: this.#times.full(then),
      why: this.#why.get(notification.id),
      size: this.#size,
    };
  }

  // --- What the user does ---

  #retry() {
    const { store, pages } = this.#inbox;
    this.#parts.panel.focus();
    return pages.hasMore && store.rows(pages.filter).length ? pages.loadMore() : pages.refresh();
  }

  #choose(filter) {
    if (filter === this.#inbox.pages.filter) return;
    this.#list.reset();
    this.#inbox.pages.show(filter);
  }

  #turnTab(event) {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    const other = this.#inbox.pages.filter === "all" ? "unread" : "all"; // of two, either way is the other
    this.#choose(other);
    this.#parts.tabs[other].focus();
  }

  #follow(notification, event) {
    this.#inbox.marks.setRead(notification.id, true);
    this.#on.follow(notification, event);
  }

  /** In "Unread" the row is gone with that, and its button. */
  #toggleRead(id) {
    const { store, pages, marks } = this.#inbox;
    const read = !store.isRead(id);
    marks.setRead(id, read);
    if (read && pages.filter === "unread") this.#toast.offerUndo(1, () => marks.setRead(id, false));
  }

  async #toggleWhy(id) {
    if (this.#why.delete(id)) return this.render();
    this.#why.set(id, "…");
    this.render();
    const text = await this.#inbox.explain(id).catch(() => this.#translator.text("whyFailed"));
    if (!this.#why.has(id)) return;
    this.#why.set(id, text);
    this.say(text);
    this.render();
  }

  async #showPreferences() {
    this.#preferences ??= await this.#on.preferences(() => this.#showList({ focus: true })).catch(() => null);
    if (!this.#preferences) return this.#toast.show(this.#translator.text("preferencesFailed"));
    const { panel, header, body } = this.#parts;
    header.hidden = body.hidden = true;
    panel.insertBefore(this.#preferences.element, this.#parts.live);
    this.#preferences.opened();
  }

  #showList({ focus = false } = {}) {
    const { header, body, settings } = this.#parts;
    this.#preferences?.element.remove();
    header.hidden = body.hidden = false;
    if (focus) settings.focus();
  }
}
