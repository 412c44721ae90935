/** The list as somebody looks at it: which part is loaded, loading, or failed to load. */

const FIRST_PAGE = 25;
const NEXT_PAGE = 50;
const KEEP_WHEN_CLOSED = 50;
const REFRESH_SPREAD = 1_000;

export class Pages {
  filter = "all";
  loading = false;
  error = null; // of the last call
  #api;
  #store;
  #onChange;
  #open = false;

  constructor({ api, store, onChange }) {
    this.#api = api;
    this.#store = store;
    this.#onChange = onChange;
  }

  opened() {
    this.#open = true;
    if (this.#view.stale) this.refresh();
  }

  closed() {
    this.#open = false;
    this.#store.trim(KEEP_WHEN_CLOSED);
  }

  show(filter) {
    Object.assign(this, { filter, error: null, loading: false });
    if (this.#view.stale) this.refresh();
    this.#onChange();
  }

  refresh() {
    return this.#load({ limit: FIRST_PAGE });
  }

  async loadMore() {
    const { cursor } = this.#view;
    if (cursor && !this.loading) await this.#load({ limit: NEXT_PAGE, cursor });
  }

  get isLoaded() {
    return this.#view.floor !== null;
  }

  get hasMore() {
    return this.#view.cursor !== null;
  }

  /** What there is may have gaps: it is asked for anew, now or when somebody looks. */
  expire() {
    this.#store.expire();
    if (this.#open) setTimeout(() => this.#open && this.refresh(), Math.random() * REFRESH_SPREAD);
  }

  /** A storm over a closed bell. */
  tidy() {
    if (!this.#open && this.#store.size > 4 * KEEP_WHEN_CLOSED) this.#store.trim(KEEP_WHEN_CLOSED);
  }

  get #view() {
    return this.#store.view(this.filter);
  }

  async #load({ limit, cursor }) {
    const { filter } = this;
    const since = this.#store.mark();
    Object.assign(this, { loading: true, error: null });
    this.#onChange();
    try {
      const page = await this.#api.list({ status: filter, limit, cursor });
      if (cursor) this.#store.mergeNextPage(filter, page, cursor);
      else this.#store.mergeFirstPage(filter, page, since);
    } catch (error) {
      if (filter === this.filter) this.error = error;
    }
    if (filter === this.filter) this.loading = false;
    this.#onChange();
  }
}
