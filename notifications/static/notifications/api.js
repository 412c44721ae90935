/** The REST calls of the bell (spec §2), and its token. */

const TIMEOUT = 15_000;
const PATH = "/api/v1/notifications";

/** `status` 0: no answer came. */
export class ApiError extends Error {
  constructor(status, message, retryAfter = null) {
    super(message);
    Object.assign(this, { status, retryAfter });
  }
}

export class Tokens {
  #ask;
  #current = null;

  constructor(ask) {
    this.#ask = ask;
  }

  get() {
    this.#current ??= Promise.resolve()
      .then(this.#ask)
      .catch((error) => {
        this.#current = null;
        throw new ApiError(0, String(error));
      });
    return this.#current;
  }

  /** Forget `refused`, unless another call has already done so. */
  async renew(refused) {
    if ((await this.#current?.catch(() => refused)) === refused) this.#current = null;
    return this.get();
  }
}

export class Api {
  #base;
  #tokens;
  #signal;

  constructor({ baseUrl, tokens, signal }) {
    this.#base = baseUrl.replace(/\/+$/, "");
    this.#tokens = tokens;
    this.#signal = signal;
  }

  bell() {
    return this.#call("GET", "/bell");
  }

  list({ status, cursor, limit }) {
    const query = new URLSearchParams({ status, limit });
    if (cursor) query.set("cursor", cursor);
    return this.#call("GET", `?${query}`);
  }

  setRead(id, read) {
    return this.#call("PATCH", `/${encodeURIComponent(id)}/${read ? "read" : "unread"}`);
  }

  readAll(upTo) {
    return this.#call("POST", "/read-all", upTo ? { up_to: upTo } : {});
  }

  undoReadAll(undoId) {
    return this.#call("POST", "/read-all/undo", { undo_id: undoId });
  }

  explanation(id) {
    return this.#call("GET", `/${encodeURIComponent(id)}/explanation`);
  }

  preferences() {
    return this.#call("GET", "/preferences");
  }

  changePreferences(changes) {
    return this.#call("PATCH", "/preferences", changes);
  }

  async #call(method, path, body) {
    const token = await this.#tokens.get();
    const response = await this.#send(method, path, body, token);
    if (response.status !== 401) return answerOf(response);
    return answerOf(await this.#send(method, path, body, await this.#tokens.renew(token)));
  }

  async #send(method, path, body, token) {
    const headers = { Authorization: `Bearer ${token}` };
    if (body) headers["Content-Type"] = "application/json";
    const signals = [AbortSignal.timeout(TIMEOUT)];
    if (method === "GET") signals.push(this.#signal); // a write outlives the bell
    try {
      return await fetch(this.#base + PATH + path, {
        method,
        headers,
        body: JSON.stringify(body),
        credentials: "omit",
        cache: "no-store",
        keepalive: method !== "GET",
        signal: AbortSignal.any(signals),
      });
    } catch (error) {
      throw new ApiError(0, String(error));
    }
  }
}

async function answerOf(response) {
  const body = await response.json().catch(() => null);
  if (response.ok && body !== null) return body;
  const retryAfter = Number(response.headers.get("Retry-After")) || null;
  throw new ApiError(response.status, body?.error?.message, retryAfter);
}
