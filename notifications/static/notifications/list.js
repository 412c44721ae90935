/** Day groups of which only the rows near the viewport are in the document, and a position that stays put. */

import { element } from "./dom.js";
import { Heights } from "./heights.js";

const MARGIN = 800; // px drawn above and below the viewport
const NEAR_END = 900; // px
const AT_TOP = 2; // px
const CALM = 1_500; // ms: what arrives faster waits behind the pill
const ATTENDED = ":hover, :focus-within";

export class List {
  #scroller;
  #createRow;
  #describe;
  #onNearEnd;
  #onWaiting;
  #top = element("div", { "aria-hidden": "true" });
  #bottom = element("div", { "aria-hidden": "true" });
  #floor = element("div", { class: "quiet" }); // how far a short list scrolls
  #entries = [];
  #rows = new Map(); // id -> Row, of those in the document
  #groups = new Map(); // day -> {section, list}
  #heights = new Heights();
  #width = 0;
  #current = null; // id of the row that the keyboard is on
  #anchor = null; // of the last draw
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
    scroller.append(this.#top, this.#bottom, this.#floor);
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
    if (left && this.#scroller.matches(":focus")) this.#focusAt(this.#placeOfCurrent());
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
    if (this.#scroller.scrollTop > AT_TOP || this.#scroller.matches(ATTENDED)) return true;
    return Date.now() - this.#followedAt < CALM;
  }

  #countWaiting() {
    if (this.#seen === null || this.#scroller.scrollTop <= AT_TOP) this.#seen = this.#entries[0]?.key ?? this.#seen;
    const waiting = this.#entries.findIndex(({ key }) => key <= this.#seen);
    this.#onWaiting(Math.max(0, waiting));
  }

  /** The row under the pointer, or the keyboard, or else the first in sight. */
  #findAnchor() {
    const { top: edge, bottom } = this.#scroller.getBoundingClientRect();
    const inView = [];
    for (const { entry, y } of this.#heights.placesOf(this.#entries)) {
      const row = this.#rows.get(entry.notification.id)?.element;
      const { top, bottom: end } = row?.getBoundingClientRect() ?? {};
      if (end > edge + this.#heights.heading && top < bottom) inView.push({ row, y, top: top - edge });
    }
    const inState = (state) => inView.find(({ row }) => row.matches(state));
    return inState(":hover") ?? inState(":focus-within") ?? inView[0];
  }

  #draw(hold) {
    const scroller = this.#scroller;
    const last = this.#anchor;
    const anchor = (this.#anchor = hold ? this.#findAnchor() : null);
    if (anchor && anchor.row === last?.row && Math.abs(anchor.top - last.top) < 1) anchor.top = last.top;
    this.#render(anchor ? anchor.y - anchor.top : scroller.scrollTop); // more may come in at once than is drawn
    const moved = anchor ? topOf(anchor.row) - topOf(scroller) - anchor.top : 0;
    const goal = scroller.scrollTop + moved;
    const depth = anchor ? goal + scroller.clientHeight : 0;
    const deeper = moved >= 1 && scroller.matches(ATTENDED);
    this.#floor.style.top = `${deeper ? depth : Math.min(depth, this.#floor.offsetTop)}px`;
    if (Math.abs(moved) >= 0.5) scroller.scrollTop = goal;
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

  #render(top) {
    const { clientHeight } = this.#scroller;
    const places = this.#heights.placesOf(this.#entries);
    const near = places.filter(({ y, bottom }) => bottom >= top - MARGIN && y <= top + clientHeight + MARGIN);
    const groups = Map.groupBy(near, ({ entry }) => entry.day);
    const end = places.at(-1)?.bottom ?? 0;
    this.#dropRowsOutside(near, groups);
    this.#placeGroups(groups);
    this.#top.style.height = `${near.length && near[0].y - this.#heights.heading}px`;
    this.#bottom.style.height = `${end - (near.at(-1)?.bottom ?? 0)}px`;
    this.#measure();
    this.#scroller.tabIndex = this.#rows.has(this.#current) ? -1 : 0;
    if (end - top - clientHeight < NEAR_END && clientHeight > 0) this.#onNearEnd();
  }

  #dropRowsOutside(near, groups) {
    const wanted = new Set(near.map(({ entry }) => entry.notification.id));
    for (const [id, row] of this.#rows) {
      if (wanted.has(id)) continue;
      if (row.element.matches(":focus-within")) this.#scroller.focus({ preventScroll: true });
      row.element.remove();
      this.#rows.delete(id);
    }
    for (const [day, { section }] of this.#groups) {
      if (groups.has(day)) continue;
      section.remove();
      this.#groups.delete(day);
    }
  }

  #placeGroups(groups) {
    let next = this.#top.nextSibling;
    for (const [day, places] of groups) {
      const { section, list } = this.#groups.get(day) ?? this.#newGroup(day);
      if (section === next) next = next.nextSibling;
      else this.#scroller.insertBefore(section, next);
      this.#placeRows(list, places);
    }
  }

  #newGroup(day) {
    const list = element("ul", { role: "list" });
    const group = { section: element("section", {}, element("h3", { part: "day" }, day), list), list };
    this.#groups.set(day, group);
    return group;
  }

  #placeRows(list, places) {
    this.#current ??= this.#entries[0].notification.id;
    let next = list.firstChild;
    for (const { entry, index } of places) {
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
    this.#heights.heading = group?.section.firstChild.offsetHeight || this.#heights.heading;
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
      this.#scroller.scrollTop = this.#heights.placesOf(this.#entries)[index].y;
      this.#render(this.#scroller.scrollTop);
    }
    this.#rows.get(this.#current)?.main.focus();
  }
}

function topOf(node) {
  return node.getBoundingClientRect().top;
}
