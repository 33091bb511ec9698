/**
 * The keyboard: which action a key sets off, and the keys of viewing that all pages share.
 *
 * Actions come in groups, {group, items: [{keys, does, text}]}: `does(bench, ui, key)`; keys as `key`
 * of a keyboard event, Ctrl+ and Shift+ first. A bench has `surface`, `tell()` and `window`, the
 * film's own; an item with `mode` counts in that mode of the bench alone.
 */

const surface = (bench) => bench.surface;

/** Change a bench's look: `changes(look)` are the new values. */
export const look = (bench, changes) => (surface(bench).setLook(changes(surface(bench).look)), bench.tell());

export const VIEW_KEYS = [
  { keys: ["f"], text: "Fit the film", does: (bench) => surface(bench).fit() },
  { keys: ["z"], text: "One film pixel a screen pixel", does: (bench) => surface(bench).actual() },
  { keys: ["+", "="], shown: "+", text: "Zoom in", does: (bench) => surface(bench).zoom(1.25) },
  { keys: ["-"], text: "Zoom out", does: (bench) => surface(bench).zoom(0.8) },
  { keys: ["Shift+ArrowLeft"], shown: "Shift + arrows", text: "Move the film", does: (bench) => surface(bench).pan(60, 0) },
  { keys: ["Shift+ArrowRight"], does: (bench) => surface(bench).pan(-60, 0) },
  { keys: ["Shift+ArrowUp"], does: (bench) => surface(bench).pan(0, 60) },
  { keys: ["Shift+ArrowDown"], does: (bench) => surface(bench).pan(0, -60) },
  { keys: ["Alt+ArrowLeft"], shown: "Alt + arrows", text: "Window (left, right) and level (up, down)", does: (bench) => surface(bench).level(-25, 0) },
  { keys: ["Alt+ArrowRight"], does: (bench) => surface(bench).level(25, 0) },
  { keys: ["Alt+ArrowUp"], does: (bench) => surface(bench).level(0, -25) },
  { keys: ["Alt+ArrowDown"], does: (bench) => surface(bench).level(0, 25) },
  { keys: ["0"], text: "The film's own window", does: (bench) => look(bench, () => bench.window) },
  { keys: ["i"], text: "Invert", does: (bench) => look(bench, ({ invert }) => ({ invert: !invert })) },
  { keys: [","], text: "Overlay weaker", does: (bench) => look(bench, ({ opacity }) => ({ opacity: Math.max(0.05, opacity - 0.1) })) },
  { keys: ["."], text: "Overlay stronger", does: (bench) => look(bench, ({ opacity }) => ({ opacity: Math.min(1, opacity + 0.1) })) },
];

const NAMED = new Set(["Enter", "Escape", "Backspace", "F1"]);

/** The action of a keyboard event among groups, or null: {does, key}. `single`: keys without Ctrl or Alt count. */
export function action(groups, event, bench, single) {
  const { target } = event;
  // Text fields and open dialogs keep their keys; so does a button that is pressed, and arrows
  // belong to a slider or a choice of labels.
  if (target.closest("input:not([type=checkbox], [type=radio], [type=range]), select, textarea, dialog[open]")) return null;
  if (target.closest("[type=radio], [type=range]") && event.key.startsWith("Arrow")) return null;
  if (target.closest("button, a, input, summary") && ["Enter", " "].includes(event.key) && !event.ctrlKey) return null;
  const plain = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const shift = event.shiftKey && (plain.length > 1 || event.ctrlKey) ? "Shift+" : "";
  const held = `${event.ctrlKey || event.metaKey ? "Ctrl+" : ""}${event.altKey ? "Alt+" : ""}${shift}`;
  const key = held + plain;
  if (!single && !held && !NAMED.has(key) && !key.includes("Arrow") && key !== " ") return null;
  for (const { items } of groups)
    for (const item of items)
      if (item.keys.includes(key) && (!item.mode || item.mode === bench.mode) && (!item.canvas || target.tagName === "CANVAS"))
        return { does: item.does, key };
  return null;
}
