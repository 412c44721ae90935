/** One user's inbox: what the server says on the live connection, and what this browser asks it. */

import { fullJitter, spread } from "./backoff.js";
import { Live, Status } from "./live.js";
import { Marks } from "./marks.js";
import { Pages } from "./pages.js";
import { Store } from "./store.js";
import { SharedConnection } from "./tabs.js";

const VERIFY_AFTER = 2_000;
const RESUME_AGAIN_AFTER = 10_000; // the server allows one in 2 s
const DISPLAYED_PER_SECOND = 10; // of 20 messages, spec §3
const BEFORE_ALL = `ntf_${"-".repeat(16)}`; // a resume after it brings the newest

export class Inbox {
  store = new Store();
  enabled = null; // null until the server has said it
  status = Status.connecting;
  pages;
  marks;
  #api;
  #on;
  #signal;
  #connection = null;
  #timers = {};
  #unanswered = null; // asked behind it; what comes live must not move that
  #displayed = { second: 0, sent: 0 };

  constructor({ api, on, signal }) {
    this.#api = api;
    this.#on = on;
    this.#signal = signal;
    const { store } = this;
    this.pages = new Pages({ api, store, onChange: on.change });
    this.marks = new Marks({
      api,
      store,
      onChange: on.change,
      onFailure: (key, error) => signal.aborted || on.failure(key, error),
      onGap: () => this.pages.expire(),
    });
    signal.addEventListener("abort", () => this.#stop());
  }

  async start({ tokens, share }) {
    const bell = await this.#askUntilAnswered();
    if (!bell) return;
    this.pages.error = null;
    this.store.serverCount = bell.unread_count;
    this.#set({ enabled: bell.enabled });
    this.#connection = new SharedConnection({
      name: await share(),
      open: (handlers) => this.#connect({ tokens, url: bell.websocket_url, ...handlers }),
      onFrame: (frame) => this.#receive(frame),
      onStatus: (status) => this.#set({ status }),
    });
    if (!this.#signal.aborted) this.#connection.start();
  }

  async explain(id) {
    return (await this.#api.explanation(id)).sentence;
  }

  // --- What the server says ---

  #receive(frame) {
    if (this.#signal.aborted) return;
    this.#handlers[frame.type]?.(frame);
    if (typeof frame.unread_count === "number") this.store.serverCount = frame.unread_count;
    this.#on.change();
  }

  #handlers = {
    hello: ({ latest, relayed }) => this.#catchUp(latest ?? BEFORE_ALL, relayed),
    resync: () => this.#recover(),
    error: () => this.#later("resume", RESUME_AGAIN_AFTER, () => this.#resume()),
    notification: ({ notification }) => {
      this.#arrived([notification], true);
      if (this.marks.areRecent) this.#verify();
    },
    missed: ({ notifications, has_more: more }) => {
      this.#unanswered = null;
      this.#arrived(notifications, false);
      if (more) this.pages.expire();
    },
    page: ({ page }) => {
      const known = this.store.latest;
      const fresh = page.notifications.filter(({ id }) => !this.store.get(id));
      this.store.mergeFirstPage("all", page, this.store.mark());
      if (known !== null && fresh.length) this.#on.arrivals(fresh, false);
    },
    read: ({ ids, up_to: upTo }) => {
      this.marks.heard();
      const now = new Date().toISOString();
      if (ids) this.store.setRead(ids, now);
      else if (!this.store.setReadUpTo(upTo, now)) this.pages.expire();
    },
    unread: ({ ids }) => this.store.setRead(ids, null),
    disabled: () => this.#set({ enabled: false }),
    enabled: () => {
      this.#set({ enabled: true });
      this.#recover();
    },
  };

  #arrived(notifications, live) {
    const fresh = this.store.add(notifications);
    if (fresh.length === 0) return;
    this.pages.tidy();
    this.#on.arrivals(fresh, live);
    if (live) this.#acknowledge(fresh[0].id);
  }

  /** Ends the latency measure: after the paint, if somebody can see it. */
  #acknowledge(id) {
    if (document.hidden || !this.#connection?.leading || !this.enabled) return;
    const second = Math.floor(Date.now() / 1000);
    if (this.#displayed.second !== second) this.#displayed = { second, sent: 0 };
    if (++this.#displayed.sent > DISPLAYED_PER_SECOND) return;
    requestAnimationFrame(() => setTimeout(() => this.#connection.send({ type: "displayed", id })));
  }

  #catchUp(latest, relayed) {
    if (this.store.latest === null) {
      this.store.latest = latest;
      this.pages.expire(); // loaded empty, perhaps too early
    } else if (!relayed || latest !== this.store.latest) this.#resume();
  }

  #recover() {
    this.#resume();
    this.#verify(); // no count comes with what was missed
  }

  #resume() {
    this.#unanswered ??= this.store.latest;
    if (this.#unanswered) this.#connection?.send({ type: "resume", after: this.#unanswered });
    this.pages.expire(); // what was read elsewhere meanwhile is in no `missed`
  }

  #verify() {
    this.#later("verify", VERIFY_AFTER, async () => {
      const bell = await this.#api.bell().catch(() => null);
      if (bell) this.#receive({ type: "count", unread_count: bell.unread_count });
    });
  }

  /** Once, however many ask for it meanwhile. */
  #later(what, delay, act) {
    this.#timers[what] ??= setTimeout(() => {
      delete this.#timers[what];
      act();
    }, spread(delay));
  }

  // --- Inside ---

  #connect(options) {
    const live = new Live({ api: this.#api, ...options });
    live.start(this.enabled);
    return live;
  }

  async #askUntilAnswered() {
    for (let attempt = 0; !this.#signal.aborted; attempt++) {
      try {
        return await this.#api.bell();
      } catch (error) {
        if (this.#signal.aborted) break;
        this.pages.error = error;
        this.#set({ enabled: true }); // a bell that says what is wrong is better than none
        await new Promise((resolve) => setTimeout(resolve, 1_000 + fullJitter(attempt)));
      }
    }
    return null;
  }

  #set(state) {
    Object.assign(this, state);
    this.#on.change();
  }

  #stop() {
    this.#connection?.stop();
    Object.values(this.#timers).forEach(clearTimeout);
  }
}
