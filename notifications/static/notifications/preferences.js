/** The settings: a grid of types and channels, and how often email comes. Saves by itself, rolls back. */

import { drawing, element, icon, setText } from "./dom.js";
import { STRINGS } from "./preferences_strings.js";

export { sheet } from "./preferences_styles.js";

const GATHER = 800; // several ticks are one call
const NEVER = "never";
const FAILURES = new Set(["tooOften", "saveFailed"]);
const BACK = "M19 12H5m6-6-6 6 6 6";
const LOCK = "M7 11V8a5 5 0 0 1 10 0v3M5.5 11h13v9h-13z";

export class Preferences {
  #api;
  #translator;
  #say;
  #catalog = null;
  #saved = null; // the server's word
  #draft = null; // the same, with the user's changes
  #sending = []; // changes that were sent and not yet answered
  #waiting = null; // changes that are yet to be sent
  #timer = null;
  #told = null; // the key of what the status says
  #lastCall = Promise.resolve();
  #body = element("div", { part: "settings-body" });
  #status = element("p", { part: "settings-status" });
  #back;

  constructor({ api, translator, onBack, say, signal }) {
    translator.learn(STRINGS);
    this.#api = api;
    this.#translator = translator;
    this.#say = say;
    const label = translator.text("back");
    this.#back = element("button", { part: "action back", title: label, "aria-label": label, onclick: onBack }, drawing(BACK));
    const heading = element("h2", { part: "heading" }, translator.text("settings"));
    const header = element("header", { part: "header" }, this.#back, heading, this.#status);
    this.element = element("div", { part: "preferences" }, header, this.#body);
    document.addEventListener("visibilitychange", () => this.#visibilityChanged(), { signal });
  }

  async opened() {
    this.#back.focus();
    if (!FAILURES.has(this.#told)) setText(this.#status, ""); // one that came when nobody looked is told now
    this.#told = this.#draft = null;
    this.#body.replaceChildren();
    try {
      this.#show(await this.#read());
    } catch {
      if (!this.#draft) this.#renderFailure(); // a save may have brought it meanwhile
    }
  }

  /** What still waits is sent now; and when the page may be left, out of turn. */
  flush() {
    if (!document.hidden) return void this.#inTurn(() => this.#save());
    this.#lastCall = Promise.allSettled([this.#lastCall, this.#save()]);
  }

  /** Another tab, or a link in a mail, may have changed something before somebody looks again. */
  async #visibilityChanged() {
    if (document.hidden) return this.flush();
    if (!this.element.isConnected) return;
    const answer = await this.#read().catch(() => null);
    if (answer) this.#show(answer);
  }

  #read() {
    return this.#inTurn(() => this.#api.preferences());
  }

  /** One call after the other: each sees what the one before has stored. */
  #inTurn(call) {
    const answer = this.#lastCall.then(call);
    this.#lastCall = answer.catch(() => {});
    return answer;
  }

  // --- Saving ---

  #change(changes) {
    this.#draft = merged(this.#draft, changes);
    this.#waiting = merged(this.#waiting, changes);
    this.#tell("saving");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#inTurn(() => this.#save()), GATHER);
  }

  async #save() {
    const changes = this.#waiting;
    if (!changes) return;
    this.#waiting = null;
    this.#sending.push(changes);
    const answer = await this.#api.changePreferences(changes).catch((error) => ({ error }));
    this.#sending = this.#sending.filter((each) => each !== changes);
    const { error } = answer;
    if (!error || this.#draft) this.#show(error ? this.#saved : answer);
    if (error) this.#tell(error.status === 429 ? "tooOften" : "saveFailed", { n: error.retryAfter ?? 60 });
    else if (!FAILURES.has(this.#told) && !this.#waiting && !this.#sending.length) this.#tell("saved");
  }

  #tell(key, values) {
    this.#told = key;
    const text = this.#translator.text(key, values);
    setText(this.#status, text);
    if (key !== "saving") this.#say(text);
  }

  // --- What is shown ---

  #show(answer) {
    const shown = JSON.stringify(this.#draft);
    this.#saved = answer;
    this.#catalog = answer.catalog;
    this.#draft = [...this.#sending, this.#waiting].reduce(merged, answer);
    if (JSON.stringify(this.#draft) !== shown) this.#render();
  }

  #render() {
    const focused = this.#body.getRootNode().activeElement?.dataset?.cell;
    const intro = element("p", { class: "intro" }, this.#translator.text("preferencesIntro"));
    this.#body.replaceChildren(intro, this.#grid(), ...this.#lockedNote(), this.#digest());
    if (focused) this.#body.querySelector(`[data-cell="${CSS.escape(focused)}"]`)?.focus();
  }

  #renderFailure() {
    const retry = element("button", { part: "retry", onclick: () => this.opened() }, this.#translator.text("retry"));
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
    const onchange = ({ target }) => this.#change({ preferences: { [type.type]: { [name]: target.checked } } });
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
    return locked ? element("span", { class: "locked" }, box, drawing(LOCK)) : box;
  }

  #lockedNote() {
    const types = this.#catalog.types.filter(({ locked }) => Object.keys(locked ?? {}).length > 0);
    if (types.length === 0) return [];
    return [element("p", { class: "note" }, drawing(LOCK), this.#translator.text("lockedNote"))];
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
    const onchange = ({ target }) => target.value && this.#change({ digest_time: target.value }); // drawn anew, it would lose the caret
    const input = element("input", { type: "time", value, onchange, required: true, "data-cell": "time" });
    const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const note = element("p", { class: "note" }, this.#translator.text("timezone", { zone }));
    const use = this.#translator.text("useTimezone", { zone: here });
    if (here && here !== zone) note.append(" ", element("button", { part: "link", onclick: () => this.#set("timezone", here) }, use));
    return [element("label", {}, this.#translator.text("digestTime"), input), note];
  }

  #set(key, value) {
    this.#change({ [key]: value });
    this.#render();
  }

  #channelName({ channel, label }) {
    return this.#translator.name("channels", channel, label);
  }
}

/** As a PATCH changes choices; `changes` may be null. */
function merged(choices, changes) {
  const result = { ...choices };
  for (const [key, value] of Object.entries(changes ?? {})) {
    result[key] = typeof value === "object" ? merged(result[key], value) : value;
  }
  return result;
}
