/** Elements without markup: nothing from an event can become HTML or code. */

const SVG = "http://www.w3.org/2000/svg";

/** `on…` are listeners, `part` is also the class. */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (typeof value === "boolean") node.toggleAttribute(name, value);
    else if (value !== null && value !== undefined) node.setAttribute(name, value);
    if (name === "part") node.className = value;
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

export function icon(name) {
  return drawing(ICONS[name] ?? ICONS.bell);
}

export function drawing(d) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", d);
  svg.append(path);
  return svg;
}

/** Only what differs, so that screen readers and layout stay calm. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** Null for what is not http(s), as `javascript:`. */
export function safeAddress(address, base) {
  if (!address) return null;
  const url = URL.parse(address, base);
  return /^https?:$/.test(url?.protocol) ? url.href : null;
}

const ICONS = {
  __proto__: null,
  bell: "M6 9a6 6 0 0 1 12 0c0 6 2.2 7.5 2.2 7.5H3.8S6 15 6 9M10.2 20a2 2 0 0 0 3.6 0",
  check: "m5 12.5 4.5 4.5L19 7.5",
  checks: "m2.5 12.5 4.5 4.5L16 8m-5.5 8 1 1L21.5 7.5",
  close: "M6 6l12 12M18 6 6 18",
  why: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M9.6 9.4a2.5 2.5 0 1 1 3.6 2.3c-.8.4-1.2.9-1.2 1.8M12 16.6v.1",
  settings: "M4 7h9m5 0h2M4 17h2m5 0h9M15.5 4.5v5M8.5 14.5v5",
  alert: "M12 8v5m0 3.4v.1M12 3 2.5 20h19z",
  task_assigned: "m8.5 12 2.5 2.5 5-5M5 4h14a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1",
  comment_added: "M4 5h16v11h-8l-4.5 4v-4H4z",
  status_changed: "M4 9h14l-3.5-4M20 15H6l3.5 4",
  mentioned: "M16 12a4 4 0 1 1-8 0 4 4 0 0 1 8 0m0 0v1.5a2.5 2.5 0 0 0 5 0V12a9 9 0 1 0-3.5 7.1",
};
