/** The look of the settings, loaded with them. */

import { sheetOf } from "./styles.js";

export const sheet = sheetOf(`
.preferences .header { gap: 8px; padding-inline: 10px 18px; border-bottom: 1px solid var(--_line); }
:dir(rtl) .back .icon { transform: scaleX(-1); }
.settings-status { color: var(--_muted); font-size: 13px; }
.settings-body { flex: 1; min-height: 0; overflow: auto; padding: 14px 18px 20px; }
.intro { color: var(--_muted); margin-bottom: 10px; }
.grid { width: 100%; border-collapse: collapse; }
.grid th { font-weight: 550; text-align: start; padding: 11px 0; }
.grid thead th { font-size: 12px; font-weight: 600; color: var(--_muted); padding: 4px; text-align: center; }
.grid td { text-align: center; width: 68px; padding: 8px 4px; }
.grid tbody tr { border-top: 1px solid var(--_line); }
.switch { appearance: none; position: relative; width: 34px; height: 20px; margin: 0; vertical-align: middle; border-radius: 10px; background: light-dark(#8b91a0, #656b7a); cursor: pointer; }
.switch::after { content: ""; position: absolute; top: 3px; inset-inline-start: 3px; width: 14px; height: 14px; border-radius: 50%; background: #fff; transition: inset-inline-start .15s; }
.switch:checked { background: var(--_accent); }
.switch:checked::after { inset-inline-start: 17px; background: var(--_on-accent); }
.switch:disabled { opacity: .5; cursor: not-allowed; }
.locked { position: relative; display: inline-block; }
.locked .icon { position: absolute; top: 3px; inset-inline-start: calc(100% + 3px); width: 13px; height: 13px; color: var(--_muted); }
.note { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 6px; color: var(--_muted); font-size: 13px; margin-top: 8px; }
.digest { margin-top: 18px; padding-top: 16px; border-top: 1px solid var(--_line); display: grid; gap: 10px; }
.digest label { display: flex; align-items: center; justify-content: space-between; gap: 12px; font-weight: 550; }
.digest select, .digest input { font-weight: 400; padding: 7px 10px; border: 1px solid color-mix(in srgb, var(--_muted) 60%, transparent); border-radius: 9px; background: var(--_surface); color: var(--_text); min-width: 150px; }
.digest .note { margin: 0; }
.link { padding: 0 2px; border-radius: 8px; color: var(--_accent); font-weight: 600; text-decoration: underline; }
`);
