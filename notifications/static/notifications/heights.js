/** Where rows stand, in px by notification id: measured once seen, estimated before. */

const GUESS = 92;

export class Heights extends Map {
  heading = 33; // of a day

  /** `{entry, index, y, bottom}` of each, below the heading that its day may have. */
  placesOf(entries) {
    const guess = [...this.values()].reduce((sum, height) => sum + height, 0) / this.size || GUESS;
    let bottom = 0;
    let day = null;
    return entries.map((entry, index) => {
      const y = bottom + (entry.day === day ? 0 : this.heading);
      day = entry.day;
      bottom = y + (this.get(entry.notification.id) ?? guess);
      return { entry, index, y, bottom };
    });
  }
}
