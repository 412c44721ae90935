/** Full jitter, so that ten thousand bells do not come back at once. */
export function fullJitter(attempt) {
  return Math.random() * Math.min(30_000, 2_000 * 2 ** attempt);
}

/** A period that differs by a fifth from bell to bell. */
export function spread(period) {
  return period * (0.8 + 0.4 * Math.random());
}
