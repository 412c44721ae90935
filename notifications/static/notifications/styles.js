/** The look: a constructed sheet, since a strict Content-Security-Policy allows no inline style. */

export const sheet = sheetOf(`
:host {
  --_accent: var(--bell-accent, light-dark(#4450d6, #a5b0ff));
  --_on-accent: var(--bell-on-accent, light-dark(#fff, #14161c));
  --_surface: var(--bell-surface, light-dark(#fff, #1b1d23));
  --_raised: var(--bell-raised, light-dark(#f4f5f8, #262932));
  --_unread: var(--bell-unread, light-dark(#f3f4ff, #22253a));
  --_text: var(--bell-text, light-dark(#191b22, #eceef4));
  --_muted: var(--bell-muted, light-dark(#5c6270, #a4aab8));
  --_line: var(--bell-line, light-dark(#e5e7ed, #343842));
  --_shadow: var(--bell-shadow, 0 0 0 1px var(--_line), 0 18px 48px -12px light-dark(#0f172a4d, #000c));
  --_font: var(--bell-font, system-ui, sans-serif);
  display: inline-block;
  font: 400 14px/1.45 var(--_font);
}
:host([hidden]), [hidden] { display: none !important; }
*, ::before, ::after { box-sizing: border-box; }
button, select, input { font: inherit; color: inherit; }
button { background: none; border: 0; padding: 0; margin: 0; cursor: pointer; text-align: start; }
h2, h3, p, ul { margin: 0; padding: 0; list-style: none; font: inherit; }
:focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px; }
.button:hover, .button[aria-expanded=true], .action:hover, .tool:hover, .retry:hover, .undo:hover { background: color-mix(in srgb, currentColor 10%, transparent); }
.icon { width: 1.25em; height: 1.25em; flex: none; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
.quiet { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

.button { position: relative; display: grid; place-items: center; width: var(--bell-size, 40px); height: var(--bell-size, 40px); border-radius: 50%; color: var(--bell-color, inherit); }
.button .icon { width: 55%; height: 55%; }
.button.waiting { visibility: hidden; }
.badge { position: absolute; top: 1px; inset-inline-start: 52%; min-width: 18px; height: 18px; padding: 0 5px; border-radius: 9px; background: var(--bell-badge, light-dark(#d3273e, #ff7a88)); color: var(--bell-on-badge, light-dark(#fff, #2b0509)); font: 700 11px/18px var(--_font); text-align: center; box-shadow: 0 0 0 2px var(--bell-badge-ring, transparent); }

.panel { overscroll-behavior: contain; position: fixed; inset: auto; margin: 0; padding: 0; border: 0; width: min(var(--bell-width, 420px), 100vw - 16px); height: var(--bell-height, 640px); max-height: none; max-width: none; flex-direction: column; overflow: hidden; border-radius: var(--bell-radius, 14px); background: var(--_surface); color: var(--_text); box-shadow: var(--_shadow); outline: 0; }
.panel:popover-open, .panel[open] { display: flex; animation: appear .14s ease-out; }
@keyframes appear { from { opacity: 0; translate: 0 -6px; } }
.content, .preferences { flex: 1; min-height: 0; display: flex; flex-direction: column; position: relative; }
.header { display: flex; align-items: center; gap: 2px; padding-block: 12px 8px; padding-inline: 18px 10px; }
.heading { flex: 1; font-weight: 650; font-size: 17px; }
.action, .tool { display: grid; place-items: center; width: 34px; height: 34px; border-radius: 9px; color: var(--_muted); }
.action:hover, .tool:hover { color: var(--_text); }
.action[aria-disabled=true] { opacity: .4; cursor: default; background: none; }
.tabs { display: flex; gap: 4px; padding: 0 14px; border-bottom: 1px solid var(--_line); }
.tab { display: flex; gap: 7px; align-items: center; padding: 7px 8px 9px; color: var(--_muted); font-weight: 550; border-bottom: 2px solid transparent; margin-bottom: -1px; }
.tab:hover { color: var(--_text); }
.tab[aria-selected=true] { color: var(--_text); border-color: var(--_accent); }
.count { min-width: 20px; padding: 0 6px; border-radius: 10px; background: var(--_raised); color: var(--_text); font: 600 11.5px/19px var(--_font); text-align: center; }
.badge:empty, .count:empty { display: none; }
.banner { position: absolute; z-index: 2; inset: auto 0 0; padding: 7px 18px; background: light-dark(#fff4d6, #40351a); color: light-dark(#6b4a00, #ffdf9b); font-size: 13px; }

.list { flex: 1; min-height: 0; overflow: auto; overflow-anchor: none; position: relative; overscroll-behavior: contain; outline-offset: -2px; scrollbar-width: thin; padding-bottom: 34px; }
.day { position: sticky; top: 0; z-index: 2; padding: 9px 18px 5px; font-size: 12px; font-weight: 600; color: var(--_muted); background: var(--_surface); }
.row { margin: 0 6px; border-radius: 10px; contain: layout; }
.row:hover { background: var(--_raised); }
.row.unread { background: var(--_unread); }
.row.unread:hover { background: color-mix(in srgb, var(--_unread), var(--_accent) 9%); }
.row + .row { margin-top: 2px; }
.main { display: flex; gap: 12px; width: 100%; padding-block: 11px; padding-inline: 12px 48px; color: inherit; text-decoration: none; border-radius: 10px; outline-offset: -2px; }
.text { display: grid; gap: 1px; min-width: 0; flex: 1; }
.title, .body { overflow: hidden; overflow-wrap: anywhere; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; }
.body { -webkit-line-clamp: 4; }
.title { font-weight: 500; }
.unread .title { font-weight: 650; }
.open .title, .open .body { display: block; }
.body, .time { color: var(--_muted); }
.time { font-size: 12.5px; margin-top: 2px; }
.avatar { position: relative; flex: none; display: grid; place-items: center; width: 38px; height: 38px; border-radius: 50%; background: var(--_raised); color: var(--_muted); margin-top: 1px; }
.initials, .avatar img { width: 100%; height: 100%; border-radius: 50%; }
.initials { display: grid; place-items: center; font-size: 13px; font-weight: 650; background: light-dark(hsl(var(--hue) 60% 88%), hsl(var(--hue) 32% 30%)); color: light-dark(hsl(var(--hue) 65% 24%), hsl(var(--hue) 70% 88%)); }
.avatar img { position: absolute; inset: 0; object-fit: cover; }
.kind { position: absolute; inset-block-end: -7px; inset-inline-end: -7px; display: grid; place-items: center; width: 20px; height: 20px; border-radius: 50%; background: var(--_accent); color: var(--_on-accent); box-shadow: 0 0 0 2px var(--_surface); font-size: 10px; }
.kind .icon { stroke-width: 2.4; }
.tools { position: absolute; top: 8px; inset-inline-end: 8px; display: grid; gap: 1px; }
.tool { width: 30px; height: 30px; }
.tool .icon { opacity: .75; width: 17px; height: 17px; }
.dot { position: absolute; width: 9px; height: 9px; border-radius: 50%; background: var(--_accent); }
.toggle::after { content: ""; width: 9px; height: 9px; border: 1.8px solid; border-radius: 50%; }
.toggle .icon, .unread .toggle::after { display: none; }
@media (hover: hover) {
  .tool .icon, .toggle::after { opacity: 0; }
  .row:is(:hover, :focus-within) .tool .icon, .row:is(:hover, :focus-within) .toggle::after, .open .ask .icon { opacity: 1; }
  .unread:is(:hover, :focus-within) .toggle .icon { display: block; }
  .unread:is(:hover, :focus-within) .dot { display: none; }
}
.why { padding-block-end: 12px; padding-inline: 62px 12px; font-size: 13px; color: var(--_muted); overflow-wrap: anywhere; }

.pill { position: absolute; z-index: 3; top: 54px; inset-inline: 0; width: fit-content; margin: auto; display: flex; align-items: center; gap: 5px; padding: 6px 14px; border-radius: 99px; background: var(--_accent); color: var(--_on-accent); font-weight: 600; font-size: 13px; box-shadow: var(--_shadow); animation: appear .16s ease-out; }
.state { display: flex; flex-direction: column; align-items: center; justify-content: center; gap: 8px; min-height: 100%; padding: 32px; text-align: center; color: var(--_muted); }
.state p { color: var(--_text); font-weight: 600; font-size: 15px; }
.state > .icon { width: 64px; height: 64px; padding: 17px; border-radius: 50%; background: var(--_raised); color: var(--_muted); stroke-width: 1.5; }
.state small { font-size: 13.5px; }
.state[data-kind=loading] { justify-content: start; padding: 14px 12px; }
.tail { display: flex; flex-wrap: wrap; align-items: center; justify-content: center; gap: 10px; padding: 10px 12px 14px; color: var(--_muted); }
.retry, .undo { padding: 5px 12px; border-radius: 8px; font-weight: 600; color: var(--_accent); }
.retry { border: 1px solid var(--_line); }
.skeleton { display: grid; grid-template: auto auto / 38px 1fr; gap: 9px 12px; width: 100%; padding: 11px 6px; }
.skeleton i { height: 11px; width: 62%; border-radius: 6px; background: var(--_line); animation: fade .9s ease-in-out infinite alternate; }
.skeleton i:first-child { grid-row: span 2; width: 38px; height: 38px; border-radius: 50%; }
.skeleton i:last-child { width: 88%; }
@keyframes fade { to { opacity: .4; } }
.toast { position: absolute; z-index: 3; bottom: 14px; inset-inline: 14px; display: flex; align-items: center; justify-content: space-between; gap: 12px; padding-block: 9px; padding-inline: 16px 8px; border-radius: 11px; background: var(--_text); color: var(--_surface); box-shadow: var(--_shadow); animation: appear .16s ease-out; }
.undo { color: inherit; text-decoration: underline; }
.banner:not([hidden]) ~ .toast { bottom: 46px; }
.undo:focus-visible { outline-color: currentColor; }

@media (hover: none) {
  .tool { width: 36px; height: 36px; }
  .main { padding-inline-end: 56px; }
  .action { width: 44px; height: 44px; }
}
@media (max-width: 520px) {
  .panel { inset: 0; width: 100vw; height: 100dvh; border-radius: 0; box-shadow: none; padding: env(safe-area-inset-top) env(safe-area-inset-right) env(safe-area-inset-bottom) env(safe-area-inset-left); }
  .tab { padding-block: 11px; }
}
@media (min-width: 521px) and (hover: hover) { .close { display: none; } }
@media (prefers-reduced-motion: reduce) { *, ::before, ::after { animation: none !important; transition: none !important; } }
@media (forced-colors: active) {
  .panel { border: 1px solid; }
  .badge, .dot, .switch:checked, [aria-selected=true] { forced-color-adjust: none; background: Highlight; color: HighlightText; }
}
`);

export function sheetOf(css) {
  const made = new CSSStyleSheet();
  made.replaceSync(css);
  return made;
}
