/** Words for screen readers: a storm of arrivals is one sentence. */

const GATHER = 1_000;
const PAUSE = 5_000;

export class Announcer {
  #say;
  #translator;
  #titles = [];
  #timer = null;
  #spokenAt = 0;

  constructor({ say, translator }) {
    this.#say = say;
    this.#translator = translator;
  }

  arrived(notifications) {
    this.#titles.push(...notifications.map(({ title }) => title));
    const wait = Math.max(GATHER, this.#spokenAt + PAUSE - Date.now());
    this.#timer ??= setTimeout(() => this.#speak(), wait);
  }

  stop() {
    clearTimeout(this.#timer);
  }

  #speak() {
    const [title] = this.#titles;
    const n = this.#titles.length;
    this.#titles = [];
    this.#timer = null;
    this.#spokenAt = Date.now();
    this.#say(n === 1 ? this.#translator.text("arrived", { title }) : this.#translator.text("arrivedMany", { n }));
  }
}
