/**
 * The tool in hand: what pointer and keyboard do to a draft's mask.
 *
 * The same three calls (down, move, up) come from a mouse, a pen, a finger, or from the crosshair
 * that arrow keys move and Space puts down.
 */
import * as tools from "./tools.js";

export const TOOLS = [
  { id: "brush", name: "Brush", key: "b", hint: "Drag to paint the label." },
  { id: "eraser", name: "Eraser", key: "e", hint: "Drag to erase the label." },
  { id: "polygon", name: "Polygon", key: "p", hint: "Click each corner; click the first one, or press Enter, to close." },
  { id: "lasso", name: "Lasso", key: "l", hint: "Drag around the area; let go to fill it." },
  { id: "threshold", name: "Threshold brush", key: "t", hint: "Paints only bright pixels inside the lungs." },
  { id: "pan", name: "Move film", key: "h", hint: "Drag to move the film." },
  { id: "level", name: "Window / level", key: "w", hint: "Drag right for a wider window, down for darker." },
];

/** A part of a long stroke is stored this often, ms. */
const PART = 500;
/** View pixels within which a click on the first corner closes a polygon. */
const CLOSE = 12;

export class Drawing {
  /** `surface` shows it; `drawn(strokes)` gets what is to be kept. */
  constructor(surface, drawn) {
    Object.assign(this, { surface, drawn, tool: "brush", label: 0, radius: 40, least: 0.5 });
    this.points = [];
    this.cursor = null;
    this.lungs = null;
    this.pressed = false;
    surface.tool = this;
  }

  get canvas() {
    return this.editor;
  }

  /** What a drag does on a panel, other than drawing. */
  drag(pane) {
    if (this.tool === "pan" || this.tool === "level") return this.tool;
    return pane.active && this.editor ? null : "pan";
  }

  choose(changes) {
    this.abandon();
    Object.assign(this, changes);
    this.surface.ask();
  }

  /** Start or go on with the tool at film point {x, y}; `erase` reverses it. */
  down(at, event) {
    const { editor, label } = this;
    this.cursor = at;
    if (this.tool === "polygon") return this.corner(at, event);
    this.pressed = true;
    this.erase = this.tool === "eraser" || !!event?.altKey || event?.buttons === 32;
    editor.begin(this.tool, label);
    this.points = [[at.x, at.y]];
    this.timer = setInterval(() => this.keep(), PART);
    this.move(at);
  }

  move(at) {
    this.cursor = at;
    if (!this.pressed) return this.surface.ask();
    const last = this.points.at(-1);
    if (this.tool === "lasso") {
      this.points.push([at.x, at.y]);
      return this.surface.ask();
    }
    const { editor, label } = this;
    const options = { erase: this.erase, allowed: this.tool === "threshold" && !this.erase ? this.bright() : null };
    const rect = tools.brush(editor, 1 << label, last, [at.x, at.y], this.radius, options);
    this.points = [[at.x, at.y]];
    editor.touch(rect);
    this.surface.changed(rect);
  }

  up() {
    if (!this.pressed) return;
    if (this.tool === "lasso") this.fill(this.points);
    this.finish();
  }

  hover(at) {
    this.cursor = at;
    this.surface.ask();
  }

  double() {
    if (this.tool === "polygon") this.close();
  }

  /** Put a corner of a polygon, or close it at the first one. */
  corner(at, event) {
    this.erase = !!event?.altKey;
    const first = this.points[0];
    const near = first && Math.hypot(at.x - first[0], at.y - first[1]) * this.surface.viewpoint.scale < CLOSE;
    if (near && this.points.length > 2) return this.close();
    this.points.push([at.x, at.y]);
    this.surface.redraw();
  }

  /** Fill a polygon's corners and store it. */
  close() {
    if (this.points.length > 2) {
      this.editor.begin("polygon", this.label);
      this.fill(this.points);
    }
    this.finish();
  }

  fill(points) {
    const rect = tools.polygon(this.editor, 1 << this.label, points, { erase: this.erase });
    this.editor.touch(rect);
    this.surface.changed(rect);
  }

  /** Take away the last corner. */
  back() {
    this.points.pop();
    this.surface.redraw();
  }

  keep() {
    const part = this.editor.part();
    if (part) this.drawn([part]);
  }

  finish() {
    clearInterval(this.timer);
    this.pressed = false;
    this.points = [];
    const part = this.editor.end();
    if (part) this.drawn([part]);
    this.surface.redraw();
  }

  /** Drop what is begun and not yet stored. */
  cancel() {
    clearInterval(this.timer);
    this.pressed = false;
    this.points = [];
    this.surface.changed(this.editor?.cancel());
    this.surface.redraw();
  }

  /** Keep what is begun, as when the tool changes under way. */
  abandon() {
    if (this.pressed) this.up();
    else if (this.points.length) this.cancel();
  }

  /** Whether a pixel may be painted: bright as displayed, and inside the lungs. */
  bright() {
    const { film, look } = this.surface;
    const { pixels } = film.levels[0];
    const { lungs } = this;
    const least = look.center + (this.least - 0.5) * look.width;
    const { mask } = this.editor;
    const inside = lungs ? (at) => lungs[at] : (at) => mask[at] & 8;
    return (at) => pixels[at] >= least && inside(at);
  }

  /** Why the threshold brush cannot be used, or null. */
  get thresholdMissing() {
    if (!this.editor) return "Open a mask first.";
    if (this.surface.film?.levels[0].step !== 1) return "Wait for the film's full depth.";
    if (!this.lungs && !tools.extent(this.editor, 8)) return "Draw the lungs first (label 4).";
    return null;
  }

  /** Smooth, fill the holes of, or clear the label: "smooth", "fill", "clear". */
  whole(what) {
    if (!this.editor || this.pressed) return;
    const work = { smooth: tools.smooth, fill: tools.fillHoles, clear: tools.clear }[what];
    this.editor.begin(what, this.label);
    const rect = work(this.editor, 1 << this.label);
    this.editor.touch(rect);
    this.surface.changed(rect);
    this.finish();
  }

  undo() {
    this.step(this.editor?.undo());
  }

  redo() {
    this.step(this.editor?.redo());
  }

  step(strokes) {
    if (!strokes?.length) return;
    for (const { rect } of strokes) this.surface.changed(rect);
    this.drawn(strokes);
  }

  /** Draw cursor, polygon and lasso on the canvas; the rectangle that they cover, or null. */
  marks(context, view) {
    const { cursor, points } = this;
    if (!this.editor || (!cursor && !points.length)) return null;
    const to = ([x, y]) => [(x - view.x) * view.scale, (y - view.y) * view.scale];
    const round = ["brush", "eraser", "threshold"].includes(this.tool);
    const path = this.tool === "polygon" && cursor ? [...points, [cursor.x, cursor.y]] : points;
    const seen = [];
    context.lineWidth = 1.5;
    for (const [colour, dash] of [["#000", []], ["#fff", [4, 4]]]) {
      // White dashes on black: visible on any grey and any label.
      context.strokeStyle = colour;
      context.setLineDash(dash);
      context.beginPath();
      if (cursor && round) {
        const [x, y] = to([cursor.x, cursor.y]);
        const r = Math.max(1, this.radius * view.scale);
        context.arc(x, y, r, 0, 2 * Math.PI);
        seen.push([x - r, y - r], [x + r, y + r]);
      } else if (cursor) {
        const [x, y] = to([cursor.x, cursor.y]);
        context.moveTo(x - 9, y);
        context.lineTo(x + 9, y);
        context.moveTo(x, y - 9);
        context.lineTo(x, y + 9);
        seen.push([x - 9, y - 9], [x + 9, y + 9]);
      }
      if (!round && path.length)
        path.map(to).forEach(([x, y], k) => {
          if (k) context.lineTo(x, y);
          else context.moveTo(x, y);
          seen.push([x, y]);
        });
      context.stroke();
    }
    if (!seen.length) return null;
    const xs = seen.map((p) => p[0]);
    const ys = seen.map((p) => p[1]);
    return [Math.min(...xs) - 3, Math.min(...ys) - 3, Math.max(...xs) + 3, Math.max(...ys) + 3];
  }
}
