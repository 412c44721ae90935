/** The settings: a grid of types and channels, and how often email comes. Saves by itself, rolls back. */

import { element, icon, setText } from "./dom.js";
import { STRINGS } from "./preferences_strings.js";

export { sheet } from "./preferences_styles.js";

const GATHER = 800; // several ticks are one PUT
const NEVER = "never";

export class Preferences {
  #api;
  #translator;
  #say;
  #catalog = null;
  #saved = null; // the server's word
  #draft = null; // the user's
  #timer = null;
  #saves = Promise.resolve();
  #body = element("div", { part: "settings-body" });
  #status = element("p", { part: "settings-status" });
  #back;

  constructor({ api, translator, onBack, say }) {
    translator.learn(STRINGS);
    this.#api = api;
    this.#translator = translator;
    this.#say = say;
    const label = translator.text("back");
    this.#back = element("button", { part: "action back", type: "button", title: label, "aria-label": label, onclick: onBack }, icon("back"));
    const heading = element("h2", { part: "heading" }, translator.text("settings"));
    const header = element("header", { part: "header" }, this.#back, heading, this.#status);
    this.element = element("div", { part: "preferences" }, header, this.#body);
  }

  async opened() {
    this.#back.focus();
    setText(this.#status, "");
    try {
      if (!this.#draft) this.#take(await this.#api.preferences());
      this.#render();
    } catch {
      this.#renderFailure();
    }
  }

  /** What still waits is sent now. */
  flush() {
    if (!this.#timer) return;
    clearTimeout(this.#timer);
    this.#save();
  }

  #take(answer) {
    this.#catalog = answer.catalog;
    this.#saved = chosenIn(answer);
    this.#draft = structuredClone(this.#saved);
  }

  // --- Saving ---

  #changed() {
    this.#tell("saving");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#save(), GATHER);
  }

  #save() {
    this.#timer = null;
    const draft = structuredClone(this.#draft);
    this.#saves = this.#saves.then(() => this.#put(draft)); // in the order of the clicks
  }

  async #put(draft) {
    try {
      this.#saved = chosenIn(await this.#api.savePreferences(draft));
      if (!this.#timer) this.#tell("saved");
    } catch (error) {
      this.#draft = structuredClone(this.#saved);
      this.#render();
      this.#tell(error.status === 429 ? "tooOften" : "saveFailed", { n: error.retryAfter ?? 60 });
    }
  }

  #tell(key, values) {
    const text = this.#translator.text(key, values);
    setText(this.#status, text);
    if (key !== "saving") this.#say(text);
  }

  // --- What is shown ---

  #render() {
    const focused = this.#body.getRootNode().activeElement?.dataset?.cell;
    const intro = element("p", { class: "intro" }, this.#translator.text("preferencesIntro"));
    this.#body.replaceChildren(intro, this.#grid(), ...this.#lockedNote(), this.#digest());
    if (focused) this.#body.querySelector(`[data-cell="${CSS.escape(focused)}"]`)?.focus();
  }

  #renderFailure() {
    const retry = element("button", { part: "retry", type: "button", onclick: () => this.opened() }, this.#translator.text("retry"));
    this.#body.replaceChildren(element("div", { part: "state" }, icon("alert"), element("p", {}, this.#translator.text("preferencesFailed")), retry));
  }

  #grid() {
    const heads = this.#catalog.channels.map((channel) => element("th", { scope: "col" }, this.#channelName(channel)));
    const corner = element("th", { scope: "col" }, element("span", { class: "quiet" }, this.#translator.text("type")));
    const rows = this.#catalog.types.map((type) => this.#gridRow(type));
    return element("table", { part: "grid" }, element("thead", {}, element("tr", {}, corner, ...heads)), element("tbody", {}, ...rows));
  }

  #gridRow(type) {
    const label = this.#translator.name("types", type.type, type.label);
    const cells = this.#catalog.channels.map((channel) => element("td", {}, this.#cell(type, channel, label)));
    return element("tr", {}, element("th", { scope: "row" }, label), ...cells);
  }

  #cell(type, channel, label) {
    const name = channel.channel;
    const choice = this.#draft.preferences[type.type];
    const locked = Object.hasOwn(type.locked ?? {}, name);
    const silenced = name === "email" && this.#draft.email_digest === NEVER;
    const reason = locked ? this.#translator.text(choice[name] ? "lockedOn" : "lockedOff") : silenced ? this.#translator.text("emailNever") : null;
    const onchange = ({ target }) => {
      choice[name] = target.checked;
      this.#changed();
    };
    const box = element("input", {
      part: "switch",
      type: "checkbox",
      role: "switch",
      "aria-label": [label, this.#channelName(channel), reason].filter(Boolean).join(", "),
      title: reason,
      disabled: locked || silenced,
      onchange,
      "data-cell": `${type.type}:${name}`,
    });
    box.checked = choice[name] && !(silenced && !locked);
    return locked ? element("span", { class: "locked" }, box, icon("lock")) : box;
  }

  #lockedNote() {
    const types = this.#catalog.types.filter(({ locked }) => Object.keys(locked ?? {}).length > 0);
    if (types.length === 0) return [];
    return [element("p", { class: "note" }, icon("lock"), this.#translator.text("lockedNote"))];
  }

  #digest() {
    const { email_digest: digest } = this.#draft;
    const options = this.#catalog.email_digests.map((value) => {
      const option = element("option", { value }, this.#translator.name("digests", value));
      option.selected = value === digest;
      return option;
    });
    const onchange = ({ target }) => this.#set("email_digest", target.value);
    const select = element("select", { onchange, "data-cell": "digest" }, ...options);
    const label = element("label", {}, this.#translator.text("digest"), select);
    const timed = digest === "daily" || digest === "weekly";
    const never = digest === NEVER ? [element("p", { class: "note" }, this.#translator.text("emailNever"))] : [];
    return element("div", { part: "digest" }, label, ...(timed ? this.#time() : []), ...never);
  }

  #time() {
    const { digest_time: value, timezone: zone } = this.#draft;
    const onchange = ({ target }) => target.value && this.#set("digest_time", target.value);
    const input = element("input", { type: "time", value, onchange, required: true, "data-cell": "time" });
    const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const note = element("p", { class: "note" }, this.#translator.text("timezone", { zone }));
    const use = this.#translator.text("useTimezone", { zone: here });
    if (here && here !== zone) note.append(" ", element("button", { type: "button", part: "link", onclick: () => this.#set("timezone", here) }, use));
    return [element("label", {}, this.#translator.text("digestTime"), input), note];
  }

  #set(key, value) {
    this.#draft[key] = value;
    this.#changed();
    this.#render();
  }

  #channelName({ channel, label }) {
    return this.#translator.name("channels", channel, label);
  }
}

/** The PUT body: all of it, since what is left out returns to its default. */
function chosenIn({ preferences, email_digest, timezone, digest_time }) {
  return { preferences, email_digest, timezone, digest_time };
}
