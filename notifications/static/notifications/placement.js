/** Where the panel stands: at the button's end, inside the window. */

const GAP = 8; // px to the button and to the window's edges
const ENOUGH = 360; // px below the button

export function placeBelow(button, panel) {
  const { left, right, top, bottom } = button.getBoundingClientRect();
  const { clientWidth, clientHeight } = document.documentElement;
  const rtl = getComputedStyle(button).direction === "rtl";
  const wished = rtl ? left : right - panel.offsetWidth;
  const furthest = clientWidth - panel.offsetWidth - GAP;
  const below = clientHeight - bottom - 2 * GAP;
  const under = below >= ENOUGH || below >= top;
  panel.style.left = `${Math.max(GAP, Math.min(wished, furthest))}px`;
  panel.style.top = under ? `${bottom + GAP}px` : "auto";
  panel.style.bottom = under ? "auto" : `${clientHeight - top + GAP}px`;
  panel.style.maxHeight = `${Math.max(200, under ? below : top - 2 * GAP)}px`;
}
