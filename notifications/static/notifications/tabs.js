/** One connection for all tabs: Web Locks choose a visible one that holds it, BroadcastChannel shares it. */

const HIDDEN_GRACE = 30_000;

export class SharedConnection {
  #name;
  #open;
  #onFrame;
  #onStatus;
  #channel;
  #connection = null;
  #release = null;
  #queue = null; // AbortController of our place in the queue for the lock
  #grace = null;
  #status = null;
  #hello; // for a tab that comes later, kept up to date; undefined while there is no socket
  #resumed = new Set();
  #stopped = new AbortController();

  /** `name` tells users and servers apart; null shares with nobody. */
  constructor({ name, open, onFrame, onStatus }) {
    this.#name = name && `notification-bell:${name}`;
    this.#open = open;
    this.#onFrame = onFrame;
    this.#onStatus = onStatus;
  }

  get leading() {
    return this.#connection !== null;
  }

  start() {
    const { signal } = this.#stopped;
    if (this.#shared) {
      this.#channel = new BroadcastChannel(this.#name);
      this.#channel.onmessage = ({ data }) => this.#hear(data);
    }
    document.addEventListener("visibilitychange", () => this.#turned(), { signal });
    addEventListener("pagehide", () => this.#yield(), { signal });
    addEventListener("pageshow", () => this.#turned(), { signal });
    if (document.hidden) this.#say({ kind: "ask" });
    else this.#compete();
  }

  stop() {
    this.#stopped.abort();
    this.#yield();
    this.#channel?.close();
  }

  send(message) {
    if (!this.leading) return this.#say({ kind: "send", message });
    if (message.type === "resume") {
      if (this.#resumed.has(message.after)) return; // for another tab
      this.#resumed.add(message.after);
    }
    this.#connection.send(message);
  }

  get #shared() {
    return this.#name !== null && "locks" in navigator;
  }

  #say(message) {
    this.#channel?.postMessage(message);
  }

  #turned() {
    clearTimeout(this.#grace);
    if (!document.hidden) return this.#compete();
    this.#queue?.abort();
    this.#queue = null;
    if (!this.leading) return;
    this.#say({ kind: "leaving" });
    this.#grace = setTimeout(() => this.#yield(), HIDDEN_GRACE);
  }

  #compete() {
    this.#say({ kind: "ask" });
    if (this.leading || this.#queue) return;
    if (!this.#shared) return this.#lead();
    const queue = (this.#queue = new AbortController());
    navigator.locks
      .request(this.#name, { signal: queue.signal }, () => (queue === this.#queue ? this.#lead() : null))
      .catch(({ name }) => name === "AbortError" || this.#lead()); // no locks for this page
  }

  /** Holds the lock until the returned promise is settled. */
  #lead() {
    this.#queue = null;
    return new Promise((release) => {
      this.#release = release;
      this.#connection = this.#open({
        onFrame: (frame) => this.#spread(frame),
        onStatus: (status) => this.#tell(status),
      });
    });
  }

  #yield() {
    clearTimeout(this.#grace);
    this.#queue?.abort();
    this.#queue = null;
    this.#connection?.stop();
    this.#connection = null;
    this.#hello = undefined;
    this.#release?.();
  }

  #spread(frame) {
    if (["hello", "resync", "error"].includes(frame.type)) this.#resumed.clear();
    if (frame.type === "hello") this.#hello = { ...frame, relayed: true };
    else if (this.#hello && "unread_count" in frame) this.#update(this.#hello, frame);
    this.#say({ kind: "frame", frame });
    this.#onFrame(frame);
  }

  #update(hello, frame) {
    hello.unread_count = frame.unread_count;
    if (frame.notification) hello.latest = frame.notification.id;
  }

  #tell(status) {
    this.#status = status;
    this.#hello = undefined; // the next one follows
    this.#say({ kind: "status", status });
    this.#onStatus(status);
  }

  #hear({ kind, frame, message, status, hello }) {
    if (kind === "frame") this.#onFrame(frame);
    else if (kind === "status") this.#heardStatus(status, hello);
    else if (kind === "leaving" && !document.hidden) this.#compete();
    else if (this.leading && kind === "send") this.send(message);
    else if (this.leading && kind === "ask") this.#answer();
  }

  #heardStatus(status, hello) {
    this.#onStatus(status);
    if (hello) this.#onFrame(hello);
  }

  #answer() {
    if (document.hidden) this.#yield();
    else this.#say({ kind: "status", status: this.#status, hello: this.#hello });
  }
}
