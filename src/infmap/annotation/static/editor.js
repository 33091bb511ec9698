/**
 * The mask of a draft while it is drawn: strokes as XOR patches, undo and redo.
 *
 * `mask` is what is seen, `stored` what the strokes so far make of it; their difference is the next
 * stroke. A gesture may be stored in several parts (one each 500 ms) and is undone as one.
 */
import { changedRect, diffRuns, eachRun, fromBase64, toBase64, toggleRuns } from "../web/mask.js";

/** Steps of undo that are kept. */
const STEPS = 100;

export class Editor {
  /**
   * `mask` is taken over; `past` are the draft's strokes so far, for undo after a reload. `tab`, 16
   * digits, starts each uuid: it tells the strokes of one opening of the page from another's.
   */
  constructor(mask, width, height, past = [], tab = identifier().slice(16)) {
    Object.assign(this, { mask, width, height, tab });
    this.stored = mask.slice();
    this.undone = [];
    this.steps = [];
    this.gesture = null;
    for (const stroke of past) this.remember(stroke);
  }

  newId() {
    return this.tab + identifier().slice(16);
  }

  /** Start a gesture: all that changes until `end` is one step of undo. */
  begin(tool, label) {
    this.gesture = { id: this.newId(), tool, label, part: 0, rect: null };
  }

  /** Say which pixels [x, y, width, height] the gesture has changed. */
  touch(rect) {
    if (rect) this.gesture.rect = joined(this.gesture.rect, rect);
  }

  /** What the gesture has changed since its last part, as a stroke; null where nothing has. */
  part() {
    const { gesture } = this;
    if (!gesture?.rect) return null;
    const stroke = this.store(`${gesture.id}-${gesture.part}`, gesture.tool, gesture.label, gesture.rect);
    gesture.rect = null;
    if (stroke) {
      gesture.part++;
      this.remember(stroke);
    }
    return stroke;
  }

  /** End the gesture; its last part, or null. */
  end() {
    const stroke = this.part();
    this.gesture = null;
    return stroke;
  }

  /** Drop what the gesture has changed since its last part, as when a second finger lands. */
  cancel() {
    const rect = this.gesture?.rect;
    const bit = this.gesture && 1 << this.gesture.label;
    this.gesture = null;
    if (!rect) return null;
    const runs = diffRuns(this.stored, this.mask, this.width, rect, bit);
    if (runs) toggleRuns(this.mask, this.width, rect, bit, runs);
    return rect;
  }

  /** Undo the last step; the strokes that do so, one a part. */
  undo() {
    return this.replay(this.steps, "undo");
  }

  redo() {
    return this.replay(this.undone, "redo");
  }

  replay(from, tool) {
    const step = from.at(-1);
    if (!step || this.gesture) return [];
    const id = this.newId();
    // Patches commute, so the order of a step's parts does not matter.
    return step.map((patch, k) => {
      toggleRuns(this.mask, this.width, patch.rect, 1 << patch.label, fromBase64(patch.runs));
      toggleRuns(this.stored, this.width, patch.rect, 1 << patch.label, fromBase64(patch.runs));
      const stroke = { ...patch, uuid: `${id}-${k}`, tool };
      this.remember(stroke);
      return stroke;
    });
  }

  /** Make the mask another one; one stroke for each label that differs. */
  become(other, tool) {
    this.begin(tool, 0);
    this.mask.set(other);
    const whole = [0, 0, this.width, this.height];
    const strokes = [];
    for (let label = 0; label < 6; label++) {
      const stroke = this.store(`${this.gesture.id}-${label}`, tool, label, whole);
      if (stroke) strokes.push(stroke);
    }
    this.gesture = null;
    for (const stroke of strokes) this.remember(stroke);
    return strokes;
  }

  store(uuid, tool, label, rect) {
    const bit = 1 << label;
    const tight = changedRect(this.stored, this.mask, this.width, rect, bit);
    if (!tight) return null;
    const runs = diffRuns(this.stored, this.mask, this.width, tight, bit);
    toggleRuns(this.stored, this.width, tight, bit, runs);
    return { uuid, tool, label, rect: tight, runs: toBase64(runs) };
  }

  /** Enter a stroke into the steps of undo and redo. */
  remember({ uuid, tool, label, rect, runs }) {
    const patch = { label, rect, runs };
    const id = uuid.split("-")[0];
    if (tool === "undo") return move(this.steps, this.undone, id, patch);
    if (tool === "redo") return move(this.undone, this.steps, id, patch);
    this.undone = [];
    const last = this.steps.at(-1);
    if (last?.id === id) last.push(patch);
    else this.steps.push(Object.assign([patch], { id }));
    if (this.steps.length > STEPS) this.steps.shift();
  }
}

/** An undo (or redo) of several parts moves its step once, with the first part. */
function move(from, to, id, patch) {
  const last = to.at(-1);
  if (last?.id === id) return void last.push(patch);
  from.pop();
  to.push(Object.assign([patch], { id }));
  if (to.length > STEPS) to.shift();
}

/**
 * Pending strokes after a mask has changed underneath: the same pixels get the same values.
 *
 * `before` is the mask that the strokes were drawn on, `now` the one that the station has. A patch
 * toggles, so applied to another mask as it is it would erase what both had drawn.
 */
export function rebased(strokes, before, now, width) {
  const [old, fresh] = [before.slice(), now.slice()];
  const out = [];
  for (const stroke of strokes) {
    const bit = 1 << stroke.label;
    const runs = fromBase64(stroke.runs);
    const previous = fresh.slice();
    toggleRuns(old, width, stroke.rect, bit, runs);
    eachRun(stroke.rect, runs, width, (from, to) => {
      for (let at = from; at < to; at++) fresh[at] = (fresh[at] & ~bit) | (old[at] & bit);
    });
    const patch = diffRuns(previous, fresh, width, stroke.rect, bit);
    if (patch) out.push({ ...stroke, runs: toBase64(patch) });
  }
  return out;
}

/** 32 hexadecimal digits; `crypto.randomUUID` exists on secure origins only, a ward's LAN is none. */
export function identifier() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function joined(a, b) {
  if (!a) return b;
  const [x, y] = [Math.min(a[0], b[0]), Math.min(a[1], b[1])];
  return [x, y, Math.max(a[0] + a[2], b[0] + b[2]) - x, Math.max(a[1] + a[3], b[1] + b[3]) - y];
}
