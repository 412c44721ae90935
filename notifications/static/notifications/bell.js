/** <notification-bell>: the bell of a page. Its attributes, properties and events are in docs/bell.md. */

import { Announcer } from "./announcer.js";
import { Api, Tokens } from "./api.js";
import { element, icon, setAttribute, setText } from "./dom.js";
import { Inbox } from "./inbox.js";
import { badgeText, Panel } from "./panel.js";
import { placeBelow } from "./placement.js";
import { languageOf, subjectOf } from "./reader.js";
import { Translator } from "./strings.js";
import { sheet } from "./styles.js";
import { Times } from "./times.js";

const HERE = new URL(import.meta.url).origin;
const PHONE = "(max-width: 520px)";

export class NotificationBell extends HTMLElement {
  static observedAttributes = ["base-url", "user", "link-base"];

  #getToken = null;
  #strings = {};
  #connected = false;
  #session = null; // what lives from connect to disconnect
  #frame = null;
  #unread = null;
  #button = element("button", { part: "button waiting", type: "button", "aria-haspopup": "dialog" }, icon("bell"));
  #badge = element("span", { part: "badge", "aria-hidden": "true" });
  #live = element("div", { class: "quiet", "aria-live": "polite" });
  #phone = matchMedia(PHONE);

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open", delegatesFocus: true });
    root.adoptedStyleSheets = [sheet];
    this.#button.append(this.#badge);
    this.#button.addEventListener("click", () => this.#phone.matches && this.open());
    root.append(this.#button, this.#live);
  }

  connectedCallback() {
    for (const name of ["getToken", "strings"]) this.#upgrade(name);
    this.#connected = true;
    this.#restart();
  }

  disconnectedCallback() {
    this.#connected = false;
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
    const panel = this.#session?.panel.element;
    if (!panel || isOpen(panel)) return;
    if (this.#phone.matches) panel.showModal();
    else panel.showPopover();
  }

  close() {
    const panel = this.#session?.panel.element;
    if (panel?.open) panel.close();
    else if (panel && isOpen(panel)) panel.hidePopover();
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
    if (this.#connected && this.#getToken) this.#begin();
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
      tokens,
      signal,
      share: () => this.#sharedName(baseUrl, tokens),
      on: {
        change: () => this.#changed(),
        arrivals: (notifications) => this.#arrived(notifications, announcer),
        failure: (key, error) => panel.failed(key, error),
        painted: (callback) => requestAnimationFrame(() => setTimeout(callback)),
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
        preferences: (onBack) => this.#preferences({ api, translator, onBack, say: (text) => this.#say(text) }),
      },
    });
    this.#session = { abort, translator, announcer, inbox, panel };
    this.#attach(panel, signal);
    inbox.start();
    this.#changed();
  }

  #end() {
    if (!this.#session) return;
    this.close();
    const { abort, announcer, panel } = this.#session;
    this.#session = null;
    cancelAnimationFrame(this.#frame);
    this.#frame = null;
    announcer.stop();
    abort.abort();
    panel.closed();
    panel.element.remove();
    this.#unread = null;
    this.#button.classList.add("waiting");
    setText(this.#badge, "");
  }

  #attach(panel, signal) {
    this.#button.after(panel.element);
    const changed = () => (isOpen(panel.element) ? this.#opened() : this.#closed());
    panel.element.addEventListener("toggle", changed, { signal });
    panel.element.addEventListener("beforetoggle", (event) => this.#keepFocus(event), { signal });
    panel.element.addEventListener("close", changed, { signal });
    this.#phone.addEventListener("change", () => this.#adapt(), { signal });
    addEventListener("resize", () => this.#place(), { signal });
    addEventListener("scroll", () => this.#place(), { signal, capture: true, passive: true });
    for (const event of ["online", "offline"]) addEventListener(event, () => this.#changed(), { signal });
    document.addEventListener("visibilitychange", () => this.#changed(), { signal });
    this.#adapt();
  }

  /** A popover beside the button, or a modal sheet on a phone. */
  #adapt() {
    const panel = this.#session.panel.element;
    this.close();
    this.#button.popoverTargetElement = this.#phone.matches ? null : panel;
    panel.removeAttribute("style");
  }

  // --- Open and closed ---

  #opened() {
    const { inbox, panel } = this.#session;
    setAttribute(this.#button, "aria-expanded", "true");
    this.#place();
    if (!panel.element.matches(":focus-within")) panel.element.focus(); // somebody may have been faster
    inbox.opened();
    panel.opened();
  }

  /** Browsers forget it for a popover within a shadow root. */
  #keepFocus({ newState, target }) {
    if (newState === "closed" && target.matches(":focus-within")) this.#button.focus();
  }

  #closed() {
    setAttribute(this.#button, "aria-expanded", "false");
    if (!this.#session) return;
    this.#session.settings?.flush();
    this.#session.panel.closed();
    this.#session.inbox.closed();
  }

  #place() {
    const panel = this.#session?.panel.element;
    if (panel && isOpen(panel) && !this.#phone.matches) placeBelow(this.#button, panel);
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
    const { inbox, panel, translator } = this.#session;
    if (inbox.enabled === false) this.close();
    this.#button.hidden = inbox.enabled === false;
    this.#button.classList.toggle("waiting", inbox.enabled === null);
    this.#showCount(inbox.store.unread ?? 0, translator);
    if (isOpen(panel.element) && !document.hidden) panel.render();
  }

  #showCount(unread, translator) {
    setText(this.#badge, unread ? badgeText(unread, translator) : "");
    setAttribute(this.#button, "aria-label", translator.text(unread ? "buttonUnread" : "label", { n: unread }));
    if (unread === this.#unread) return;
    this.#unread = unread;
    this.#emit("unread-change", { unread });
  }

  #arrived(notifications, announcer) {
    announcer.arrived(notifications);
    for (const notification of notifications) this.#emit("notification-arrived", { notification });
  }

  /** What lies behind a modal sheet is silent. */
  #say(text) {
    const panel = this.#session?.panel;
    if (panel && isOpen(panel.element)) panel.say(text);
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

function isOpen(panel) {
  return panel.open || panel.matches(":popover-open");
}

if (!customElements.get("notification-bell")) customElements.define("notification-bell", NotificationBell);
