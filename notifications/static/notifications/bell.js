/** <notification-bell>: the bell of a page. Its attributes, properties and events are in docs/bell.md. */

import { Announcer } from "./announcer.js";
import { Api, Tokens } from "./api.js";
import { element, icon, setAttribute, setText } from "./dom.js";
import { Inbox } from "./inbox.js";
import { Panel } from "./panel.js";
import { Popup } from "./popup.js";
import { languageOf, subjectOf } from "./reader.js";
import { Translator } from "./strings.js";
import { sheet } from "./styles.js";
import { Times } from "./times.js";

const HERE = new URL(import.meta.url).origin;

export class NotificationBell extends HTMLElement {
  static observedAttributes = ["base-url", "user", "link-base"];

  #getToken = null;
  #strings = {};
  #session = null; // what lives from connect to disconnect
  #frame = null;
  #unread = null;
  #button = element("button", { part: "button waiting", "aria-haspopup": "dialog" }, icon("bell"));
  #badge = element("span", { part: "badge", "aria-hidden": "true" });
  #live = element("div", { class: "quiet", "aria-live": "polite" });

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open", delegatesFocus: true });
    root.adoptedStyleSheets = [sheet];
    this.#button.append(this.#badge);
    root.append(this.#button, this.#live);
  }

  connectedCallback() {
    for (const name of ["getToken", "strings"]) this.#upgrade(name);
    this.#restart();
  }

  disconnectedCallback() {
    this.#end();
  }

  attributeChangedCallback() {
    this.#restart();
  }

  get getToken() {
    return this.#getToken;
  }

  /** A new callback is a new user: everything starts afresh. */
  set getToken(callback) {
    this.#getToken = callback;
    this.#restart();
  }

  get strings() {
    return this.#strings;
  }

  set strings(overrides) {
    this.#strings = overrides;
    this.#restart();
  }

  get unreadCount() {
    return this.#unread ?? 0;
  }

  open() {
    this.#session?.popup.open();
  }

  close() {
    this.#session?.popup.close();
  }

  // --- From connect to disconnect ---

  /** A property that was set before this file was loaded. */
  #upgrade(name) {
    if (!Object.hasOwn(this, name)) return;
    const value = this[name];
    delete this[name];
    this[name] = value;
  }

  #restart() {
    this.#end();
    if (this.isConnected && this.#getToken) this.#begin();
  }

  #begin() {
    const abort = new AbortController();
    const { signal } = abort;
    const language = languageOf(this);
    const translator = new Translator(this.#strings, language);
    const tokens = new Tokens(() => this.#getToken());
    const baseUrl = this.getAttribute("base-url") || HERE;
    const api = new Api({ baseUrl, tokens, signal });
    const announcer = new Announcer({ translator, say: (text) => this.#say(text) });
    const inbox = new Inbox({
      api,
      signal,
      on: {
        change: () => this.#changed(),
        arrivals: (notifications, live) => this.#arrived(notifications, live),
        failure: (key, error) => panel.failed(key, error),
      },
    });
    const panel = new Panel({
      inbox,
      translator,
      times: new Times(translator, language),
      bases: { links: this.getAttribute("link-base") || document.baseURI, images: baseUrl },
      on: {
        close: () => this.close(),
        follow: (notification, event) => this.#follow(notification, event),
        preferences: (onBack) => this.#preferences({ api, translator, onBack, signal, say: (text) => this.#say(text) }),
      },
    });
    const popup = this.#popup({ inbox, panel, signal });
    this.#session = { abort, translator, announcer, inbox, panel, popup };
    for (const event of ["online", "offline"]) addEventListener(event, () => this.#changed(), { signal });
    document.addEventListener("visibilitychange", () => this.#changed(), { signal });
    inbox.start({ tokens, share: () => this.#sharedName(baseUrl, tokens) });
    this.#changed();
  }

  #end() {
    if (!this.#session) return;
    this.close();
    this.#closed();
    const { abort, announcer, panel } = this.#session;
    this.#session = null;
    cancelAnimationFrame(this.#frame);
    this.#frame = null;
    announcer.stop();
    abort.abort();
    panel.element.remove();
    this.#unread = null;
    this.#button.classList.add("waiting");
    setText(this.#badge, "");
  }

  #popup({ inbox, panel, signal }) {
    return new Popup({
      button: this.#button,
      panel: panel.element,
      signal,
      onOpen: () => {
        inbox.pages.opened();
        panel.opened();
      },
      onClose: () => this.#closed(),
    });
  }

  #closed() {
    const { settings, panel, inbox } = this.#session;
    settings?.flush();
    panel.closed();
    inbox.pages.closed();
  }

  async #preferences(options) {
    const session = this.#session;
    const { Preferences, sheet: look } = await import("./preferences.js");
    this.shadowRoot.adoptedStyleSheets = [sheet, look];
    return (session.settings = new Preferences(options));
  }

  // --- What is shown ---

  #changed() {
    if (document.hidden) return this.#render(); // no frames, but the page's title may show the count
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.#render();
    });
  }

  #render() {
    if (!this.#session) return;
    const { inbox, panel, popup, translator } = this.#session;
    if (inbox.enabled === false) this.close();
    this.#button.hidden = inbox.enabled === false;
    this.#button.classList.toggle("waiting", inbox.enabled === null);
    this.#showCount(inbox.store.unread ?? 0, translator);
    if (popup.isOpen && !document.hidden) panel.render();
  }

  #showCount(unread, translator) {
    setText(this.#badge, unread ? translator.badge(unread) : "");
    setAttribute(this.#button, "aria-label", translator.text(unread ? "buttonUnread" : "label", { n: unread }));
    if (unread === this.#unread) return;
    this.#unread = unread;
    this.#emit("unread-change", { unread });
  }

  #arrived(notifications, live) {
    this.#session.announcer.arrived(notifications);
    for (const notification of notifications) this.#emit("notification-arrived", { notification, live });
  }

  /** What lies behind a modal sheet is silent. */
  #say(text) {
    if (this.#session?.popup.isOpen) this.#session.panel.say(text);
    else setText(this.#live, text);
  }

  #follow(notification, event) {
    const elsewhere = event.type === "auxclick" || event.ctrlKey || event.metaKey || event.shiftKey;
    if (!this.#emit("notification-click", { notification })) event.preventDefault();
    if (!elsewhere && event.currentTarget.href) this.close();
  }

  #emit(name, detail) {
    return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable: true }));
  }

  /** What tabs of one user share, or null when nobody knows whose they are. */
  async #sharedName(baseUrl, tokens) {
    const user = this.getAttribute("user") ?? subjectOf(await tokens.get().catch(() => ""));
    return user && `${baseUrl} ${user}`;
  }
}

if (!customElements.get("notification-bell")) customElements.define("notification-bell", NotificationBell);
