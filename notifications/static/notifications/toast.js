/** A short message at the bottom of the panel, perhaps with a button. */

import { element } from "./dom.js";

const STAYS = 10_000; // ms; the server allows an undo for 60 s

export class Toast {
  element = element("div", { part: "toast", hidden: true });
  #say;
  #mustStay;
  #takeFocus;
  #timer = null;

  /** While `mustStay`, not to vanish under a pointer or the focus. */
  constructor({ say, mustStay, takeFocus }) {
    this.#say = say;
    this.#mustStay = mustStay;
    this.#takeFocus = takeFocus;
  }

  show(text, ...actions) {
    this.element.replaceChildren(element("span", {}, text), ...actions);
    this.element.hidden = false;
    this.#say(text);
    this.#endLater();
  }

  end() {
    if (this.#mustStay() && this.element.matches(":hover, :focus-within")) return this.#endLater();
    clearTimeout(this.#timer);
    if (this.element.matches(":focus-within")) this.#takeFocus();
    this.element.hidden = true;
  }

  #endLater() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.end(), STAYS);
  }
}
