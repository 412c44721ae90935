/** The way of each event, as far as it has come. */

import { update, watch, write } from "./calls.js";
import { showFaults, turned } from "./faults.js";

const OFTEN = 350; // ms between two questions, while something is under way
const SELDOM = 1500;
const FRESH = 12_000; // ms for which an event is worth following closely
const ALWAYS = 5; // stops that come sooner or later, whether or not somebody has a page open
const SLOW = 60_000; // ms from which on times are in minutes
const REPORTED = 4_000; // ms within which it is known that a bell has shown something
const NEWS = { held: "held back", unmeasured: "not measured", untimed: "not timed" }; // by state, in a time's place
const EXPLAINED = {
  unmeasured: "A bell reports what it shows as it happens, at most ten a second, and nothing that it catches up on.",
  untimed: "It came by here, and this page was not open to take the time.",
};

const section = document.querySelector(".story");
const arrivals = new Map(); // notification id -> when it came to the bell of this page, and whether as it happened
let followUntil = 0;
let asked = 0;

document.querySelector("notification-bell").addEventListener("notification-arrived", ({ detail: { notification, live } }) => {
  arrivals.set(notification.id, { at: Date.now(), live });
  published();
});

/** Follow closely what happens next. */
export function published() {
  followUntil = Date.now() + FRESH;
}

export const look = watch(section, {
  show: ({ ways, faults }) => {
    showFaults(faults, asked);
    asked = turned();
    const isKilled = faults.some(({ fault, state }) => fault === "kill_switch" && state === "on");
    update(section.querySelector(".ways"), ways, {
      key: ({ source, id }) => `${source} ${id}`,
      template: "#way",
      fill: (item, way) => fillWay(item, way, isKilled),
    });
  },
  pause: () => (Date.now() < followUntil ? OFTEN : SELDOM),
});

function fillWay(item, way, isKilled) {
  write(item.querySelector("strong"), way.title || way.label);
  write(item.querySelector(".origin"), `${way.source.replace("/services/", "")} · ${clock(way.times.published)}`);
  item.querySelector(".trace").href = way.trace;
  fillTrack(item, way, isKilled);
  for (const place of item.querySelectorAll("[data-channel]")) {
    fillOutcome(place, way.outcomes.find(({ channel }) => channel === place.dataset.channel), way.times.published);
  }
}

function fillTrack(item, way, isKilled) {
  const arrival = arrivals.get(way.notification_id);
  const times = { ...way.times, rung: arrival?.at };
  const stops = [...item.querySelectorAll("[data-stage]")];
  const last = stops.findLastIndex((stop) => times[stop.dataset.stage]);
  stops.forEach((stop, place) => {
    const at = times[stop.dataset.stage];
    const state = place <= last ? "done" : stateAhead(place, { last, way, arrival, isKilled });
    if (stop.dataset.state !== state) stop.dataset.state = state;
    const news = state === "done" && !at ? "untimed" : state;
    stop.title = EXPLAINED[news] ?? "";
    write(stop.querySelector("time"), place === 0 ? clock(at) : at ? after(times.published, at) : (NEWS[news] ?? ""));
  });
  const [, handedOver] = stops;
  handedOver.dataset.path = way.path;
  write(handedOver.querySelector("b"), { sqs: "SQS", http: "HTTP", replay: "Replay" }[way.path]);
  write(item.querySelector('[data-stage="rung"] b'), arrival?.live === false ? "Caught up" : "Bell rung");
}

/** How a stop looks at which the event has not been seen. */
function stateAhead(place, { last, way, arrival, isKilled }) {
  const bell = way.outcomes.find(({ channel }) => channel === "in_app");
  if (bell && bell.end !== "arrived") return place >= ALWAYS - 1 ? "out" : "ahead"; // it does not come to the bell
  if (place > last + 1) return "ahead";
  if (arrival) return arrival.live && Date.now() - arrival.at < REPORTED ? "next" : "unmeasured";
  if (isKilled) return "held";
  return place < ALWAYS || Date.now() - Date.parse(way.times.published) < FRESH ? "next" : "ahead";
}

/** The bell's own track says all when it came there. */
function fillOutcome(place, outcome, publishedAt) {
  place.hidden = !outcome || (outcome.channel === "in_app" && outcome.end === "arrived");
  if (place.hidden) return;
  place.dataset.end = outcome.end;
  const words = [outcome.words[0].toUpperCase() + outcome.words.slice(1), ...outcome.notes].join(". ");
  const isThere = outcome.end === "arrived" && outcome.sent_at;
  write(place.querySelector("b"), isThere ? after(publishedAt, outcome.sent_at) : "");
  write(place.querySelector("span"), words);
}

function after(start, end) {
  const ms = Math.max(0, new Date(end) - new Date(start));
  if (ms < 1000) return `+${Math.round(ms)} ms`;
  return ms < SLOW ? `+${(ms / 1000).toFixed(1)} s` : `+${Math.round(ms / 60_000)} min`;
}

function clock(at) {
  return new Date(at).toLocaleTimeString(undefined, { hourCycle: "h23" });
}
