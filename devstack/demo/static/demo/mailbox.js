/** The mailbox: subjects above, the chosen mail below, in a frame that runs nothing. */

import { update, write } from "./calls.js";

const mailbox = document.querySelector(".mailbox");
const list = mailbox.querySelector(".mails");
const reading = mailbox.querySelector(".reading");
const frame = reading.querySelector("iframe");
let chosen = null; // by the reader; before that the newest is open

/** `age` puts a time into words. */
export function fillMails(mails, age) {
  update(list, mails, {
    key: ({ id }) => id,
    template: "#mail",
    fill: (item, mail) => fill(item, mail, age),
  });
  read(mails.find(({ id }) => id === chosen) ?? mails[0]);
}

function fill(item, mail, age) {
  write(item.querySelector("strong"), mail.subject);
  write(item.querySelector(".excerpt"), mail.excerpt);
  write(item.querySelector("time"), age(mail.at));
  item.firstElementChild.onclick ??= () => {
    chosen = mail.id;
    read(mail);
  };
}

function read(mail) {
  reading.hidden = !mail;
  if (!mail || frame.dataset.mail === mail.id) return;
  frame.dataset.mail = mail.id;
  frame.title = mail.subject;
  frame.src = mail.url;
  reading.querySelector("a").href = mail.url;
  for (const item of list.children) item.firstElementChild.ariaCurrent = item.dataset.key === mail.id ? "true" : null;
}
