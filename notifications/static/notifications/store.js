/** What this browser knows of one user's notifications. Pure state: no network, no DOM, no clock of its own.
 *
 * Two layers. The server's word lies in the entries and in `serverCount`; what the user has just done and the
 * server has not yet confirmed lies above it in `#pending` and `#watermark`. Rolling back is dropping a layer.
 */

/** Sorts as the server's list does: when it was stored (to the microsecond), then by id. */
export function keyOf({ created_at, id }) {
  const fraction = /\.(\d+)/.exec(created_at)?.[1] ?? "";
  const micros = fraction.padEnd(6, "0").slice(3, 6);
  return String(Date.parse(created_at) || 0).padStart(14, "0") + micros + id;
}

const EVERYTHING = ""; // smaller than any key

export class Store {
  serverCount = null; // null until the server has said it
  latest = null; // id of the last stored notification we heard of: where a resume starts
  #entries = new Map();
  #sorted = []; // newest first
  #pending = new Map(); // id -> read (boolean), not yet confirmed
  #watermark = null; // key; everything up to it counts as read, not yet confirmed
  #views = { all: newView(), unread: newView() };
  #sequence = 0;

  // --- What is shown ---------------------------------------------------------------------------------------

  get size() {
    return this.#sorted.length;
  }

  get newest() {
    return this.#sorted[0]?.notification.id ?? null;
  }

  view(filter) {
    return this.#views[filter];
  }

  get(id) {
    return this.#entries.get(id)?.notification ?? null;
  }

  isRead(id) {
    const entry = this.#entries.get(id);
    const watermarked = this.#watermark !== null && entry.key <= this.#watermark;
    return this.#pending.get(id) ?? (watermarked || entry.notification.read_at !== null);
  }

  /** The rows of a view, newest first, down to where it was loaded without a gap. */
  rows(filter) {
    const { floor } = this.#views[filter];
    if (floor === null) return [];
    return this.#sorted.filter(
      ({ key, notification }) => key >= floor && (filter === "all" || !this.isRead(notification.id)),
    );
  }

  /** The unread count to show, or null while unknown. */
  get unread() {
    if (this.serverCount === null) return null;
    if (this.#watermark !== null) return this.#unreadAbove(this.#watermark);
    let count = this.serverCount;
    for (const [id, read] of this.#pending) {
      const wasRead = this.get(id)?.read_at !== null;
      if (read !== wasRead) count += read ? -1 : 1;
    }
    return Math.max(0, count);
  }

  // --- What the server says --------------------------------------------------------------------------------

  /** Returns the ones that were not known. */
  add(notifications) {
    const fresh = notifications.filter(({ id }) => !this.#entries.has(id));
    for (const notification of fresh) this.#insert(notification);
    return fresh;
  }

  /** Take in one page of the list.
   *
   * A first page is the truth for the range that it covers: what was known before it was asked for (`since`, from
   * `mark()`) and is missing in it is gone, or read where the page held unread ones only.
   */
  mergePage(filter, page, { first, since }) {
    const view = this.#views[filter];
    const pageKeys = page.notifications.map(keyOf);
    const floor = page.has_more ? pageKeys.at(-1) : EVERYTHING;
    if (first) {
      this.#dropAbsent(filter, new Set(page.notifications.map(({ id }) => id)), floor, since);
      const meets = view.floor !== null && floor <= view.floor;
      const overlaps = view.floor !== null && pageKeys.some((key) => key >= view.floor && this.#knownBefore(key, since));
      if (meets || !overlaps) Object.assign(view, { floor, cursor: page.cursor });
    } else {
      Object.assign(view, { floor, cursor: page.cursor });
    }
    for (const notification of page.notifications) this.#insert(notification);
    view.stale = false;
    this.serverCount = page.unread_count;
    if (first && filter === "all") this.latest = this.newest ?? this.latest;
  }

  /** A point in time: entries that come later are not judged by a page that was asked for before. */
  mark() {
    return this.#sequence;
  }

  setRead(ids, readAt) {
    for (const id of ids) {
      const entry = this.#entries.get(id);
      if (entry) entry.notification = { ...entry.notification, read_at: readAt && (entry.notification.read_at ?? readAt) };
    }
  }

  /** Returns false when the watermark is not known here, so that the lists must be asked for again. */
  setReadUpTo(id, readAt) {
    const limit = this.#entries.get(id)?.key;
    if (!limit) return false;
    this.setRead(this.#idsUpTo(limit), readAt);
    return true;
  }

  remove(id) {
    this.#entries.delete(id);
    this.#pending.delete(id);
    this.#sorted = this.#sorted.filter(({ notification }) => notification.id !== id);
  }

  /** After a gap in what we heard: show what there is, ask again when somebody looks. */
  expire() {
    for (const view of Object.values(this.#views)) view.stale = true;
  }

  /** Forget all but the newest, so that a page left open for weeks stays small. */
  trim(keep) {
    if (this.#sorted.length <= keep) return;
    for (const { notification } of this.#sorted.splice(keep)) this.#entries.delete(notification.id);
    const lowest = this.#sorted.at(-1).key;
    for (const view of Object.values(this.#views)) {
      if (view.floor !== null && view.floor < lowest) Object.assign(view, { floor: lowest, cursor: null, stale: true });
    }
  }

  // --- What the user has just done -------------------------------------------------------------------------

  begin(id, read) {
    this.#pending.set(id, read);
  }

  confirm(id, readAt) {
    const before = this.get(id);
    if (before && (before.read_at === null) !== (readAt === null) && this.serverCount !== null) {
      this.serverCount += readAt === null ? 1 : -1;
    }
    this.setRead([id], readAt);
    this.#pending.delete(id);
  }

  rollback(id) {
    this.#pending.delete(id);
  }

  beginAll() {
    const newest = this.#sorted[0];
    this.#watermark = newest?.key ?? null;
    return newest?.notification.id ?? null;
  }

  /** Returns the ids that this made read; `count` is the server's, taken before what arrived since. */
  confirmAll(upTo, readAt, count) {
    const limit = this.#entries.get(upTo)?.key ?? this.#watermark ?? EVERYTHING;
    const changed = this.#idsUpTo(limit).filter((id) => this.get(id).read_at === null);
    this.setRead(changed, readAt);
    this.#watermark = null;
    this.serverCount = Math.max(count, this.#unreadAbove(limit));
    return changed;
  }

  rollbackAll() {
    this.#watermark = null;
  }

  // --- Inside ----------------------------------------------------------------------------------------------

  #insert(notification) {
    const known = this.#entries.get(notification.id);
    if (known) {
      known.notification = notification;
      return;
    }
    const entry = { key: keyOf(notification), notification, sequence: ++this.#sequence };
    this.#entries.set(notification.id, entry);
    this.#sorted.splice(this.#placeOf(entry.key), 0, entry);
  }

  #placeOf(key) {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#sorted[middle].key > key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #knownBefore(key, since) {
    const entry = this.#sorted[this.#placeOf(key)];
    return entry?.key === key && entry.sequence <= since;
  }

  #dropAbsent(filter, present, floor, since) {
    const absent = this.#sorted.filter(
      ({ key, sequence, notification }) => key >= floor && sequence <= since && !present.has(notification.id),
    );
    for (const { key, notification } of absent) {
      if (filter === "all") this.remove(notification.id);
      else this.setRead([notification.id], notification.read_at ?? new Date(Number(key.slice(0, 14))).toISOString());
    }
  }

  #idsUpTo(limit) {
    return this.#sorted.filter(({ key }) => key <= limit).map(({ notification }) => notification.id);
  }

  #unreadAbove(limit) {
    return this.#sorted.filter(({ key, notification }) => key > limit && !this.isRead(notification.id)).length;
  }
}

function newView() {
  return { floor: null, cursor: null, stale: true };
}
