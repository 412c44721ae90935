/** The words of the settings, replaceable like those of the bell. */

export const STRINGS = {
  preferencesIntro: "Choose what reaches you, and where.",
  type: "Type",
  digest: "Email arrives",
  digestTime: "At",
  timezone: "Time zone: {zone}",
  useTimezone: "Use {zone}",
  lockedOn: "Always on",
  lockedOff: "Not available",
  lockedNote: "Set for everyone, cannot be changed.",
  emailNever: "Email is off for every type.",
  saving: "Saving…",
  saved: "Saved",
  saveFailed: "Your change could not be saved.",
  back: "Back to notifications",
  digests: {
    immediate: "Immediately",
    hourly: "Every hour",
    daily: "Once a day",
    weekly: "Every Monday",
    never: "Never",
  },
  types: {}, // by type; else the server's label
  channels: {}, // by channel; else the server's label
};
