/**
 * The panels of one film: canvases side by side with one viewpoint and one look, and their pointers.
 *
 * A panel shows {title, mask, film, linked}: the surface's film unless `film` is another one (a prior
 * film), which has its own viewpoint unless it is `linked`: then its pixels lie on those of the
 * surface's film. Views are in device pixels. `panelOf` and `tablesFor` are for pages that draw
 * something else than masks.
 */
import { windowTable } from "./film.js";
import { Grey, Panel, fit, overlayTables, zoomed } from "./view.js";

/** Film points and view points of a pointer event. */
function place(event, canvas, view) {
  const box = canvas.getBoundingClientRect();
  const px = ((event.clientX - box.left) * canvas.width) / box.width;
  const py = ((event.clientY - box.top) * canvas.height) / box.height;
  return { px, py, x: view.x + px / view.scale, y: view.y + py / view.scale };
}

export class Surface extends EventTarget {
  constructor(host) {
    super();
    this.host = host;
    this.panes = [];
    this.look = { center: 2048, width: 4096, invert: false, opacity: 0.4, contour: false, visible: 63 };
    this.view = null;
    this.pointers = new Map();
    this.tool = null;
    this.frame = 0;
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(host);
  }

  /** Show a film (a coarse preview first, full depth later); the viewpoint stays. */
  setFilm(film) {
    const other = this.film?.width !== film.width || this.film?.height !== film.height;
    this.film = film;
    if (other) this.view = null;
    this.setLook({});
  }

  /** Lay out panels. `panes`: [{title, mask, film?}]. */
  setPanes(panes) {
    for (const pane of this.panes) pane.figure.remove();
    const shared = new Grey();
    this.panes = panes.map((pane) => this.pane(pane, pane.film ? new Grey() : shared));
    this.host.dataset.panes = String(panes.length);
    this.resize();
  }

  /** What draws on one canvas. */
  panelOf(canvas, grey, { mask }) {
    return Object.assign(new Panel(canvas, grey), { mask });
  }

  pane(shown, grey) {
    const { title, film, active, linked } = shown;
    const figure = document.createElement("figure");
    const canvas = document.createElement("canvas");
    const caption = document.createElement("figcaption");
    caption.textContent = title;
    canvas.tabIndex = 0;
    // "application": arrow keys and Space go to the film, not to the screen reader's own browsing.
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-label", title);
    canvas.setAttribute("aria-describedby", "film-keys");
    figure.append(canvas, caption);
    this.host.append(figure);
    const own = Boolean(film) && !linked;
    const pane = { shown, figure, canvas, caption, film, active, own, view: null, panel: this.panelOf(canvas, grey, shown) };
    const on = (kind, call) => canvas.addEventListener(kind, (event) => call.call(this, event, pane));
    on("pointerdown", this.down);
    on("pointermove", this.move);
    on("pointerup", this.up);
    on("pointercancel", this.up);
    on("pointerleave", (event) => this.dispatch("hover", event, pane, null));
    on("contextmenu", (event) => event.preventDefault());
    on("dblclick", (event) => this.tool?.double?.(event));
    canvas.addEventListener("wheel", (event) => this.wheel(event, pane), { passive: false });
    return pane;
  }

  /** Change the look: center, width, invert, opacity, contour, visible. */
  setLook(changes) {
    Object.assign(this.look, changes);
    this.tables = null;
    this.redraw();
  }

  /** Everything is drawn again in the next frame. */
  redraw() {
    for (const { panel } of this.panes) panel.whole = true;
    this.ask();
  }

  /** A rectangle of the drawn mask has changed. */
  changed(rect) {
    for (const { panel, active } of this.panes) if (active && rect) panel.changed(rect);
    this.ask();
  }

  /** Draw in the next frame. */
  ask() {
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.frame = 0;
    if (!this.film) return;
    for (const pane of this.panes) {
      const film = pane.film ?? this.film;
      pane.panel.draw(film, this.viewOf(pane), this.tablesFor(film, pane));
    }
  }

  /** What a panel's `draw` gets to know of the look, for a film; made once for each depth. */
  tablesFor(film) {
    const { center, width, invert, opacity, contour, visible } = this.look;
    // A prior film of another depth is windowed alike: the same share of its grey range.
    const ratio = 2 ** (film.bits - this.film.bits);
    this.tables ??= new Map();
    if (!this.tables.has(film.bits))
      this.tables.set(film.bits, {
        ...overlayTables(windowTable(film.bits, center * ratio, width * ratio, invert), opacity, visible),
        contour,
      });
    return this.tables.get(film.bits);
  }

  /** Viewpoint of the task's film; fitted where none was chosen. */
  get viewpoint() {
    return this.viewOf({ canvas: this.panes[0].canvas });
  }

  viewOf(pane) {
    const { width, height } = pane.canvas;
    if (pane.own) return (pane.view ??= fit(pane.film, width, height));
    return (this.view ??= fit(this.film, width, height));
  }

  setView(pane, view) {
    if (pane?.own) pane.view = view;
    else this.view = view;
    this.redraw();
    this.dispatchEvent(new Event("view"));
  }

  fit() {
    for (const pane of this.panes) pane.view = null;
    this.setView(null, null);
  }

  /** One film pixel a device pixel, the middle of the view held. */
  actual() {
    this.zoom(1 / this.viewpoint.scale);
  }

  /** Zoom by a factor about a view point, or about the middle of the view. */
  zoom(factor, pane = this.panes[0], px = pane.canvas.width / 2, py = pane.canvas.height / 2) {
    const least = fit(pane.film ?? this.film, pane.canvas.width, pane.canvas.height).scale;
    this.setView(pane, zoomed(this.viewOf(pane), factor, px, py, least));
  }

  /** Move the film by view pixels. */
  pan(dx, dy, pane = this.panes[0]) {
    const view = this.viewOf(pane);
    this.setView(pane, { ...view, x: view.x - dx / view.scale, y: view.y - dy / view.scale });
  }

  /** Window and level by a drag of view pixels: right widens, down darkens, as on a workstation. */
  level(dx, dy) {
    const most = 2 ** (this.film?.bits ?? 12);
    // The whole grey range over 1000 view pixels: fine enough for a hand, chosen by trial.
    const width = Math.min(2 * most, Math.max(most / 256, this.look.width + (dx * most) / 1000));
    const center = Math.min(most, Math.max(0, this.look.center + (dy * most) / 1000));
    this.setLook({ width, center });
    this.dispatchEvent(new Event("view"));
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    for (const { canvas, panel } of this.panes) {
      const { clientWidth, clientHeight } = canvas;
      if (clientWidth && clientHeight)
        panel.resize(Math.round(clientWidth * ratio), Math.round(clientHeight * ratio));
    }
    const size = this.panes.map(({ canvas }) => `${canvas.width}x${canvas.height}`).join();
    if (size !== this.size) {
      this.size = size;
      if (this.view && this.film && this.panes.length) {
        // A new size keeps what is in the middle.
        const { width, height } = this.panes[0].canvas;
        const { scale, x, y } = this.view;
        const [w, h] = this.middle ?? [width, height];
        this.view = { scale, x: x + (w - width) / 2 / scale, y: y + (h - height) / 2 / scale };
        if (Math.abs(scale - fit(this.film, w, h).scale) < 1e-9) this.view = null;
      }
      for (const pane of this.panes) pane.view = null;
      this.middle = this.panes.length ? [this.panes[0].canvas.width, this.panes[0].canvas.height] : null;
    }
    this.ask();
  }

  dispatch(kind, event, pane, at) {
    this.tool?.[kind]?.(at, event, pane);
  }

  down(event, pane) {
    const { canvas } = pane;
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    if (event.button === 1) event.preventDefault();
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.start = { x: event.clientX, y: event.clientY };
    if (event.pointerType === "pen") this.pen = true;
    if (this.pointers.size === 2) {
      // A second finger makes it a pinch; what the first began was no stroke.
      this.tool?.cancel?.();
      this.drag = "pinch";
      return;
    }
    // With a pen in use a finger, or the palm, never draws.
    const finger = event.pointerType === "touch" && this.pen;
    if (event.button === 2) this.drag = "level";
    else if (event.button === 1 || finger || pane.own) this.drag = "pan";
    else this.drag = this.tool?.drag?.(pane) ?? "tool";
    if (this.drag === "tool") this.dispatch("down", event, pane, place(event, canvas, this.viewOf(pane)));
  }

  move(event, pane) {
    const last = this.pointers.get(event.pointerId);
    const at = place(event, pane.canvas, this.viewOf(pane));
    if (!last) return this.dispatch("hover", event, pane, at);
    const ratio = pane.canvas.width / pane.canvas.clientWidth;
    const [dx, dy] = [(event.clientX - last.x) * ratio, (event.clientY - last.y) * ratio];
    if (this.drag === "pinch") this.pinch(event, last, pane, dx, dy);
    else if (this.drag === "pan") this.pan(dx, dy, pane);
    else if (this.drag === "level") this.level(dx, dy);
    else if (this.drag === "zoom") this.zoom(Math.exp(-dy / 200), pane);
    else if (this.drag === "tool") {
      // Each place the hand was at since the last event, not just the newest: curves stay round.
      const steps = event.getCoalescedEvents?.() ?? [];
      for (const step of steps.length ? steps : [event])
        this.dispatch("move", event, pane, place(step, pane.canvas, this.viewOf(pane)));
    }
    Object.assign(last, { x: event.clientX, y: event.clientY });
  }

  pinch(event, last, pane, dx, dy) {
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (!other) return;
    const before = Math.hypot(last.x - other.x, last.y - other.y);
    const after = Math.hypot(event.clientX - other.x, event.clientY - other.y);
    const { px, py } = place({ clientX: other.x, clientY: other.y }, pane.canvas, this.viewOf(pane));
    if (before > 0 && after > 0) this.zoom(after / before, pane, px, py);
    this.pan(dx / 2, dy / 2, pane);
  }

  up(event, pane) {
    if (!this.pointers.delete(event.pointerId)) return;
    if (this.drag === "tool")
      this.dispatch(event.type === "pointercancel" ? "cancel" : "up", event, pane, place(event, pane.canvas, this.viewOf(pane)));
    const still = Math.hypot(event.clientX - this.start.x, event.clientY - this.start.y) < 4;
    if (this.drag === "pan" && event.button === 0 && still) this.dispatchEvent(new CustomEvent("click", { detail: pane }));
    if (this.pointers.size === 0) this.drag = null;
  }

  wheel(event, pane) {
    event.preventDefault();
    const { px, py } = place(event, pane.canvas, this.viewOf(pane));
    this.zoom(Math.exp(-event.deltaY / 500), pane, px, py);
  }

  close() {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
    this.setPanes([]);
  }
}
