/** Full jitter, so that ten thousand bells do not come back at once. */
export function fullJitter(attempt, { base = 2_000, cap = 30_000, random = Math.random } = {}) {
  return random() * Math.min(cap, base * 2 ** attempt);
}

/** A period that differs by a fifth from bell to bell. */
export function spread(period, random = Math.random) {
  return period * (0.8 + 0.4 * random());
}
