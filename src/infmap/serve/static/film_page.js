/** One film read large: the film in the middle, controls and figures beside it. */
import { action } from "../web/keys.js";
import { KeysHelp } from "../web/parts.js";
import { html, useEffect, useMemo, useReducer, useRef, useState } from "../web/preact-htm.js";
import * as api from "./api.js";
import { Compare, Controls } from "./controls.js";
import { DeleteDialog } from "./delete_dialog.js";
import { Desk } from "./desk.js";
import { Downloads } from "./downloads.js";
import { Figures } from "./figures.js";
import { useJob } from "./job_page.js";
import { KEYS, POINTERS } from "./keys.js";
import { TimeCourse } from "./time_course.js";
import { NOTICE, ZONES, probability } from "./words.js";

/** Single-key commands can be switched off (WCAG 2.1.4): speech input would set them off. */
const SINGLE = "infmap-viewer-single-keys";

export function FilmPage({ film, job: jobId }) {
  const host = useRef();
  const [, show] = useReducer((n) => n + 1, 0);
  const [desk, setDesk] = useState(null);
  const [dialog, setDialog] = useState(null);
  const [single, setSingle] = useState(localStorage.getItem(SINGLE) !== "off");
  const [models, setModels] = useState([]);
  const job = useJob(jobId);

  useEffect(() => {
    const fresh = new Desk(film, host.current);
    // For scripts that look at the page.
    host.current.desk = fresh;
    fresh.addEventListener("change", show);
    setDesk(fresh);
    fresh.open();
    api.models().then(setModels, () => {});
    return () => fresh.close();
  }, []);

  const reading = desk?.reading;
  const back = jobId ? `#/job/${jobId}` : "#/";
  const films = job?.films.filter((one) => one.film) ?? [];
  const at = films.findIndex((one) => one.film === film);
  const step = (by) => films[at + by] && (location.hash = `#/job/${jobId}/${films[at + by].film}`);
  const rivals = useMemo(() => (reading ? [...reading.info.same_patient, ...reading.info.others].map((one) => one.film) : []), [reading]);
  const ui = {
    step,
    list: () => (location.hash = back),
    help: () => setDialog("help"),
    downloads: () => setDialog("downloads"),
    compare: () => {
      const next = rivals.indexOf(desk.beside?.reading.id) + 1;
      desk.compare(rivals[next] ?? null);
    },
  };
  const keys = useRef();
  keys.current = { ui, single };
  useEffect(() => {
    if (!desk) return undefined;
    const pressed = (event) => {
      const { ui, single } = keys.current;
      const found = !document.querySelector("dialog[open]") && action(KEYS, event, desk, single);
      if (!found) return;
      // A film without a picture has its list and its neighbours alone.
      const everywhere = ["j", "k", "l", "Escape", "?", "F1", "d"].includes(found.key);
      if (!everywhere && !desk.surface.film) return;
      event.preventDefault();
      found.does(desk, ui, found.key);
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, [desk]);
  const setKeys = (on) => {
    localStorage.setItem(SINGLE, on ? "on" : "off");
    setSingle(on);
  };

  const model = models.find(({ name }) => name === reading?.info.model);
  const ready = reading?.assessed && reading.maps;
  return html`<main class="reading" data-film=${film} data-ready=${!!desk && !desk.loading} aria-busy=${!desk || desk.loading}>
    <p id="film-keys" class="hidden">Arrow keys with Shift move the film, with Alt they change window and level, question mark lists all keys.</p>
    <nav class="steps" aria-label="Films">
      <a class="button" href=${back}>${jobId ? "All films" : "Start"}</a>
      ${films.length > 1 && html`<button type="button" disabled=${at <= 0} onClick=${() => step(-1)} aria-keyshortcuts="k">Before<kbd>k</kbd></button>
        <button type="button" disabled=${at < 0 || at + 1 >= films.length} onClick=${() => step(1)} aria-keyshortcuts="j">Next<kbd>j</kbd></button>
        <span class="hint">${at + 1} of ${films.length}</span>`}
      <h1>${reading?.info.name ?? "Film"}</h1>
      <button type="button" disabled=${!reading} onClick=${ui.downloads} aria-keyshortcuts="d">Downloads<kbd>d</kbd></button>
      <button type="button" disabled=${!reading} onClick=${() => setDialog("delete")}>Delete…</button>
      <button type="button" onClick=${ui.help} aria-keyshortcuts="?">Keys<kbd>?</kbd></button>
    </nav>
    ${desk?.problem && html`<p role="alert" class="problem">${desk.problem}</p>`}
    <div class="stage" ref=${host} data-empty=${!!reading && !reading.pictured}></div>
    ${desk && reading?.pictured && html`<${Status} desk=${desk} />`}
    <aside class="aside" aria-label="Display and figures">
    <div class="tools">
      ${desk && reading?.pictured && html`<${Controls} desk=${desk} />`}
      ${ready && html`<${Compare} desk=${desk} />`}
    </div>
    <div class="figures-side">
      ${!reading && !desk?.problem && html`<p role="status">Loading…</p>`}
      ${reading && html`<${Figures} reading=${reading} model=${model} desk=${desk} />`}
      ${ready && html`<${TimeCourse} reading=${reading} desk=${desk} />`}
    </div></aside>
    ${dialog === "help" && html`<${KeysHelp} groups=${KEYS} pointers=${POINTERS} single=${single} setSingle=${setKeys} close=${() => setDialog(null)} />`}
    ${dialog === "delete" && html`<${DeleteDialog} title="Delete this film" remove=${() => api.removeFilm(film)} gone=${() => (location.hash = back)} close=${() => setDialog(null)}>The film, and what every model made of it, in all lists.<//>`}
    ${dialog === "downloads" && html`<${Downloads} reading=${reading} desk=${desk} close=${() => setDialog(null)} />`}
  </main>`;
}

/** Window, zoom and what lies under the pointer. */
function Status({ desk }) {
  const { surface, reading, probe, loading } = desk;
  const { center, width } = surface.look;
  const zoom = surface.view ? `${Math.round(surface.view.scale * 100)} %` : "fit";
  const coarse = surface.film && surface.film.levels[0].step !== 1;
  return html`<p class="status">
    <span class="research">${NOTICE}</span>
    <span>${reading.info.width} × ${reading.info.height}${coarse || loading ? ", loading…" : ""}</span>
    <span>Window ${Math.round(width)}, level ${Math.round(center)}</span><span>Zoom ${zoom}</span>
    ${probe && html`<span>${probe.zone ? `Zone ${ZONES[probe.zone - 1]}: infection ${probability(probe.infection)}, opacity ${probability(probe.opacity)}` : "outside the lungs"}</span>`}
  </p>`;
}
