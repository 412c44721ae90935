/** Shows a notification as the bell does: by the bell's own row, in light and in dark. */

import { Row } from "../row.js";
import { Translator } from "../strings.js";
import { sheet } from "../styles.js";
import { Times } from "../times.js";

const LANGUAGE = "en";

for (const host of document.querySelectorAll("[data-bell-row]")) show(host, JSON.parse(host.dataset.bellRow));

function show(host, { notification, now, base }) {
  const translator = new Translator({}, LANGUAGE);
  const times = new Times(translator, LANGUAGE);
  const then = new Date(notification.created_at);
  const row = new Row(notification, { actions: inert(), translator, bases: { links: base, images: base } });
  const ago = times.ago(then, new Date(now));
  row.show({ notification, read: false, current: true, why: undefined, ago, full: times.full(then), position: 1, size: 1 });
  const list = document.createElement("ul");
  list.append(row.element);
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [sheet];
  root.append(list);
}

/** A sample leads nowhere. */
function inert() {
  const nothing = () => {};
  return { toggleRead: nothing, toggleWhy: nothing, follow: (_, event) => event.preventDefault() };
}
