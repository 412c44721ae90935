/** A short message at the bottom of the panel, perhaps with a button. */

import { element } from "./dom.js";

const STAYS = 10_000; // ms; the server allows an undo for 60 s

export class Toast {
  element = element("div", { part: "toast", hidden: true });
  #translator;
  #say;
  #takeFocus;
  #timer = null;

  constructor({ translator, say, takeFocus }) {
    this.#translator = translator;
    this.#say = say;
    this.#takeFocus = takeFocus;
  }

  show(text, ...actions) {
    this.element.replaceChildren(element("span", {}, text), ...actions);
    this.element.hidden = false;
    this.#say(text);
    this.#endLater();
  }

  /** Of so many that were marked as read. */
  offerUndo(n, act) {
    const onclick = () => {
      act();
      this.end();
    };
    const undo = element("button", { part: "undo", onclick }, this.#translator.text("undo"));
    this.show(this.#translator.text("marked", { n }), undo);
  }

  end() {
    clearTimeout(this.#timer);
    if (this.element.matches(":focus-within")) this.#takeFocus();
    this.element.hidden = true;
  }

  #endLater() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.#isAttended ? this.#endLater() : this.end()), STAYS);
  }

  get #isAttended() {
    return this.element.matches(":hover, :focus-within");
  }
}
