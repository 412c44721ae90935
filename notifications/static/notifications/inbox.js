/** One user's inbox: joins store, REST and the live connection; optimistic, with rollback. */

import { fullJitter, spread } from "./backoff.js";
import { Live, Status } from "./live.js";
import { Marks } from "./marks.js";
import { Store } from "./store.js";
import { SharedConnection } from "./tabs.js";

const FIRST_PAGE = 25;
const NEXT_PAGE = 50;
const KEEP_WHEN_CLOSED = 50;
const REFRESH_SPREAD = 1_000;
const VERIFY_AFTER = 2_000;
const DISPLAYED_PER_SECOND = 10; // of the 20 messages that spec §3 allows

export class Inbox {
  store = new Store();
  enabled = null; // null until the server has said it
  status = Status.connecting;
  filter = "all";
  loading = false;
  error = null; // of the last list call
  marks; // what the user marks
  #api;
  #tokens;
  #share;
  #on;
  #signal;
  #connection = null;
  #open = false;
  #verification = null;
  #explanations = new Map();
  #displayed = { second: 0, sent: 0 };

  constructor({ api, tokens, share, on, signal }) {
    this.#api = api;
    this.#tokens = tokens;
    this.#share = share;
    this.#on = on;
    this.#signal = signal;
    this.marks = new Marks({
      api,
      store: this.store,
      onChange: on.change,
      onFailure: (key, error) => this.#signal.aborted || on.failure(key, error),
      onGap: () => this.#refreshIfOpen(),
    });
    signal.addEventListener("abort", () => this.#stop());
  }

  async start() {
    const bell = await this.#askUntilAnswered();
    if (!bell) return;
    this.error = null;
    this.#setEnabled(bell.enabled);
    this.store.serverCount = bell.unread_count;
    this.#on.change();
    this.#connection = new SharedConnection({
      name: await this.#share(),
      open: (handlers) => this.#connect(bell, handlers),
      onFrame: (frame) => this.#receive(frame),
      onStatus: (status) => this.#setStatus(status),
    });
    if (!this.#signal.aborted) this.#connection.start();
  }

  // --- What the panel asks for ---

  opened() {
    this.#open = true;
    if (this.store.view(this.filter).stale) this.refresh();
  }

  closed() {
    this.#open = false;
    this.store.trim(KEEP_WHEN_CLOSED);
  }

  show(filter) {
    this.filter = filter;
    this.error = null;
    this.loading = false;
    if (this.store.view(filter).stale) this.refresh();
    this.#on.change();
  }

  refresh() {
    return this.#load({ limit: FIRST_PAGE });
  }

  async loadMore() {
    const { cursor } = this.store.view(this.filter);
    if (cursor && !this.loading) await this.#load({ limit: NEXT_PAGE, cursor });
  }

  get hasMore() {
    return this.store.view(this.filter).cursor !== null;
  }

  explain(id) {
    if (!this.#explanations.has(id)) {
      const answer = this.#api.explanation(id).then(({ sentence }) => sentence);
      answer.catch(() => this.#explanations.delete(id));
      this.#explanations.set(id, answer);
    }
    return this.#explanations.get(id);
  }

  // --- What the server says ---

  #receive(frame) {
    if (this.#signal.aborted) return;
    this.#handlers[frame.type]?.(frame);
    if (typeof frame.unread_count === "number") this.store.serverCount = frame.unread_count;
    this.#on.change();
  }

  #handlers = {
    hello: ({ latest, relayed }) => this.#catchUp(latest, relayed),
    resync: () => this.#recover(),
    notification: ({ notification }) => {
      this.#arrived([notification]);
      if (this.marks.areRecent) this.#verify();
    },
    missed: ({ notifications, has_more: more }) => {
      this.#arrived(notifications, { live: false });
      if (more) this.#gap();
    },
    page: ({ page }) => {
      const known = this.store.latest;
      const fresh = page.notifications.filter(({ id }) => !this.store.get(id));
      this.store.mergeFirstPage("all", page, this.store.mark());
      if (known !== null && fresh.length) this.#on.arrivals(fresh);
    },
    read: ({ ids, up_to: upTo }) => {
      this.marks.heard();
      const now = new Date().toISOString();
      if (ids) this.store.setRead(ids, now);
      else if (!this.store.setReadUpTo(upTo, now)) this.#gap();
    },
    unread: ({ ids }) => this.store.setRead(ids, null),
    disabled: () => this.#setEnabled(false),
    enabled: () => {
      this.#setEnabled(true);
      this.#recover();
    },
  };

  #arrived(notifications, { live = true } = {}) {
    const fresh = this.store.add(notifications);
    if (fresh.length === 0) return;
    if (!this.#open && this.store.size > 4 * KEEP_WHEN_CLOSED) this.store.trim(KEEP_WHEN_CLOSED);
    this.#on.arrivals(fresh);
    if (live) this.#acknowledge(fresh[0].id);
  }

  /** Ends the latency measure: after the paint, if somebody can see it. */
  #acknowledge(id) {
    if (document.hidden || !this.#connection?.leading || !this.enabled) return;
    const second = Math.floor(Date.now() / 1000);
    if (this.#displayed.second !== second) this.#displayed = { second, sent: 0 };
    if (++this.#displayed.sent > DISPLAYED_PER_SECOND) return;
    this.#on.painted(() => this.#connection.send({ type: "displayed", id }));
  }

  #catchUp(latest, relayed) {
    if (this.store.latest === null && this.store.size === 0) this.store.latest = latest;
    else if (!relayed || latest !== this.store.latest) this.#resume();
  }

  #recover() {
    this.#resume();
    this.#verify(); // no count comes with what was missed
  }

  #resume() {
    this.store.expire(); // what was read elsewhere meanwhile is in no `missed`
    if (this.store.latest) this.#connection?.send({ type: "resume", after: this.store.latest });
    this.#refreshIfOpen();
  }

  #gap() {
    this.store.expire();
    this.#refreshIfOpen();
  }

  #verify() {
    this.#verification ??= setTimeout(async () => {
      this.#verification = null;
      const bell = await this.#api.bell().catch(() => null);
      if (bell) this.#receive({ type: "count", unread_count: bell.unread_count });
    }, spread(VERIFY_AFTER));
  }

  // --- Inside ---

  #connect(bell, handlers) {
    const live = new Live({ api: this.#api, tokens: this.#tokens, url: bell.websocket_url, ...handlers });
    live.start(this.enabled);
    return live;
  }

  async #askUntilAnswered() {
    for (let attempt = 0; !this.#signal.aborted; attempt++) {
      try {
        return await this.#api.bell();
      } catch (error) {
        if (this.#signal.aborted) break;
        this.error = error;
        this.#setEnabled(true); // a bell that says what is wrong is better than none
        await new Promise((resolve) => setTimeout(resolve, 1_000 + fullJitter(attempt)));
      }
    }
    return null;
  }

  async #load({ limit, cursor }) {
    const filter = this.filter;
    const since = this.store.mark();
    this.loading = true;
    this.error = null;
    this.#on.change();
    try {
      const page = await this.#api.list({ status: filter, limit, cursor });
      if (cursor) this.store.mergeNextPage(filter, page, cursor);
      else this.store.mergeFirstPage(filter, page, since);
    } catch (error) {
      if (this.#signal.aborted) return;
      if (filter === this.filter) this.error = error;
    }
    if (filter === this.filter) this.loading = false;
    this.#on.change();
  }

  #refreshIfOpen() {
    if (!this.#open) return;
    setTimeout(() => !this.#signal.aborted && this.#open && this.refresh(), Math.random() * REFRESH_SPREAD);
  }

  #setEnabled(enabled) {
    this.enabled = enabled;
    this.#on.change();
  }

  #setStatus(status) {
    this.status = status;
    this.#on.change();
  }

  #stop() {
    this.#connection?.stop();
    clearTimeout(this.#verification);
  }
}
