/** Where the panel opens: a popover at the button's end, or on a phone a modal sheet. */

import { setAttribute } from "./dom.js";

const PHONE = "(max-width: 520px)";
const GAP = 8; // px to the button and the window
const ENOUGH = 360; // px below the button

export class Popup {
  #button;
  #panel;
  #phone = matchMedia(PHONE);

  constructor({ button, panel, signal, onOpen, onClose }) {
    this.#button = button;
    this.#panel = panel;
    const toggled = () => {
      setAttribute(button, "aria-expanded", String(this.isOpen));
      if (!this.isOpen) return onClose();
      this.#place();
      if (!panel.matches(":focus-within")) panel.focus(); // or somebody was faster
      onOpen();
    };
    button.after(panel);
    button.addEventListener("click", () => this.#phone.matches && this.open(), { signal });
    for (const event of ["toggle", "close"]) panel.addEventListener(event, toggled, { signal });
    panel.addEventListener("beforetoggle", (event) => this.#keepFocus(event), { signal });
    this.#phone.addEventListener("change", () => this.#adapt(), { signal });
    addEventListener("resize", () => this.#place(), { signal });
    addEventListener("scroll", () => this.#place(), { signal, capture: true, passive: true });
    this.#adapt();
  }

  get isOpen() {
    return this.#panel.matches(":popover-open, [open]");
  }

  open() {
    if (this.isOpen) return;
    if (this.#phone.matches) this.#panel.showModal();
    else this.#panel.showPopover();
  }

  close() {
    this.#panel.close();
    this.#panel.hidePopover();
    setAttribute(this.#button, "aria-expanded", "false"); // at once
  }

  #adapt() {
    this.close();
    this.#button.popoverTargetElement = this.#phone.matches ? null : this.#panel;
    this.#panel.removeAttribute("style");
  }

  /** Browsers forget it for a popover within a shadow root. */
  #keepFocus({ newState, target }) {
    if (newState === "closed" && target.matches(":focus-within")) this.#button.focus();
  }

  #place() {
    if (!this.isOpen || this.#phone.matches) return;
    const { style, offsetWidth } = this.#panel;
    const { left, right, top, bottom } = this.#button.getBoundingClientRect();
    const { clientWidth, clientHeight } = document.documentElement;
    const rtl = getComputedStyle(this.#button).direction === "rtl";
    const wished = rtl ? left : right - offsetWidth;
    const below = clientHeight - bottom - 2 * GAP;
    const under = below >= ENOUGH || below >= top;
    style.left = `${Math.max(GAP, Math.min(wished, clientWidth - offsetWidth - GAP))}px`;
    style.top = under ? `${bottom + GAP}px` : "auto";
    style.bottom = under ? "auto" : `${clientHeight - top + GAP}px`;
    style.maxHeight = `${Math.max(200, under ? below : top - 2 * GAP)}px`;
  }
}
