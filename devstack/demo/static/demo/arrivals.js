/** The phones and the mailbox. */

import { update, watch, write } from "./calls.js";
import { fillMails } from "./mailbox.js";

const PAUSE = 1500; // ms between two questions
const SHOWN = 5; // pushes on a phone; the rest is below its edge

const section = document.querySelector(".phones");
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "long" });

watch(section, {
  show: ({ phones, mails }) => {
    for (const phone of section.querySelectorAll(".phone")) {
      const now = new Date();
      phone.querySelector(".clock time").textContent = clock.format(now);
      phone.querySelector(".clock span").textContent = day.format(now);
      showPhone(phone, phones.find((each) => each.device_id === phone.dataset.device));
    }
    fillMails(mails, age);
  },
  pause: () => PAUSE,
});

/** A phone that has logged out, or whose token died, gets nothing more. */
function showPhone(phone, { pushes, badge } = { pushes: [], badge: 0 }) {
  const count = phone.querySelector(".badge");
  count.textContent = badge;
  count.hidden = badge === 0;
  update(phone.querySelector(".pushes"), pushes.slice(0, SHOWN), {
    key: ({ id, at }) => `${id} ${at}`,
    template: "#push",
    fill: fillPush,
  });
}

function fillPush(item, push) {
  write(item.querySelector("strong"), push.title);
  write(item.querySelector("span"), push.body);
  write(item.querySelector("time"), age(push.at));
  const url = new URL(push.url || "/", location);
  if (url.protocol === "https:" || url.protocol === "http:") item.firstElementChild.href = url.href;
}

function age(at) {
  const minutes = Math.floor((Date.now() - Date.parse(at)) / 60_000);
  if (minutes < 1) return "now";
  return minutes < 60 ? `${minutes} min` : clock.format(new Date(at));
}
