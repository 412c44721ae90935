/** The switches that take something down, and the alarms that say what is. */

import { post, update, write } from "./calls.js";

const alarms = document.querySelector(".alarms");
const switches = new Map([...document.querySelectorAll("[data-fault]")].map((one) => [one.dataset.fault, one]));
let turns = 0; // an answer from before a turn says nothing about after it

for (const [fault, button] of switches) {
  button.addEventListener("click", () => turn(fault, button.ariaChecked === "true" ? "off" : "on"));
}

/** How often something was turned so far. */
export function turned() {
  return turns;
}

export function showFaults(faults, asOf = turns) {
  if (asOf !== turns) return;
  for (const { fault, state } of faults) {
    const isDown = String(state !== "off");
    if (switches.get(fault).ariaChecked !== isDown) switches.get(fault).ariaChecked = isDown;
  }
  const down = faults.filter(({ state }) => state !== "off");
  update(alarms, down, { key: ({ fault, state }) => `${fault} ${state}`, template: "#alarm", fill: fillAlarm });
}

function fillAlarm(item, { fault, state, told, effect }) {
  item.dataset.fault = fault;
  write(item.querySelector("strong"), `${told}.`);
  write(item.querySelector("span"), state === "away" ? "Its simulator does not answer at all." : effect);
  const button = item.querySelector("button");
  write(button, fault === "kill_switch" ? "Release" : "Heal");
  button.onclick ??= () => turn(fault, "off");
  button.hidden = state === "away";
}

async function turn(fault, state) {
  const now = ++turns;
  const refusal = document.querySelector(".breakers .refusal");
  try {
    showFaults((await post("/demo/faults", { fault, state })).faults, now);
    write(refusal, "");
  } catch (error) {
    write(refusal, error.message);
  }
}
