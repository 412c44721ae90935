/** The words of the bell, replaceable one by one. A plural is an object by Intl.PluralRules category. */

const STRINGS = {
  label: "Notifications",
  buttonUnread: "Notifications, {n} unread",
  badgeMax: "99+",
  all: "All",
  unreadOnly: "Unread",
  unread: "Unread",
  markAll: "Mark all as read",
  markRead: "Mark as read",
  markUnread: "Mark as unread",
  why: "Why am I seeing this?",
  settings: "Notification settings",
  close: "Close",
  newItems: "{n} new",
  arrived: "New notification: {title}",
  arrivedMany: { one: "{n} new notification", other: "{n} new notifications" },
  emptyAll: "No notifications yet",
  emptyAllHint: "When something needs you, it shows up here.",
  emptyUnread: "You’re all caught up",
  emptyUnreadHint: "Nothing is unread.",
  loading: "Loading notifications",
  loadFailed: "Notifications could not be loaded.",
  retry: "Try again",
  offline: "You’re offline. This is what was loaded before.",
  offlineEmpty: "You’re offline. Nothing was loaded before.",
  reconnecting: "Live updates are interrupted. Reconnecting…",
  marked: "{n} marked as read",
  undo: "Undo",
  readFailed: "That could not be saved.",
  markAllFailed: "They could not be marked as read.",
  undoFailed: "That could not be undone.",
  whyFailed: "The reason could not be loaded.",
  tooOften: "Too many requests. Try again in {n} s.",
  today: "Today",
  yesterday: "Yesterday",
  justNow: "just now",
  preferencesFailed: "Settings could not be loaded.",
};

export class Translator {
  #overrides;
  #strings = STRINGS;
  #plurals;
  #numbers;

  constructor(overrides, language) {
    this.#overrides = overrides;
    this.#plurals = new Intl.PluralRules(language);
    this.#numbers = new Intl.NumberFormat(language);
  }

  /** Further words, of a part that is loaded later. */
  learn(strings) {
    this.#strings = { ...this.#strings, ...strings };
  }

  /** The text for `key`; `values.n` chooses the plural. */
  text(key, values = {}) {
    const entry = this.#overrides[key] ?? this.#strings[key];
    const pattern = typeof entry === "object" ? (entry[this.#plurals.select(values.n)] ?? entry.other) : entry;
    return pattern.replace(/\{(\w+)\}/g, (_, name) => (name === "n" ? this.number(values.n) : values[name]));
  }

  /** The word for a member of a group (`digests`, `types`, `channels`). */
  name(group, key, fallback = key) {
    return this.#overrides[group]?.[key] ?? this.#strings[group][key] ?? fallback;
  }

  badge(count) {
    return count > 99 ? this.text("badgeMax") : this.number(count);
  }

  number(value) {
    return this.#numbers.format(value);
  }
}
