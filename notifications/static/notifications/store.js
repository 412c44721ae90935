/** What this browser knows: the server's word, and above it what the user has just done. No network, DOM or clock. */

/** Sorts as the server's list does: by its times of UTC, whose fraction may be absent. */
export function keyOf({ created_at, id }) {
  return created_at.replace("Z", "").padEnd(26, ".000000") + id;
}

const EVERYTHING = ""; // smaller than any key

export class Store {
  serverCount = null; // null until the server has said it
  latest = null; // where a resume starts
  #entries = new Map();
  #sorted = []; // newest first
  #pending = new Map(); // id -> read, until the server has confirmed it
  #watermark = null; // key up to which all counts as read
  #views = { all: newView(), unread: newView() };
  #sequence = 0;
  #latestKey = EVERYTHING;

  // --- What is shown ---

  get size() {
    return this.#sorted.length;
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

  /** Newest first, down to where it was loaded without a gap. */
  rows(filter) {
    const { floor } = this.#views[filter];
    if (floor === null) return [];
    return this.#sorted.filter(
      ({ key, notification }) => key >= floor && (filter === "all" || !this.isRead(notification.id)),
    );
  }

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

  // --- What the server says ---

  /** Returns the ones that were not known. */
  add(notifications) {
    const fresh = notifications.filter(({ id }) => !this.#entries.has(id));
    for (const notification of fresh) {
      this.#insert(notification);
      this.#hear(notification);
    }
    return fresh;
  }

  /** The truth for its range: what was known `since` a mark() and is missing is gone, or read. */
  mergeFirstPage(filter, page, since) {
    const view = this.#views[filter];
    const keys = page.notifications.map(keyOf);
    const floor = page.has_more ? keys.at(-1) : EVERYTHING;
    this.#dropAbsent(filter, page.notifications, { floor, since });
    if (!this.#reachesBelow(view, keys, { floor, since })) Object.assign(view, { floor, cursor: page.cursor });
    view.stale = false;
    this.#takeIn(page);
    if (page.notifications[0]) this.#hear(page.notifications[0]);
  }

  /** Dropped when the view has been begun anew meanwhile. */
  mergeNextPage(filter, page, cursor) {
    const view = this.#views[filter];
    if (view.cursor !== cursor) return;
    view.floor = page.has_more ? keyOf(page.notifications.at(-1)) : EVERYTHING;
    view.cursor = page.cursor;
    this.#takeIn(page);
  }

  mark() {
    return this.#sequence;
  }

  setRead(ids, readAt) {
    for (const id of ids) {
      const entry = this.#entries.get(id);
      if (entry) entry.notification = { ...entry.notification, read_at: readAt && (entry.notification.read_at ?? readAt) };
    }
  }

  /** Returns whether the watermark is known here. */
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

  /** Show what there is, ask again when somebody looks. */
  expire() {
    for (const view of Object.values(this.#views)) view.stale = true;
  }

  /** A page left open for weeks stays small. */
  trim(keep) {
    if (this.#sorted.length <= keep) return;
    for (const { notification } of this.#sorted.splice(keep)) this.#entries.delete(notification.id);
    const lowest = this.#sorted.at(-1).key;
    for (const view of Object.values(this.#views)) {
      if (view.floor !== null && view.floor < lowest) Object.assign(view, { floor: lowest, cursor: null, stale: true });
    }
  }

  // --- What the user has just done ---

  begin(id, read) {
    this.#pending.set(id, read);
  }

  confirm(id, readAt) {
    const before = this.get(id);
    if (before && (before.read_at === null) !== (readAt === null) && this.serverCount !== null) {
      this.serverCount += readAt === null ? 1 : -1;
    }
    this.setRead([id], readAt);
    this.rollback(id, readAt !== null);
  }

  /** Unless the user has changed their mind since. */
  rollback(id, read) {
    if (this.#pending.get(id) === read) this.#pending.delete(id);
  }

  beginAll() {
    const newest = this.#sorted[0];
    this.#watermark = newest?.key ?? null;
    return newest?.notification.id ?? null;
  }

  /** Returns the ids that this made read. */
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

  // --- Inside ---

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

  #hear(notification) {
    const key = keyOf(notification);
    if (key < this.#latestKey) return;
    this.#latestKey = key;
    this.latest = notification.id;
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

  #takeIn(page) {
    for (const notification of page.notifications) this.#insert(notification);
    this.serverCount = page.unread_count;
  }

  /** Whether the view is loaded, without a gap, from this page to further down. */
  #reachesBelow(view, keys, { floor, since }) {
    if (view.floor === null || floor <= view.floor) return false;
    if (view.cursor === null && view.floor !== EVERYTHING) return false; // trimmed: no way on from there
    return keys.some((key) => key >= view.floor && this.#knownBefore(key, since));
  }

  #dropAbsent(filter, notifications, { floor, since }) {
    const present = new Set(notifications.map(({ id }) => id));
    const absent = this.#sorted.filter(
      ({ key, sequence, notification }) => key >= floor && sequence <= since && !present.has(notification.id),
    );
    for (const { id, created_at } of absent.map(({ notification }) => notification)) {
      if (filter === "all") this.remove(id);
      else this.setRead([id], created_at);
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
