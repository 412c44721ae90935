/** The way of each event, as far as it has come. */

import { update, watch, write } from "./calls.js";
import { showFaults, turned } from "./faults.js";

const OFTEN = 350; // ms between two questions, while something is under way
const SELDOM = 1500;
const FRESH = 12_000; // ms for which an event is worth following closely
const ALWAYS = 5; // stops that come sooner or later, whether or not somebody has a page open
const SLOW = 60_000; // ms from which on times are in minutes

const section = document.querySelector(".story");
const rung = new Map(); // notification id -> when it was in the bell of this page
let followUntil = 0;
let asked = 0;

document.querySelector("notification-bell").addEventListener("notification-arrived", ({ detail: { notification } }) => {
  rung.set(notification.id, Date.now());
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
  const times = { ...way.times, rung: rung.has(way.notification_id) ? new Date(rung.get(way.notification_id)) : "" };
  const bell = way.outcomes.find(({ channel }) => channel === "in_app");
  const isOver = bell && bell.end !== "arrived"; // it does not come to the bell
  const stops = [...item.querySelectorAll("[data-stage]")];
  const last = stops.findLastIndex((stop) => times[stop.dataset.stage]);
  stops.forEach((stop, place) => {
    const at = times[stop.dataset.stage];
    const waits = place === last + 1 && !isOver && (place < ALWAYS || Date.now() - Date.parse(times.published) < FRESH);
    mark(stop, place <= last ? "done" : waits ? (isKilled ? "held" : "next") : isOver && place >= ALWAYS - 1 ? "out" : "ahead");
    const time = at ? after(times.published, at) : waits && isKilled ? "held back" : "";
    write(stop.querySelector("time"), place === 0 ? clock(at) : time);
  });
  const [, handedOver] = stops;
  mark(handedOver, handedOver.dataset.state, way.path);
  write(handedOver.querySelector("b"), { sqs: "SQS", http: "HTTP", replay: "Replay" }[way.path]);
}

function mark(stop, state, path) {
  if (stop.dataset.state !== state) stop.dataset.state = state;
  if (path && stop.dataset.path !== path) stop.dataset.path = path;
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
