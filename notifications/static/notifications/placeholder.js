/** What stands for rows, and below them: loading, an error, nothing yet. */

import { element, icon } from "./dom.js";

const SKELETONS = 6;

export class Placeholder {
  element = element("div", { part: "state", hidden: true });
  tail = element("div", { part: "tail", hidden: true });
  #translator;
  #onRetry;

  constructor({ translator, onRetry }) {
    this.#translator = translator;
    this.#onRetry = onRetry;
  }

  /** `count` rows are shown. */
  show({ loading, error, filter, isLoaded, hasMore }, count) {
    const waiting = loading || !isLoaded;
    const kind = count ? null : error ? "error" : waiting ? "loading" : `empty-${filter}`;
    change(this.element, kind, () => this.#partsOf(kind));
    const below = count === 0 ? null : error ? "error" : loading && hasMore ? "loading" : null;
    change(this.tail, below, () => this.#partsBelow(below));
  }

  #partsBelow(kind) {
    return kind === "error" ? [element("span", {}, this.#text("loadFailed")), this.#retry()] : skeletons(1);
  }

  #partsOf(kind) {
    if (kind === "loading") return [element("span", { class: "quiet" }, this.#text("loading")), ...skeletons(SKELETONS)];
    if (kind === "error") {
      const key = navigator.onLine ? "loadFailed" : "offlineEmpty";
      return [icon("alert"), element("p", {}, this.#text(key)), this.#retry()];
    }
    const [picture, name] = kind === "empty-all" ? ["bell", "emptyAll"] : ["check", "emptyUnread"];
    return [icon(picture), element("p", {}, this.#text(name)), element("small", {}, this.#text(`${name}Hint`))];
  }

  #retry() {
    return element("button", { part: "retry", onclick: this.#onRetry }, this.#text("retry"));
  }

  #text(key) {
    return this.#translator.text(key);
  }
}

/** Only what differs, so that screen readers stay calm. */
function change(node, kind, parts) {
  node.hidden = kind === null;
  if (node.dataset.kind === String(kind)) return;
  node.dataset.kind = String(kind);
  node.replaceChildren(...(kind ? parts() : []));
}

function skeletons(count) {
  return Array.from({ length: count }, () =>
    element("div", { part: "skeleton", "aria-hidden": "true" }, element("i"), element("i"), element("i")),
  );
}
