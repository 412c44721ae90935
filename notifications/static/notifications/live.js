/** Frames from the socket, or, while there is none, `{type: "page", page}` by polling. */

import { spread } from "./backoff.js";
import { Socket } from "./socket.js";

const POLL_EVERY = 30_000;
const ASK_WHILE_DISABLED = 60_000; // spec §3
const LOSSES_BEFORE_POLLING = 3;
const PAGE = 25;

export const Status = { connecting: "connecting", live: "live", polling: "polling", disabled: "disabled" };

export class Live {
  #api;
  #onFrame;
  #onStatus;
  #socket;
  #timer = null; // to the next call

  constructor({ api, tokens, url, onFrame, onStatus }) {
    this.#api = api;
    this.#onFrame = onFrame;
    this.#onStatus = onStatus;
    this.#socket = new Socket({
      url,
      tokens,
      onFrame: (frame) => this.#receive(frame),
      onDown: (attempts) => this.#down(attempts),
      onRefused: () => this.#refused(),
    });
  }

  start(enabled) {
    if (!enabled) return this.#refused();
    this.#onStatus(Status.connecting);
    this.#socket.start();
  }

  stop() {
    this.#socket.stop();
    this.#stopAsking();
  }

  send(message) {
    this.#socket.send(message);
  }

  #receive(frame) {
    if (frame.type === "hello") {
      this.#stopAsking();
      this.#onStatus(Status.live);
    }
    this.#onFrame(frame);
  }

  #down(attempts) {
    if (attempts < LOSSES_BEFORE_POLLING) this.#onStatus(Status.connecting);
    else if (!this.#timer) this.#poll();
  }

  async #poll() {
    this.#onStatus(Status.polling);
    const timer = (this.#timer = setTimeout(() => this.#poll(), spread(POLL_EVERY)));
    const page = await this.#api.list({ status: "all", limit: PAGE }).catch(() => null);
    if (page && this.#timer === timer) this.#onFrame({ type: "page", page });
  }

  #stopAsking() {
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  #refused() {
    this.#stopAsking();
    this.#onStatus(Status.disabled);
    this.#onFrame({ type: "disabled" });
    this.#watch();
  }

  #watch() {
    this.#timer = setTimeout(async () => {
      const bell = await this.#api.bell().catch(() => null);
      if (!this.#timer) return;
      if (!bell?.enabled) return this.#watch();
      this.#stopAsking();
      this.#onFrame({ type: "enabled", unread_count: bell.unread_count });
      this.start(true);
    }, spread(ASK_WHILE_DISABLED));
  }
}
