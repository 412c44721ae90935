/** The phones and the mailbox: asks what arrived for as long as somebody looks at the page. */

const PAUSE = 1500; // ms between two questions
const SHOWN = 4; // pushes on a phone; the rest is below its edge

const section = document.querySelector(".arrivals");
const user = document.querySelector("#viewer").elements.user.value;
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
let timer;

document.addEventListener("visibilitychange", look);
look();

async function look() {
  clearTimeout(timer);
  if (document.hidden) return;
  try {
    show(await ask());
    complain("");
  } catch (error) {
    complain(error.message);
  }
  clearTimeout(timer); // two questions may have been on their way
  timer = setTimeout(look, PAUSE);
}

async function ask() {
  const answer = await fetch(`${section.dataset.address}?${new URLSearchParams({ user })}`);
  const content = await answer.json().catch(() => null);
  if (answer.ok && content) return content;
  throw new Error(content?.error?.message ?? `The demo answered ${answer.status}.`);
}

function show({ phones, mails }) {
  for (const phone of section.querySelectorAll(".phone")) {
    const now = new Date();
    phone.querySelector(".clock time").textContent = clock.format(now);
    phone.querySelector(".clock span").textContent = day.format(now);
    showPhone(phone, phones.find((each) => each.device_id === phone.dataset.device));
  }
  update(section.querySelector(".mails"), mails, "#mail", fillMail);
}

/** A phone that has logged out, or whose token died, gets nothing more. */
function showPhone(phone, { pushes, badge } = { pushes: [], badge: 0 }) {
  const count = phone.querySelector(".badge");
  count.textContent = badge;
  count.hidden = badge === 0;
  update(phone.querySelector(".pushes"), pushes.slice(0, SHOWN), "#push", fillPush);
}

/** Leave in place what is there already, so that only what is new moves. */
function update(list, things, template, fill) {
  const known = new Map([...list.children].map((item) => [item.dataset.key, item]));
  const wanted = things.map((thing) => {
    const key = `${thing.id} ${thing.at}`;
    const item = known.get(key) ?? document.querySelector(template).content.firstElementChild.cloneNode(true);
    item.dataset.key = key;
    fill(item, thing);
    return item;
  });
  const isSame = wanted.length === list.children.length && wanted.every((item, place) => item === list.children[place]);
  if (!isSame) list.replaceChildren(...wanted);
}

function fillPush(item, push) {
  write(item.querySelector("strong"), push.title);
  write(item.querySelector("span"), push.body);
  write(item.querySelector("time"), age(push.at));
  link(item, push.url || "/");
}

function fillMail(item, mail) {
  write(item.querySelector(".sender"), mail.sender);
  write(item.querySelector("strong"), mail.subject);
  write(item.querySelector(".excerpt"), mail.excerpt);
  write(item.querySelector("time"), age(mail.at));
  link(item, mail.url);
}

/** Text is only ever text, and what has not changed is not written: it would be read out again. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function link(item, address) {
  const url = new URL(address, location);
  if (url.protocol === "https:" || url.protocol === "http:") item.firstElementChild.href = url.href;
}

function age(at) {
  const minutes = Math.floor((Date.now() - Date.parse(at)) / 60_000);
  if (minutes < 1) return "now";
  return minutes < 60 ? `${minutes} min` : clock.format(new Date(at));
}

function complain(text) {
  const trouble = section.querySelector(".trouble");
  write(trouble, text);
  trouble.hidden = !text;
}
