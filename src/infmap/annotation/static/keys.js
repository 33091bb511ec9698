/** The keyboard: every action of the film page, by group, with what the help panel says of it. */
import { VIEW_KEYS, look } from "../web/keys.js";
import { TOOLS } from "./drawing.js";

/** Film pixels that an arrow key moves the crosshair; with Ctrl a tenth of that. */
const STEP = 10;

const surface = (bench) => bench.surface;
const radius = (bench, factor) => {
  bench.drawing.radius = Math.min(500, Math.max(1, bench.drawing.radius * factor));
  surface(bench).ask();
  bench.tell();
};

/** {keys, does, text}: `does(bench, ui)`; keys as `key` of a keyboard event, Ctrl+ and Shift+ first. */
export const KEYS = [
  { group: "Masks side by side", items: [
    { keys: ["1", "2", "3", "4", "5", "6", "7", "8"], shown: "1 … 8", mode: "choose", text: "Point out mask A, B, C …", does: (bench, ui, key) => {
      const side = bench.task.candidates[Number(key) - 1];
      if (side) bench.pick(side);
    } },
    { keys: ["Enter"], mode: "choose", text: "Choose the mask pointed out", does: (bench) => bench.side && bench.decide({ kind: "choose", side: bench.side }) },
    { keys: ["d"], mode: "choose", text: "Edit the mask pointed out", does: (bench) => bench.side && bench.draw(bench.side) },
    { keys: ["r"], text: "Reject, with a reason", does: (bench, ui) => ui.reject() },
  ] },
  { group: "Drawing", items: [
    ...TOOLS.map(({ id, name, key }) => ({ keys: [key], mode: id === "pan" || id === "level" ? undefined : "draw", text: name, does: (bench, ui) => ui.tool(id) })),
    { keys: ["1", "2", "3", "4", "5", "6"], shown: "1 … 6", mode: "draw", text: "Label", does: (bench, ui, key) => ui.label(Number(key) - 1) },
    { keys: ["["], text: "Smaller brush", does: (bench) => radius(bench, 1 / 1.2) },
    { keys: ["]"], text: "Larger brush", does: (bench) => radius(bench, 1.2) },
    { keys: ["s"], mode: "draw", text: "Smooth the label", does: (bench) => bench.drawing.whole("smooth") },
    { keys: ["o"], mode: "draw", text: "Fill the holes of the label", does: (bench) => bench.drawing.whole("fill") },
    { keys: ["x"], mode: "draw", text: "Clear the label", does: (bench) => bench.drawing.whole("clear") },
    { keys: ["Ctrl+z"], mode: "draw", text: "Undo", does: (bench) => bench.undo() },
    { keys: ["Ctrl+y", "Ctrl+Shift+z"], mode: "draw", text: "Redo", does: (bench) => bench.redo() },
    { keys: ["Enter"], mode: "draw", text: "Close a polygon", does: (bench) => bench.drawing.points.length && bench.drawing.close() },
    { keys: ["Backspace"], mode: "draw", text: "Take away a polygon's last corner", does: (bench) => bench.drawing.back() },
    { keys: ["Escape"], mode: "draw", text: "Drop what is not finished", does: (bench) => bench.drawing.cancel() },
    { keys: ["Ctrl+Enter"], mode: "draw", text: "Finish the film", does: (bench) => bench.decide({ kind: bench.verb }) },
    { keys: ["g"], mode: "draw", text: "Back to the masks side by side", does: (bench) => bench.task.candidates.length && bench.compare() },
  ] },
  { group: "Drawing without a mouse (film in focus)", items: [
    { keys: ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Ctrl+ArrowLeft", "Ctrl+ArrowRight", "Ctrl+ArrowUp", "Ctrl+ArrowDown"], shown: "Arrows", canvas: true, text: "Move the crosshair; with Ctrl by one pixel", does: (bench, ui, key) => crosshair(bench, key) },
    { keys: [" "], shown: "Space", canvas: true, text: "Put the tool down or lift it; a corner with the polygon", does: (bench) => press(bench) },
  ] },
  { group: "View", items: [
    ...VIEW_KEYS,
    { keys: ["c"], text: "Contour or fill", does: (bench) => look(bench, ({ contour }) => ({ contour: !contour })) },
    { keys: ["v"], text: "Show or hide the masks", does: (bench) => look(bench, ({ visible }) => ({ visible: visible ? 0 : 63 })) },
    { keys: ["m"], text: "Next prior film of the patient beside", does: (bench) => bench.prior() },
  ] },
  { group: "Help", items: [{ keys: ["?", "F1"], shown: "? or F1", text: "This panel", does: (bench, ui) => ui.help() }] },
];

/** Move the crosshair by a key, drawing where the tool is down. */
function crosshair(bench, key) {
  const { drawing, surface } = bench;
  if (bench.mode !== "draw") return;
  const fine = key.startsWith("Ctrl+");
  const step = fine ? 1 : Math.max(1, Math.min(STEP / surface.viewpoint.scale, drawing.radius));
  const [dx, dy] = { Left: [-1, 0], Right: [1, 0], Up: [0, -1], Down: [0, 1] }[key.replace(/.*Arrow/, "")];
  const { x, y } = start(bench);
  const at = {
    x: Math.min(surface.film.width, Math.max(0, x + dx * step)),
    y: Math.min(surface.film.height, Math.max(0, y + dy * step)),
  };
  if (drawing.pressed) drawing.move(at);
  else drawing.hover(at);
}

/** Where the crosshair is; the middle of the view before it was ever moved. */
function start({ drawing, surface }) {
  const { canvas } = surface.panes[0];
  const { scale, x, y } = surface.viewpoint;
  return drawing.cursor ?? { x: x + canvas.width / 2 / scale, y: y + canvas.height / 2 / scale };
}

function press(bench) {
  const { drawing } = bench;
  if (bench.mode !== "draw" || drawing.tool === "pan" || drawing.tool === "level") return;
  if (drawing.pressed) drawing.up();
  else drawing.down(start(bench));
}
