/** Relative times and days, in the reader's language and time zone. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export class Times {
  #translator;
  #relative;
  #weekday;
  #date;
  #clock;
  #full;

  constructor(translator, language) {
    const format = (options) => new Intl.DateTimeFormat(language, options);
    this.#translator = translator;
    this.#relative = new Intl.RelativeTimeFormat(language, { style: "short" });
    this.#weekday = format({ weekday: "long" });
    this.#date = format({ dateStyle: "long" });
    this.#clock = format({ hour: "numeric", minute: "2-digit" });
    this.#full = format({ dateStyle: "full", timeStyle: "short" });
  }

  /** The time of day for what is older: its day stands above. */
  ago(then, now) {
    const passed = now - then; // a reader's clock may be behind
    if (passed < MINUTE) return this.#translator.text("justNow");
    if (passed < HOUR) return this.#relative.format(-Math.floor(passed / MINUTE), "minute");
    if (passed < DAY && daysBetween(then, now) === 0) {
      return this.#relative.format(-Math.floor(passed / HOUR), "hour");
    }
    return this.#clock.format(then);
  }

  day(then, now) {
    const days = daysBetween(then, now);
    if (days <= 0) return this.#translator.text("today");
    if (days === 1) return this.#translator.text("yesterday");
    return (days < 7 ? this.#weekday : this.#date).format(then);
  }

  full(then) {
    return this.#full.format(then);
  }
}

/** Midnights in between; rounding swallows the hour of daylight saving. */
function daysBetween(then, now) {
  return Math.round((new Date(now).setHours(0, 0, 0, 0) - new Date(then).setHours(0, 0, 0, 0)) / DAY);
}
