/** The reader's view of one film: tools at the left, film in the middle, labels and decision right. */
import { action } from "../web/keys.js";
import { Dialog, KeysHelp, Slider } from "../web/parts.js";
import { html, useEffect, useReducer, useRef, useState } from "../web/preact-htm.js";
import { COLOURS } from "../web/view.js";
import { STATES } from "./draft.js";
import { TOOLS } from "./drawing.js";
import { Journal } from "./journal.js";
import { KEYS } from "./keys.js";
import { LABELS, Workbench } from "./workbench.js";

const TONES = { saved: "good", saving: "busy" };
/** Single-key commands can be switched off (WCAG 2.1.4): speech input would set them off. */
const SINGLE = "infmap-station-single-keys";
const POINTERS = [
  ["Left", "Tool in hand; with Alt it erases"],
  ["Right", "Window (across) and level (up, down)"],
  ["Wheel, two fingers", "Zoom and move"],
  ["Pen", "Draws; its other end erases, and fingers only move the film"],
];

export function FilmPage({ project, setStatus }) {
  const host = useRef();
  const [, show] = useReducer((n) => n + 1, 0);
  const [work, setWork] = useState(null);
  const [dialog, setDialog] = useState(null);
  const [single, setSingle] = useState(localStorage.getItem(SINGLE) !== "off");

  useEffect(() => {
    let fresh = null;
    let gone = false;
    Journal.open().catch(() => new Unkept()).then((journal) => {
      if (gone) return;
      fresh = new Workbench(project, host.current, journal);
      // For scripts that look at the page.
      host.current.bench = fresh;
      fresh.addEventListener("change", show);
      setWork(fresh);
      fresh.next();
    });
    return () => {
      gone = true;
      fresh?.close();
    };
  }, []);

  const state = work?.draft?.state;
  useEffect(() => {
    setStatus(state ? { text: STATES[state], tone: TONES[state] ?? "bad" } : null);
  }, [state]);

  const ui = {
    tool: (tool) => (work.drawing.choose({ tool }), show()),
    label: (label) => work.drawableLabels(work.task).includes(label) && (work.drawing.choose({ label }), show()),
    reject: () => setDialog("reject"),
    help: () => setDialog("help"),
  };
  // The listener lives as long as the bench and looks at the page of this moment: one that is made
  // anew after each dialog would miss a key that is pressed at once.
  const keys = useRef();
  keys.current = { ui, single };
  useEffect(() => {
    if (!work) return undefined;
    const pressed = (event) => {
      const { ui, single } = keys.current;
      const found = !document.querySelector("dialog[open]") && action(KEYS, event, work, single);
      if (!found || (!work.task && found.key !== "?" && found.key !== "F1")) return;
      event.preventDefault();
      found.does(work, ui, found.key);
      show();
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, [work]);

  const setKeys = (on) => {
    localStorage.setItem(SINGLE, on ? "on" : "off");
    setSingle(on);
  };
  const open = work?.task && ["choose", "draw"].includes(work.mode);
  return html`<main class="film-page" data-mode=${work?.mode ?? "loading"} data-task=${work?.task?.id} aria-busy=${work?.mode === "loading"}>
    <h1 class="hidden">Film</h1>
    <p id="film-keys" class="hidden">Arrow keys move the crosshair, Space puts the tool down, question mark lists all keys.</p>
    <div class="bar" role="toolbar" aria-label="Tools" aria-orientation="vertical">${open && html`<${Tools} work=${work} ui=${ui} />`}</div>
    <div class="stage" ref=${host}></div>
    <aside class="side" aria-label="Labels, view and decision">
      ${open && html`<p class="guide">${work.mode === "draw" && work.task.candidates.length ? "Correct the mask, then finish. Nothing is lost if you go back." : work.task.guide}</p>`}
      ${work?.message && html`<p role="alert" class="problem">${work.message}</p>`}
      <${Decide} work=${work} reject=${ui.reject} />
      ${open && html`<${Labels} work=${work} ui=${ui} /><${Look} work=${work} />`}
      <button type="button" onClick=${ui.help}>All keys <kbd>?</kbd></button>
    </aside>
    ${open && html`<${Status} work=${work} />`}
    ${dialog === "reject" && html`<${Reject} work=${work} close=${() => setDialog(null)} />`}
    ${dialog === "help" && html`<${KeysHelp} groups=${KEYS} pointers=${POINTERS} single=${single} setSingle=${setKeys} close=${() => setDialog(null)} />`}
  </main>`;
}

/** Stands in for the journal where the browser has no IndexedDB. */
class Unkept {
  put = () => Promise.reject(new Error("no journal"));
  pending = async () => [];
  drop = async () => {};
}

function Tools({ work, ui }) {
  const { drawing, mode } = work;
  const drawable = mode === "draw";
  const missing = drawable ? drawing.thresholdMissing : null;
  const editor = work.draft?.editor;
  return html`
    ${TOOLS.map(({ id, name, key, hint }) => {
      const off = id === "pan" || id === "level" ? false : !drawable || (id === "threshold" && missing);
      return html`<button type="button" key=${id} aria-pressed=${drawing.tool === id && !off} disabled=${off}
        title=${id === "threshold" && missing ? missing : hint} aria-keyshortcuts=${key} onClick=${() => ui.tool(id)}>${name}<kbd>${key}</kbd></button>`;
    })}
    <hr />
    <button type="button" disabled=${!editor?.steps.length} aria-keyshortcuts="Control+Z" onClick=${() => work.undo()}>Undo<kbd>Ctrl Z</kbd></button>
    <button type="button" disabled=${!editor?.undone.length} aria-keyshortcuts="Control+Y" onClick=${() => work.redo()}>Redo<kbd>Ctrl Y</kbd></button>
    <hr />
    ${[["smooth", "Smooth", "s"], ["fill", "Fill holes", "o"], ["clear", "Clear label", "x"]].map(([what, name, key]) =>
      html`<button type="button" key=${what} disabled=${!drawable} aria-keyshortcuts=${key} onClick=${() => drawing.whole(what)}>${name}<kbd>${key}</kbd></button>`)}
    <hr />
    <${Slider} name="Brush" unit=" px" min="1" max="500" value=${Math.round(drawing.radius)}
      set=${(value) => ((drawing.radius = value), work.tell())} />
    ${drawing.tool === "threshold" && html`<${Slider} name="Brighter than" unit=" %" min="0" max="100"
      value=${Math.round(100 * drawing.least)} set=${(value) => ((drawing.least = value / 100), work.tell())} />`}`;
}

function Labels({ work, ui }) {
  const { drawing, surface, mode } = work;
  const { visible } = surface.look;
  return html`<fieldset class="labels"><legend>Labels</legend>
    ${work.drawableLabels(work.task).map((label) => html`<div class="label" key=${label}>
      <label><input type="radio" name="label" checked=${drawing.label === label} disabled=${mode !== "draw"} onChange=${() => ui.label(label)} />
        <svg class="swatch" viewBox="0 0 1 1" aria-hidden="true"><rect width="1" height="1" fill=${`rgb(${COLOURS[label]})`} /></svg>
        <span>${LABELS[label]}${mode === "draw" && html`<kbd>${label + 1}</kbd>`}</span></label>
      <label class="eye"><input type="checkbox" checked=${!!(visible & (1 << label))}
        onChange=${() => (surface.setLook({ visible: visible ^ (1 << label) }), work.tell())} aria-label=${`Show ${LABELS[label]}`} /> show</label>
    </div>`)}
  </fieldset>`;
}

function Look({ work }) {
  const { surface } = work;
  const { opacity, contour, invert } = surface.look;
  const set = (changes) => (surface.setLook(changes), work.tell());
  const check = (name, key, on, change) => html`<label><input type="checkbox" checked=${on} onChange=${change} /> ${name}<kbd>${key}</kbd></label>`;
  return html`<fieldset class="look"><legend>View</legend>
    <${Slider} name="Overlay" unit=" %" min="5" max="100" value=${Math.round(100 * opacity)} set=${(value) => set({ opacity: value / 100 })} />
    ${check("Contour only", "c", contour, () => set({ contour: !contour }))}
    ${check("Invert", "i", invert, () => set({ invert: !invert }))}
    <p class="row">
      <button type="button" onClick=${() => surface.fit()}>Fit<kbd>f</kbd></button>
      <button type="button" onClick=${() => surface.actual()}>1:1<kbd>z</kbd></button>
      <button type="button" onClick=${() => set(work.window)}>Window<kbd>0</kbd></button>
      ${work.task.priors > 0 && html`<button type="button" onClick=${() => work.prior()}>Prior film<kbd>m</kbd></button>`}
    </p>
    <p class="hint">Right button: window and level. Wheel: zoom. Middle button: move.</p>
  </fieldset>`;
}

/** What can be decided now. */
function Decide({ work, reject }) {
  if (!work) return html`<p role="status">Loading…</p>`;
  const { mode, task, side, draft, deciding } = work;
  if (mode === "loading") return html`<p role="status">Loading the next film…</p>`;
  if (mode === "done") return html`<div role="status"><h2>Nothing is left</h2>
    <p>You have read every film that waits for you. Thank you.</p><p><a class="button main" href="#/">Projects</a></p></div>`;
  if (mode === "failed") return html`<p><button type="button" class="main" onClick=${() => work.next()}>Try again</button></p>`;
  if (mode === "conflict") return html`<${Conflict} work=${work} />`;
  const rejecting = html`<button type="button" disabled=${deciding} onClick=${reject}>${task.candidates.length && mode === "choose" ? "Reject all…" : "Reject the film…"}<kbd>r</kbd></button>`;
  if (mode === "choose") return html`<section class="decide" aria-label="Decision">
    <p class="hint">${task.candidates.length > 1 ? "Click a mask, or press its number, to point it out." : "Keep this mask, edit it, or reject it and draw."}</p>
    <p class="row" role="group" aria-label="Masks">${task.candidates.map((one, k) => html`<button type="button" key=${one} aria-pressed=${side === one} onClick=${() => work.pick(one)}>Mask ${one}<kbd>${k + 1}</kbd></button>`)}</p>
    <button type="button" class="main" disabled=${!side || deciding} onClick=${() => work.decide({ kind: "choose", side })}>${side ? `Choose mask ${side}` : "Point out a mask first"}<kbd>Enter</kbd></button>
    <button type="button" disabled=${!side || deciding} onClick=${() => work.draw(side)}>Edit it<kbd>d</kbd></button>
    ${rejecting}
  </section>`;
  return html`<section class="decide" aria-label="Decision">
    ${draft?.state === "elsewhere" && html`<button type="button" class="main" onClick=${() => work.takeOver()}>Go on in this tab</button>`}
    <button type="button" class="main" disabled=${deciding || !draft} onClick=${() => work.decide({ kind: work.verb })}>Finish, next film<kbd>Ctrl Enter</kbd></button>
    ${task.candidates.length > 0 && html`<button type="button" onClick=${() => work.compare()}>Back to the masks<kbd>g</kbd></button>`}
    ${rejecting}
  </section>`;
}

function Conflict({ work }) {
  const { yours, theirs } = work.conflict;
  const words = { choose: "chose a mask", edit: "edited a mask", draw: "drew a mask", reject: "rejected" };
  return html`<div role="alert"><h2>Decided twice</h2>
    <p>This film was decided elsewhere while you worked on it. Both decisions are kept.</p>
    <dl><dt>You ${words[yours.kind]}</dt><dd>kept beside, as your decision</dd>
      ${theirs && html`<dt>${theirs.mine ? "In another tab you" : "Another reader"} ${words[theirs.kind]}</dt><dd>this one counts</dd>`}</dl>
    <button type="button" class="main" onClick=${() => work.next()}>Next film</button></div>`;
}

function Reject({ work, close }) {
  const all = work.task.candidates.length > 0 && work.mode === "choose";
  const submit = (event) => {
    event.preventDefault();
    const { reason, other } = Object.fromEntries(new FormData(event.target));
    close();
    work.decide({ kind: "reject", reason: [reason, other.trim()].filter(Boolean).join(": ") });
  };
  const reasons = all
    ? ["No mask is near the infection", "All masks mark healthy lung", "All masks miss infection", "Another reason"]
    : ["Not a frontal chest film", "Lungs cut off or covered", "Too dark, too bright or blurred", "Another reason"];
  return html`<${Dialog} title=${all ? "Reject all masks" : "Reject the film"} close=${close}>
    <form onSubmit=${submit}>
      <p>${all ? "The film comes next for you to draw yourself." : "The film is set aside without a mask."}</p>
      <fieldset><legend>Reason</legend>${reasons.map((reason, k) => html`<label key=${reason}><input type="radio" name="reason" value=${reason} defaultChecked=${k === 0} /> ${reason}</label>`)}</fieldset>
      <label class="field">Remark (no patient data) <input name="other" maxlength="400" /></label>
      <p class="row"><button type="submit" class="main">Reject</button><button type="button" onClick=${close}>Cancel</button></p>
    </form>
  <//>`;
}

function Status({ work }) {
  const { surface } = work;
  const { center, width } = surface.look;
  const zoom = surface.view ? `${Math.round(surface.view.scale * 100)} %` : "fit";
  const film = work.task.film;
  const coarse = surface.film?.levels[0].step !== 1;
  return html`<footer class="status"><span>${work.task.project.name}</span>
    <span>${film.width} × ${film.height}, ${film.bits} bits${coarse ? ", loading full depth" : ""}</span>
    <span>Window ${Math.round(width)}, level ${Math.round(center)}</span><span>Zoom ${zoom}</span></footer>`;
}
