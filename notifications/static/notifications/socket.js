/** One WebSocket (spec §3): reconnects with full jitter, renews its token, notices silence. */

import { fullJitter } from "./backoff.js";

const PING_EVERY = 25_000;
const SILENCE = 10_000; // after a ping
const STEADY = 10_000; // lasted long enough to start the backoff anew
const TOO_MANY_SOCKETS_WAIT = 60_000;
const CLOSE = { badToken: 4401, disabled: 4403, tooMany: 4429 };

export class Socket {
  #url;
  #tokens;
  #onFrame;
  #onDown;
  #onRefused;
  #socket = null;
  #token = null;
  #timer = null;
  #heartbeat = null;
  #attempt = 0;
  #since = 0; // when `hello` came; 0 while there was none
  #tokenRefused = false;
  #running = false;

  constructor({ url, tokens, onFrame, onDown, onRefused }) {
    this.#url = url;
    this.#tokens = tokens;
    this.#onFrame = onFrame;
    this.#onDown = onDown;
    this.#onRefused = onRefused;
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    addEventListener("online", this.#hurry);
    addEventListener("offline", this.#drop);
    this.#connect();
  }

  stop() {
    this.#running = false;
    removeEventListener("online", this.#hurry);
    removeEventListener("offline", this.#drop);
    clearTimeout(this.#timer);
    this.#detach();
  }

  send(message) {
    if (this.#since) this.#socket.send(JSON.stringify(message));
  }

  #hurry = () => {
    this.#attempt = 0;
    if (!this.#socket) this.#retryIn(fullJitter(0));
  };

  #drop = () => {
    if (this.#socket) this.#lost({ code: 1006 });
  };

  async #connect() {
    clearTimeout(this.#timer);
    try {
      this.#token = await this.#tokens.get();
      if (!this.#running || this.#socket) return;
      this.#socket = new WebSocket(this.#url, ["bearer", this.#token]);
    } catch {
      this.#lost({ code: 1006 });
      return;
    }
    this.#socket.onmessage = ({ data }) => this.#receive(data);
    this.#socket.onclose = (event) => this.#lost(event);
    this.#listenForSilence(PING_EVERY);
  }

  #receive(data) {
    this.#listenForSilence(PING_EVERY);
    const frame = JSON.parse(data);
    if (frame.type === "pong") return;
    if (frame.type === "hello") {
      this.#since = Date.now();
      this.#tokenRefused = false;
    }
    this.#onFrame(frame);
  }

  #listenForSilence(period) {
    clearTimeout(this.#heartbeat);
    this.#heartbeat = setTimeout(() => {
      this.send({ type: "ping" });
      this.#heartbeat = setTimeout(() => this.#lost({ code: 1006 }), SILENCE);
    }, period);
  }

  #lost({ code }) {
    if (this.#since && Date.now() - this.#since > STEADY) this.#attempt = 0;
    this.#detach();
    if (!this.#running) return;
    if (code === CLOSE.disabled) {
      this.stop();
      this.#onRefused();
      return;
    }
    this.#onDown(++this.#attempt);
    this.#recover(code);
  }

  #recover(code) {
    if (code === CLOSE.badToken) this.#renew();
    else if (code === CLOSE.tooMany) this.#retryIn(TOO_MANY_SOCKETS_WAIT + fullJitter(9));
    else this.#retryIn(fullJitter(this.#attempt - 1));
  }

  async #renew() {
    const again = this.#tokenRefused; // the new one was refused too: no haste
    this.#tokenRefused = true;
    await this.#tokens.renew(this.#token).catch(() => null);
    this.#retryIn(again ? fullJitter(this.#attempt) : 0);
  }

  #retryIn(delay) {
    clearTimeout(this.#timer);
    if (this.#running) this.#timer = setTimeout(() => this.#connect(), delay);
  }

  #detach() {
    clearTimeout(this.#heartbeat);
    this.#since = 0;
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
  }
}
