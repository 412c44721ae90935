/** Day groups of which only the rows near the viewport are in the document, and a position that stays put. */

import { element, setText } from "./dom.js";

const MARGIN = 800; // px rendered above and below the viewport
const NEAR_END = 900; // px
const AT_TOP = 2; // px
const CALM = 1_500; // ms: what arrives faster waits behind the pill
const GUESS = { row: 92, heading: 33 };

export class List {
  #scroller;
  #createRow;
  #describe;
  #onNearEnd;
  #onWaiting;
  #top = element("div", { "aria-hidden": "true" });
  #bottom = element("div", { "aria-hidden": "true" });
  #entries = [];
  #rows = new Map(); // id -> Row, of those in the document
  #groups = new Map(); // day -> {section, list}
  #heights = new Map();
  #heading = GUESS.heading;
  #width = 0;
  #current = null; // id of the row that the keyboard is on
  #seen = null; // key of the newest row that was in view
  #followedAt = 0;
  #frame = null;
  #resize = new ResizeObserver(() => this.#resized());

  constructor({ scroller, createRow, describe, onNearEnd, onWaiting }) {
    this.#scroller = scroller;
    this.#createRow = createRow;
    this.#describe = describe;
    this.#onNearEnd = onNearEnd;
    this.#onWaiting = onWaiting;
    scroller.append(this.#top, this.#bottom);
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    scroller.addEventListener("keydown", (event) => this.#pressed(event));
    scroller.addEventListener("focusin", ({ target }) => this.#focused(target));
    this.#resize.observe(scroller);
  }

  /** `{key, day, notification}`, newest first. */
  update(entries) {
    const place = this.#placeOfCurrent();
    this.#entries = entries;
    const left = place >= 0 && this.#placeOfCurrent() < 0; // read, in "Unread"
    if (left) this.#current = entries[Math.min(place, entries.length - 1)]?.notification.id ?? null;
    const hold = this.#mustHold();
    if (!hold) this.#followedAt = Date.now();
    this.#draw(hold);
    if (left && this.#scroller.getRootNode().activeElement === this.#scroller) this.#focusAt(this.#placeOfCurrent());
    this.#countWaiting();
  }

  /** Lets go of what the inbox will drop. */
  reset() {
    this.#entries = [];
    this.#heights.clear();
    this.#seen = null;
    this.#current = null;
    this.#scroller.scrollTop = 0;
  }

  toTop() {
    this.#scroller.scrollTop = 0;
    this.#draw(false);
    this.#focusAt(0);
    this.#countWaiting();
  }

  // --- Staying put ---

  /** Nothing moves under a pointer, under the keyboard, or in a storm. */
  #mustHold() {
    const first = this.#entries[0]?.key;
    if (this.#seen === null || first === undefined || first <= this.#seen) return true;
    if (this.#scroller.scrollTop > AT_TOP || this.#scroller.matches(":hover, :focus-within")) return true;
    return Date.now() - this.#followedAt < CALM;
  }

  #countWaiting() {
    if (this.#seen === null || this.#scroller.scrollTop <= AT_TOP) this.#seen = this.#entries[0]?.key ?? this.#seen;
    const waiting = this.#entries.findIndex(({ key }) => key <= this.#seen);
    this.#onWaiting(Math.max(0, waiting));
  }

  #anchors() {
    const edge = this.#scroller.getBoundingClientRect().top;
    return [...this.#rows.values()]
      .map(({ element: row }) => ({ row, box: row.getBoundingClientRect() }))
      .filter(({ box }) => box.bottom > edge)
      .map(({ row, box }) => ({ row, top: box.top }))
      .sort((a, b) => a.top - b.top);
  }

  #draw(hold) {
    const anchors = hold ? this.#anchors() : [];
    this.#render();
    const anchor = anchors.find(({ row }) => row.isConnected);
    if (!anchor) return;
    const moved = anchor.row.getBoundingClientRect().top - anchor.top;
    if (Math.abs(moved) >= 1) this.#scroller.scrollTop += moved;
  }

  #scrolled() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.#draw(true);
      this.#countWaiting();
    });
  }

  #resized() {
    if (this.#scroller.clientWidth !== this.#width) this.#heights.clear();
    this.#width = this.#scroller.clientWidth;
    this.#draw(true);
  }

  // --- Rows near the viewport ---

  #render() {
    const { groups, before, after, below } = this.#layout();
    this.#dropRowsOutside(groups);
    this.#placeGroups(groups);
    this.#top.style.height = `${before}px`;
    this.#bottom.style.height = `${after}px`;
    this.#measure();
    this.#scroller.tabIndex = this.#rows.has(this.#current) ? -1 : 0;
    if (below < NEAR_END && this.#scroller.clientHeight > 0) this.#onNearEnd();
  }

  #layout() {
    const { scrollTop, clientHeight } = this.#scroller;
    const guess = this.#guess();
    const groups = [];
    let before = 0;
    let end = 0; // of the last rendered row
    let y = 0;
    let day = null;
    for (const [index, entry] of this.#entries.entries()) {
      if (entry.day !== day) y += this.#heading;
      day = entry.day;
      const bottom = y + (this.#heights.get(entry.notification.id) ?? guess);
      if (bottom >= scrollTop - MARGIN && y <= scrollTop + clientHeight + MARGIN) {
        if (groups.length === 0) before = y - this.#heading;
        if (groups.at(-1)?.day !== day) groups.push({ day, entries: [] });
        groups.at(-1).entries.push({ entry, index });
        end = bottom;
      }
      y = bottom;
    }
    return { groups, before, after: y - end, below: y - scrollTop - clientHeight };
  }

  #guess() {
    if (this.#heights.size === 0) return GUESS.row;
    let sum = 0;
    for (const height of this.#heights.values()) sum += height;
    return sum / this.#heights.size;
  }

  #dropRowsOutside(groups) {
    const wanted = new Set(groups.flatMap(({ entries }) => entries.map(({ entry }) => entry.notification.id)));
    for (const [id, row] of this.#rows) {
      if (wanted.has(id)) continue;
      if (row.element.matches(":focus-within")) this.#scroller.focus({ preventScroll: true });
      row.element.remove();
      this.#rows.delete(id);
    }
    const days = new Set(groups.map(({ day }) => day));
    for (const [day, { section }] of this.#groups) {
      if (days.has(day)) continue;
      section.remove();
      this.#groups.delete(day);
    }
  }

  #placeGroups(groups) {
    let next = this.#top.nextSibling;
    for (const { day, entries } of groups) {
      const { section, list } = this.#groups.get(day) ?? this.#newGroup(day);
      if (section === next) next = next.nextSibling;
      else this.#scroller.insertBefore(section, next);
      this.#placeRows(list, entries);
    }
  }

  #newGroup(day) {
    const heading = element("h3", { part: "day" });
    setText(heading, day);
    const list = element("ul", { role: "list" });
    const group = { section: element("section", {}, heading, list), list };
    this.#groups.set(day, group);
    return group;
  }

  #placeRows(list, entries) {
    this.#current ??= this.#entries[0].notification.id;
    let next = list.firstChild;
    for (const { entry, index } of entries) {
      const { id } = entry.notification;
      const row = this.#rows.get(id) ?? this.#createRow(entry.notification);
      this.#rows.set(id, row);
      row.show({ ...this.#describe(entry), current: id === this.#current, position: index + 1 });
      if (row.element === next) next = next.nextSibling;
      else list.insertBefore(row.element, next);
    }
  }

  #measure() {
    for (const [id, { element: row }] of this.#rows) {
      if (row.offsetHeight) this.#heights.set(id, row.offsetHeight);
    }
    const [group] = this.#groups.values();
    this.#heading = group?.section.firstChild.offsetHeight || this.#heading;
    if (this.#heights.size > 2 * this.#entries.length + 100) this.#heights.clear();
  }

  // --- Keyboard ---

  #pressed(event) {
    const index = this.#placeOfCurrent();
    const last = this.#entries.length - 1;
    const target = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: last }[event.key];
    if (target === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const entering = !event.target.closest("li");
    this.#focusAt(Math.min(last, Math.max(0, entering ? Math.max(0, index) : target)));
  }

  #focused(target) {
    const id = target.closest("li")?.dataset.id;
    if (!id || id === this.#current) return;
    this.#current = id;
    for (const [other, row] of this.#rows) row.setCurrent(other === id);
  }

  #placeOfCurrent() {
    return this.#entries.findIndex(({ notification }) => notification.id === this.#current);
  }

  #focusAt(index) {
    const entry = this.#entries[index];
    if (!entry) return;
    this.#current = entry.notification.id;
    if (!this.#rows.has(this.#current)) {
      this.#scroller.scrollTop = this.#offsetOf(index);
      this.#render();
    }
    this.#rows.get(this.#current)?.main.focus();
  }

  #offsetOf(index) {
    const guess = this.#guess();
    let y = 0;
    let day = null;
    for (const entry of this.#entries.slice(0, index)) {
      if (entry.day !== day) y += this.#heading;
      day = entry.day;
      y += this.#heights.get(entry.notification.id) ?? guess;
    }
    return y;
  }
}
