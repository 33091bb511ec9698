/** The keyboard of the film page, by group, with what the help panel says of it. */
import { VIEW_KEYS } from "../web/keys.js";

/** Of a threshold that a key moves: one level of the maps is 1 / 255. */
const STEP = 0.02;

const flip = (name) => (desk) => {
  const { contours } = desk.surface.look;
  desk.look({ contours: { ...contours, [name]: !contours[name] } });
};
const threshold = (step) => (desk) => {
  const value = desk.thresholds[desk.sliding] + step;
  desk.setThreshold(Math.min(0.99, Math.max(0.01, Math.round(100 * value) / 100)));
};

/** {keys, does, text}: `does(desk, ui)`. */
export const KEYS = [
  { group: "Films", items: [
    { keys: ["j"], text: "Next film", does: (desk, ui) => ui.step(1) },
    { keys: ["k"], text: "Film before", does: (desk, ui) => ui.step(-1) },
    { keys: ["l", "Escape"], shown: "l or Esc", text: "List of films", does: (desk, ui) => ui.list() },
    { keys: ["d"], text: "Downloads", does: (desk, ui) => ui.downloads() },
  ] },
  { group: "Map", items: [
    { keys: ["m"], text: "Next map: infection, opacity, none", does: (desk) => desk.nextLayer() },
    { keys: ["["], text: "Threshold lower", does: threshold(-STEP) },
    { keys: ["]"], text: "Threshold higher", does: threshold(STEP) },
    { keys: ["t"], text: "The model's own thresholds", does: (desk) => desk.look({ thresholds: desk.reading.thresholds }) },
    { keys: ["1"], text: "Contour of the lungs", does: flip("lungs") },
    { keys: ["2"], text: "Contour of the infection", does: flip("infection") },
    { keys: ["3"], text: "Contour of the opacity", does: flip("opacity") },
    { keys: ["4"], text: "Zones", does: (desk) => desk.look({ zones: !desk.surface.look.zones }) },
  ] },
  { group: "Two films", items: [
    { keys: ["c"], text: "Next film to compare with, then none", does: (desk, ui) => ui.compare() },
    { keys: ["s"], text: "Side by side", does: (desk) => desk.setLayout("side") },
    { keys: ["b"], text: "Blinking at one place", does: (desk) => desk.setLayout("blink") },
    { keys: [" "], shown: "Space", text: "Hold or go on blinking", does: (desk) => desk.layout === "blink" && desk.hold() },
    { keys: ["x"], text: "The other film, by hand", does: (desk) => desk.layout === "blink" && desk.turn() },
  ] },
  { group: "View", items: [
    { keys: ["w"], text: "Dragging sets window and level", does: (desk) => desk.set({ tool: "level" }) },
    { keys: ["p"], text: "Dragging moves the film", does: (desk) => desk.set({ tool: "pan" }) },
    ...VIEW_KEYS,
  ] },
  { group: "Help", items: [{ keys: ["?", "F1"], shown: "? or F1", text: "This panel", does: (desk, ui) => ui.help() }] },
];

export const POINTERS = [
  ["Left", "Window (across) and level (up, down), or moves the film"],
  ["Right", "Window and level"],
  ["Middle", "Moves the film"],
  ["Wheel, two fingers", "Zoom and move"],
];
