/** What a user marks: shown at once, taken back when the server refuses. */

const DOUBT = 5_000; // a count taken before a mark may come after it

export class Marks {
  undoable = null; // the last mark-all
  #api;
  #store;
  #onChange;
  #onFailure;
  #onGap;
  #chains = new Map(); // id -> its last call: read and unread arrive in order
  #markedAt = -Infinity;

  constructor({ api, store, onChange, onFailure, onGap }) {
    this.#api = api;
    this.#store = store;
    this.#onChange = onChange;
    this.#onFailure = onFailure;
    this.#onGap = onGap;
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
    this.#onChange();
    const call = (this.#chains.get(id) ?? Promise.resolve()).then(() => this.#sendRead(id, read));
    this.#chains.set(id, call);
    return call.finally(() => {
      if (this.#chains.get(id) === call) this.#chains.delete(id);
    });
  }

  async all() {
    if (!this.#store.unread) return;
    const upTo = this.#store.beginAll();
    this.#onChange();
    try {
      const { unread_count: count, undo_id: id, updated } = await this.#api.readAll(upTo);
      const changed = this.#store.confirmAll(upTo, new Date().toISOString(), count);
      this.#markedAt = Date.now();
      this.undoable = id ? { id, changed, updated } : null;
      if (!upTo) this.#onGap();
    } catch (error) {
      this.#store.rollbackAll();
      this.#onFailure("markAllFailed", error);
    }
    this.#onChange();
  }

  async undoAll() {
    const { id, changed } = this.undoable;
    this.undoable = null;
    this.#onChange();
    try {
      const answer = await this.#api.undoReadAll(id);
      this.#store.setRead(changed, null);
      this.#store.serverCount = answer.unread_count;
      this.#onGap();
    } catch (error) {
      this.#onFailure("undoFailed", error);
    }
    this.#onChange();
  }

  async #sendRead(id, read) {
    try {
      const { read_at: readAt } = await this.#api.setRead(id, read);
      this.#store.confirm(id, readAt);
    } catch (error) {
      this.#store.rollback(id, read);
      if (error.status === 404) this.#store.remove(id);
      this.#onFailure("readFailed", error);
    }
    this.#onChange();
  }
}
