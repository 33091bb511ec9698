/**
 * One reader's work on one film after another: the task, its film and masks, the draft, the decision.
 *
 * Modes: "loading", "choose" (candidates side by side), "draw", "done" (nothing is left), "failed".
 * Tells "change" when something to be shown has changed.
 */
import { Films, blank, preview } from "../web/films.js";
import { decodeMask } from "../web/mask.js";
import { Surface } from "../web/surface.js";
import * as api from "./api.js";
import { Draft } from "./draft.js";
import { Drawing } from "./drawing.js";

/** Pauses longer than this are not counted as active time, ms: the reader has turned away. */
const PAUSE = 30000;

/** The station's films; the page's views share what is kept of them. */
export const films = new Films((id) => `api/films/${id}`);

export const LABELS = [
  "infection", "ground-glass opacity", "consolidation", "lungs", "pleural effusion", "uncertain",
];

export class Workbench extends EventTarget {
  constructor(project, host, journal) {
    super();
    Object.assign(this, { project, journal, mode: "loading", side: null, message: null });
    this.surface = new Surface(host);
    this.surface.addEventListener("view", () => this.tell());
    this.surface.addEventListener("click", ({ detail }) => {
      const side = this.mode === "choose" && this.task.candidates[this.surface.panes.indexOf(detail)];
      if (side) this.pick(side);
    });
    this.drawing = new Drawing(this.surface, (strokes) => this.keep(strokes));
    this.masks = new Map();
    this.active = 0;
    this.strokeStart = 0;
    this.seen = performance.now();
    this.activity = () => this.count();
    for (const kind of ["pointermove", "pointerdown", "keydown", "wheel"])
      window.addEventListener(kind, this.activity, { passive: true, capture: true });
    this.leaving = (event) => this.draft?.waiting.length && event.preventDefault();
    window.addEventListener("beforeunload", this.leaving);
    this.back = () => this.mode === "failed" && this.next();
    api.session.addEventListener("signed-in", this.back);
  }

  tell() {
    this.dispatchEvent(new Event("change"));
  }

  /** Count the time since the last movement or key as active, unless it was a pause. */
  count() {
    const now = performance.now();
    if (now - this.seen < PAUSE) this.active += now - this.seen;
    this.seen = now;
  }

  /** Take the next film; the station gives the present one again until it is decided. */
  async next() {
    await this.leave(false);
    this.set({ mode: "loading", task: null, message: null });
    try {
      const task = await api.post(`projects/${this.project}/next`);
      if (task) await this.open(task);
      else this.set({ mode: "done" });
    } catch (error) {
      this.set({ mode: "failed", message: error.message });
    }
  }

  set(changes) {
    Object.assign(this, changes);
    this.tell();
  }

  async open(task) {
    // A single mask needs no pointing out.
    const side = task.candidates.length === 1 ? task.candidates[0] : null;
    Object.assign(this, { task, side, draft: null, conflict: null, priors: null });
    this.masks.clear();
    this.active = this.strokeStart = 0;
    this.drawing.choose({ label: this.drawableLabels(task)[0], lungs: null });
    const { center, width } = task.film.window;
    this.surface.look = { ...this.surface.look, center, width, invert: task.film.invert };
    this.showFilm(task);
    this.renewal = setTimeout(() => this.renew(), this.renewAfter(task.deadline_s));
    const drawing = task.draft || !task.candidates.length;
    const candidates = this.fetchCandidates(task);
    if (drawing) await this.draw(null);
    else this.choosing();
    await candidates;
    this.choosing();
    if (task.lungs) this.drawing.lungs = await this.lungsOf(task);
    this.prefetch();
  }

  /** The film's own window. */
  get window() {
    return this.task.film.window;
  }

  drawableLabels(task) {
    return task.project.labels.map((name) => LABELS.indexOf(name));
  }

  /** Show the small picture at once, and full depth when it is there. */
  showFilm(task) {
    const loaded = films.load(task.film.id);
    const current = () => this.task === task;
    if (loaded.ready) this.surface.setFilm(loaded.ready);
    else {
      const black = blank(task.film);
      this.surface.setFilm(black);
      preview(loaded, task.film)
        .then((film) => current() && this.surface.film === black && this.surface.setFilm(film))
        .catch(() => {});
      loaded.full
        .then((film) => current() && (this.surface.setFilm(film), this.tell()))
        .catch((error) => current() && this.set({ message: `The film is shown coarsely: ${error.message}` }));
    }
  }

  async fetchCandidates(task) {
    await Promise.all(task.candidates.map(async (side) => {
      const { mask } = await decodeMask(await api.bytes(`tasks/${task.id}/candidates/${side}`));
      if (this.task === task) this.masks.set(side, mask);
    }));
  }

  async lungsOf(task) {
    try {
      const { mask } = await decodeMask(await api.bytes(`tasks/${task.id}/lungs`));
      return mask.map((labels) => labels & 8);
    } catch {
      return null;
    }
  }

  /** Fetch the films that come next while the reader works on this one. */
  async prefetch() {
    try {
      for (const film of (await api.get(`projects/${this.project}/upcoming`)).slice(0, 1)) films.load(film);
    } catch {
      // It only saves time later.
    }
  }

  /** Show the candidates side by side. */
  choosing() {
    if (this.draft) return;
    this.drawing.editor = null;
    this.mode = "choose";
    this.layOut(this.task.candidates.map((side) => ({ title: `Mask ${side}`, mask: this.masks.get(side) ?? null })));
    this.tell();
  }

  /** Draw, on a candidate's mask where a side is given. */
  async draw(side) {
    const { task } = this;
    const draft = await Draft.open(task, side, this.journal);
    if (this.task !== task) return draft.close(false);
    await this.draft?.close(false);
    this.draft = draft;
    draft.addEventListener("state", () => this.saved(draft));
    this.drawing.editor = draft.editor;
    this.drawing.abandon();
    this.mode = "draw";
    this.layOut([{ title: "Your mask", mask: draft.editor.mask, active: true }]);
    // A draft with strokes stands on what it was begun on; another side goes on top, as a step
    // that undo takes back.
    if (side && draft.seq > 0 && this.masks.has(side)) this.keep(draft.editor.become(this.masks.get(side), "copy"));
    this.surface.redraw();
    this.set({ mode: "draw", side });
  }

  layOut(panes) {
    const prior = this.priors?.shown;
    const beside = prior ? [{ title: prior.title, mask: null, film: prior.film }] : [];
    this.panes = panes;
    this.surface.setPanes([...panes, ...beside]);
    for (const { panel, active } of this.surface.panes)
      panel.marks = active ? (context, view) => this.drawing.marks(context, view) : null;
    this.mark();
  }

  /** Back from drawing to the candidates; what is drawn stays in the draft. */
  async compare() {
    this.drawing.abandon();
    await this.draft?.close(false);
    this.draft = null;
    this.choosing();
  }

  /** What saving a draft tells: another tab or another place has changed it. */
  saved(draft) {
    if (draft === this.draft && draft.state === "moved") this.draw(null).catch((error) => this.set({ message: error.message }));
    this.tell();
  }

  /** Write to the draft from this tab again. */
  async takeOver() {
    try {
      await this.draw(null);
    } catch (error) {
      this.set({ message: error.message });
    }
  }

  keep(strokes) {
    this.count();
    const spent = Math.round(this.active - this.strokeStart);
    this.strokeStart = this.active;
    this.draft.add(strokes.map((stroke, k) => ({ ...stroke, active_ms: k ? 0 : spent })));
    this.tell();
  }

  undo() {
    if (this.mode === "draw") this.drawing.undo();
  }

  redo() {
    if (this.mode === "draw") this.drawing.redo();
  }

  /** Point out a candidate. */
  pick(side) {
    this.side = side;
    this.mark();
    this.tell();
  }

  mark() {
    this.surface.panes.forEach(({ figure, film }, k) => {
      const picked = this.mode === "choose" && !film && this.side !== null && this.task.candidates[k] === this.side;
      figure.dataset.picked = String(picked);
    });
  }

  /**
   * Decide the film: {kind: "choose" | "edit" | "draw" | "reject", side?, reason?}; then the next.
   *
   * The work stays where it is if the station cannot be reached.
   */
  async decide({ kind, side, reason }) {
    const { task, draft } = this;
    if (this.deciding) return;
    this.set({ deciding: true, message: null });
    try {
      this.drawing.abandon();
      if (draft) await draft.send();
      if (draft?.waiting.length) throw new api.ApiError(0, { error: "Not all strokes are on the station yet; decide when it says Saved." });
      this.count();
      const made = { version: task.version, kind, active_ms: Math.round(this.active), parent: task.parent ?? null };
      if (side) made.side = side;
      if (reason) made.reason = reason;
      if (draft && kind !== "choose") Object.assign(made, { draft: draft.id, seq: draft.seq });
      await api.post(`tasks/${task.id}/decision`, made);
      await this.leave(true);
      this.set({ deciding: false });
      await this.next();
    } catch (error) {
      this.set({ deciding: false });
      if (error.status === 409 && error.body.yours) await this.conflicted(error.body);
      else this.set({ message: error.message });
    }
  }

  /** Show both decisions of a conflict; both are kept on the station. */
  async conflicted({ yours, theirs }) {
    const masks = await Promise.all([yours, theirs].map(async (one) => {
      if (!one?.mask) return null;
      try {
        return (await decodeMask(await api.bytes(`revisions/${one.revision}/mask`))).mask;
      } catch {
        return null;
      }
    }));
    await this.draft?.close(true);
    this.draft = null;
    this.drawing.editor = null;
    this.layOut([{ title: "Your decision", mask: masks[0] }, { title: "The decision that counts", mask: masks[1] }]);
    this.set({ mode: "conflict", conflict: { yours, theirs } });
  }

  /** The decision for what is on the screen now. */
  get verb() {
    return this.task?.candidates.length ? "edit" : "draw";
  }

  async renew() {
    const { task } = this;
    try {
      const { deadline_s: seconds } = await api.post(`tasks/${task.id}/renew`, { version: task.version });
      this.renewal = setTimeout(() => this.renew(), this.renewAfter(seconds));
    } catch (error) {
      if (error.status === 0 || error.status === 401) this.renewal = setTimeout(() => this.renew(), 10000);
    }
  }

  /** A third of the lease: two tries may fail before it ends. At least ten seconds. */
  renewAfter(seconds) {
    return Math.max(10000, (seconds * 1000) / 3);
  }

  /** Show the patient's prior films beside, one after another, then none. */
  async prior() {
    if (!this.task?.priors) return;
    this.priors ??= { list: await api.get(`films/${this.task.film.id}/priors`), at: -1, shown: null };
    const { priors } = this;
    priors.at = priors.at + 1 < priors.list.length ? priors.at + 1 : -1;
    const one = priors.list[priors.at];
    priors.shown = one ? { title: `Prior film, ${one.days_before} days before`, film: await films.load(one.film).full } : null;
    this.layOut(this.panes);
    this.surface.redraw();
    this.tell();
  }

  async leave(decided) {
    clearTimeout(this.renewal);
    this.drawing.abandon();
    await this.draft?.close(decided);
    this.draft = null;
    this.drawing.editor = null;
  }

  async close() {
    await this.leave(false);
    for (const kind of ["pointermove", "pointerdown", "keydown", "wheel"])
      window.removeEventListener(kind, this.activity, { capture: true });
    window.removeEventListener("beforeunload", this.leaving);
    api.session.removeEventListener("signed-in", this.back);
    this.surface.close();
  }
}
