/** What a user marks: shown at once, taken back when the server refuses. */

const DOUBT = 5_000; // ms: a count taken before a mark may come after it

export class Marks {
  undoable = null; // the last mark-all
  #api;
  #store;
  #on;
  #chains = new Map(); // id -> its last call: read and unread arrive in order
  #markedAt = -Infinity;

  constructor({ api, store, on }) {
    this.#api = api;
    this.#store = store;
    this.#on = on;
  }

  get areRecent() {
    return Date.now() - this.#markedAt < DOUBT;
  }

  /** Another tab or device has marked something. */
  heard() {
    this.#markedAt = Date.now();
  }

  setRead(id, read) {
    if (!this.#store.get(id) || this.#store.isRead(id) === read) return Promise.resolve();
    this.#store.begin(id, read);
    this.#on.change();
    const call = (this.#chains.get(id) ?? Promise.resolve()).then(() => this.#sendRead(id, read));
    this.#chains.set(id, call);
    return call.finally(() => {
      if (this.#chains.get(id) === call) this.#chains.delete(id);
    });
  }

  async all() {
    if (!this.#store.unread) return;
    const upTo = this.#store.beginAll();
    this.#on.change();
    try {
      const { unread_count: count, undo_id: id, updated } = await this.#api.readAll(upTo);
      const changed = this.#store.confirmAll(upTo, new Date().toISOString(), count);
      this.#markedAt = Date.now();
      this.undoable = id ? { id, changed, updated } : null;
      if (!upTo) this.#on.gap();
    } catch (error) {
      this.#store.rollbackAll();
      this.#on.failure("markAllFailed", error);
    }
    this.#on.change();
  }

  async undoAll() {
    const { id, changed } = this.undoable;
    this.undoable = null;
    this.#on.change();
    try {
      const answer = await this.#api.undoReadAll(id);
      this.#store.setRead(changed, null);
      this.#store.expire();
      this.#store.serverCount = answer.unread_count;
      this.#on.gap();
    } catch (error) {
      this.#on.failure("undoFailed", error);
    }
    this.#on.change();
  }

  async #sendRead(id, read) {
    try {
      const { read_at: readAt } = await this.#api.setRead(id, read);
      this.#store.confirm(id, readAt);
    } catch (error) {
      this.#store.rollback(id, read);
      if (error.status === 404) this.#store.remove(id);
      this.#on.failure("readFailed", error);
    }
    this.#on.change();
  }
}
