/**
 * One film being read: its reading, what stands beside it, thresholds and look, kept over a reload.
 *
 * `layout` is "single", "side" or "blink" (both films in turn at one place). Tells "change" when
 * something to be shown has changed.
 */
import { daysText } from "./words.js";
import { Reading } from "./reading.js";
import { ReadingSurface } from "./reading_surface.js";

/** Between two films that blink, ms: 1.4 changes a second, below the three that can harm (WCAG 2.3.1). */
const BLINK = 700;
/** Films whose view is remembered in this tab. */
const REMEMBERED = 50;
const PLACE = "infmap-viewer-views";
const LAYERS = ["infection", "opacity", "none"];

export class Desk extends EventTarget {
  constructor(film, host) {
    super();
    Object.assign(this, { id: film, reading: null, beside: null, layout: "single", tool: touch() ? "pan" : "level" });
    Object.assign(this, { problem: null, loading: true, probe: null, turned: false, closed: false });
    this.surface = new ReadingSurface(host);
    this.surface.tool = { drag: () => this.tool, hover: (at) => this.point(at) };
    this.surface.addEventListener("view", () => (this.remember(), this.tell()));
  }

  tell() {
    this.dispatchEvent(new Event("change"));
  }

  set(changes) {
    Object.assign(this, changes);
    this.tell();
  }

  /** The film's own window. */
  get window() {
    return this.reading.window;
  }

  /** Thresholds of the sliders, and whether they are the model's own. */
  get thresholds() {
    return this.surface.look.thresholds;
  }

  get own() {
    const own = this.reading.thresholds;
    return own.infection === this.thresholds.infection && own.opacity === this.thresholds.opacity;
  }

  /** The map whose threshold the slider moves: what is shown, infection where none is. */
  get sliding() {
    return this.surface.look.layer === "opacity" || this.surface.look.layer === "change" ? "opacity" : "infection";
  }

  async open() {
    try {
      this.reading = await Reading.of(this.id);
      if (this.closed) return;
      const { reading, surface } = this;
      surface.own = reading.window;
      Object.assign(surface.look, { ...reading.window, thresholds: reading.thresholds });
      if (!reading.pictured) return this.set({ loading: false });
      const kept = recall()[this.id];
      if (kept) Object.assign(surface.look, kept.look);
      surface.film = null;
      const film = reading.fetchFilm(() => !this.closed && this.show());
      const maps = reading.fetchMaps();
      if (kept?.view) surface.view = kept.view;
      await Promise.all([film, maps]);
      if (this.closed) return;
      this.layOut();
      if (kept?.beside) await this.compare(kept.beside, kept.layout);
      // Another number of panels has moved the film meanwhile.
      if (kept?.view) surface.setView(null, kept.view);
      this.set({ loading: false });
    } catch (error) {
      if (!this.closed) this.set({ loading: false, problem: error.message });
    }
  }

  /** A better film has come: the same place and look. */
  show() {
    const { surface, reading } = this;
    const { view } = surface;
    surface.setFilm(reading.film);
    // A first film begins at a place that was kept.
    if (view) surface.view = view;
    if (!surface.panes.length) this.layOut();
    this.tell();
  }

  /** Panels for the layout. */
  layOut() {
    const { reading, beside, layout, turned } = this;
    const first = { title: this.title(reading.info, 0), maps: reading.maps, stated: reading.line.side_stated };
    const second = beside && {
      title: beside.title, film: beside.film, maps: beside.maps, window: beside.reading.window,
      linked: true, stated: beside.reading.line.side_stated,
    };
    if (reading.maps) reading.maps.was = beside?.was ?? null;
    if (!second || layout === "single") this.surface.setPanes([first]);
    else if (layout === "side") this.surface.setPanes([first, second]);
    else this.surface.setPanes([turned ? second : first]);
    this.surface.redraw();
    clearInterval(this.blinking);
    if (second && layout === "blink" && !this.held) this.blinking = setInterval(() => this.turn(), BLINK);
  }

  title({ name, model, study_date: date, view }) {
    return [name, date, view, model].filter(Boolean).join(", ");
  }

  /** The other film at the same place. */
  turn() {
    this.turned = !this.turned;
    this.layOut();
    this.tell();
  }

  /** Stop or go on blinking; the key then turns by hand. */
  hold() {
    this.held = !this.held;
    this.layOut();
    this.tell();
  }

  /** Show another film beside: of the same patient, laid over this one, or this one by another model. */
  async compare(film, layout = "side") {
    if (!film) {
      if (this.surface.look.layer === "change") this.surface.setLook({ layer: "infection" });
      Object.assign(this, { beside: null, layout: "single", turned: false });
      this.layOut();
      this.remember();
      return this.tell();
    }
    this.set({ loading: true, problem: null });
    try {
      const other = await Reading.of(film);
      const same = this.reading.info.same_patient.find((one) => one.film === film);
      await other.fetchMaps();
      const days = same && daysText(same.days);
      let shown = { film: null, maps: other.maps };
      if (same) {
        await other.fetchFilm(() => {});
        shown = await other.over(this.reading);
      }
      if (this.closed) return;
      const { maps } = shown;
      // What was opaque, at the same place; 0 where the other film has no lung, so that a margin of
      // two outlines is no change.
      const was = maps.zones.map((zone, at) => (zone ? Math.max(1, maps.opacity[at]) : 0));
      const title = same ? `${days}: ${this.title(other.info)}` : this.title(other.info);
      this.beside = { reading: other, ...shown, was, title, same: same ?? null };
      // Pixels lie on this film's: the pane has its own only where they are others.
      if (!same) this.beside.film = undefined;
      // Motion that nobody asked for is not begun again by a reload.
      this.held = matchMedia("(prefers-reduced-motion: reduce)").matches;
      Object.assign(this, { layout, turned: false, loading: false });
      this.layOut();
      this.remember();
      this.tell();
    } catch (error) {
      if (!this.closed) this.set({ loading: false, problem: `The other film cannot be shown beside: ${error.message}` });
    }
  }

  setLayout(layout) {
    if (!this.beside) return;
    Object.assign(this, { layout, turned: false });
    this.layOut();
    this.remember();
    this.tell();
  }

  /** Change the look, and remember it. */
  look(changes) {
    this.surface.setLook(changes);
    this.remember();
    this.tell();
  }

  setThreshold(value) {
    this.look({ thresholds: { ...this.thresholds, [this.sliding]: value } });
  }

  /** The next map. */
  nextLayer() {
    const layers = this.beside?.same ? [...LAYERS, "change"] : LAYERS;
    const { layer } = this.surface.look;
    this.look({ layer: layers[(layers.indexOf(layer) + 1) % layers.length] });
  }

  /** What lies under the pointer. */
  point(at) {
    const probe = at && this.reading?.at(at.x, at.y);
    if (!probe && !this.probe) return;
    this.set({ probe });
  }

  /** Keep place and look of this film for a reload of this tab. */
  remember() {
    if (!this.reading?.pictured) return;
    const kept = recall();
    delete kept[this.id];
    kept[this.id] = { look: this.surface.look, view: this.surface.view, beside: this.beside?.reading.id ?? null, layout: this.layout };
    for (const old of Object.keys(kept).slice(0, -REMEMBERED)) delete kept[old];
    try {
      sessionStorage.setItem(PLACE, JSON.stringify(kept));
    } catch {
      // Storage is full or off: a reload then begins with the film's own look.
    }
  }

  close() {
    this.closed = true;
    clearInterval(this.blinking);
    this.surface.close();
  }
}

function recall() {
  try {
    return JSON.parse(sessionStorage.getItem(PLACE)) ?? {};
  } catch {
    return {};
  }
}

/** A hand without a mouse moves films by its finger. */
function touch() {
  return matchMedia("(pointer: coarse)").matches;
}
