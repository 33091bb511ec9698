/** The films of a job, each result as it is done. */
import { html, useEffect, useReducer, useRef, useState } from "../web/preact-htm.js";
import * as api from "./api.js";
import { DeleteDialog } from "./delete_dialog.js";
import { DropZone, sending, sendingTold } from "./drop_zone.js";
import { ENDED, Job } from "./job.js";
import { DASH, gradeText, percent, probability, viewText } from "./words.js";

/** A job that is followed while a component is shown. */
export function useJob(id) {
  const [, show] = useReducer((n) => n + 1, 0);
  const [job, setJob] = useState(null);
  useEffect(() => {
    if (!id) return undefined;
    const fresh = new Job(id);
    fresh.addEventListener("change", show);
    sendingTold.addEventListener("change", show);
    setJob(fresh);
    fresh.open();
    return () => {
      sendingTold.removeEventListener("change", show);
      fresh.close();
    };
  }, [id]);
  return job;
}

const SHOW = {
  all: ["All", () => true],
  ok: ["Assessed", ({ status }) => status === "ok"],
  bad: ["Rejected or failed", ({ state, status }) => state === "failed" || status === "rejected" || status === "failed"],
  open: ["Not done yet", ({ state }) => !ENDED.has(state)],
};

export function JobPage({ id }) {
  const job = useJob(id);
  const [shown, setShown] = useState("all");
  const [asking, setAsking] = useState(false);
  const upload = sending.get(id);
  useEffect(() => {
    // An archive that has been sent is a list of films now.
    if (upload?.phase === "sent") job?.refresh().catch(() => {});
  }, [upload?.phase]);
  if (!job) return html`<main class="wide"><h1>Films</h1></main>`;
  const [done, total] = job.progress;
  const films = job.films;
  const waiting = films.filter(({ state }) => state === "waiting").length;
  const arrived = upload?.arrived ?? NONE;
  const several = new Set(films.map(({ model }) => model)).size > 1;
  return html`<main class="wide job" data-state=${job.state} data-connection=${job.connection}>
    <h1>Films</h1>
    <div class="progress">
      <p role="status">${progressText(job, done, total, upload)}</p>
      <progress max=${total || 1} value=${done} aria-label="Films read"></progress>
      ${job.state === "open" && !job.problem && html`<button type="button" onClick=${() => api.cancel(id).then(() => job.refresh())}>Cancel the rest</button>`}
      <button type="button" onClick=${() => setAsking(true)}>Delete…</button>
    </div>
    ${job.problem && html`<p role="alert" class="problem">${job.problem}</p>`}
    ${upload?.refused?.length > 0 && html`<div role="alert" class="problem"><p>Not sent:</p><ul>${upload.refused.map(([name, reason]) => html`<li key=${name}>${name}: ${reason}</li>`)}</ul></div>`}
    ${!upload && waiting > 0 && job.state === "open" && html`<p class="problem">${waiting} film${waiting === 1 ? " was" : "s were"} never sent. Drop the same files again: what is read already is not read twice.</p>`}
    ${total > 1 && html`<p class="row filter" role="group" aria-label="Show">${Object.entries(SHOW).map(([name, [text, fits]]) => {
      const n = films.filter(fits).length;
      return html`<button type="button" key=${name} aria-pressed=${shown === name} onClick=${() => setShown(name)}>${text} <span class="count">${n}</span></button>`;
    })}</p>`}
    <ul class="films">${films.filter(SHOW[shown][1]).map((item) => html`<${FilmRow} key=${item.position} item=${item} arrived=${arrived.has(item.sha256)} job=${id} several=${several} />`)}</ul>
    <${DropZone} small=${true} />
    ${asking && html`<${DeleteDialog} title="Delete these films" remove=${() => api.removeJob(id)} gone=${() => (location.hash = "#/")} close=${() => setAsking(false)}>All films of this list, and what was made of them; what is being read is given up. A film that another list has as well stays in that one.<//>`}
  </main>`;
}

function progressText(job, done, total, upload) {
  const parts = [];
  if (upload?.phase === "sending" && upload.done < upload.total && done < total) parts.push(`${upload.done} of ${upload.total} sent`);
  parts.push(`${done} of ${total} film${total === 1 ? "" : "s"} done`);
  if (job.state === "cancelled") parts.push("cancelled");
  else if (job.connection === "lost") parts.push("the connection is lost, trying again");
  return parts.join("; ");
}

const NONE = new Set();
const STATES = { waiting: "to be sent", queued: "waits to be read", leased: "being read", cancelled: "cancelled" };

function FilmRow({ item, arrived, job, several }) {
  const { name, model, film, status, reason } = item;
  const state = item.state === "waiting" && arrived ? "queued" : item.state;
  const [info, row] = useFilm(film);
  const line = status === "ok" ? info?.line : null;
  const bad = status === "rejected" ? "Rejected" : status === "failed" || state === "failed" ? "Failed" : null;
  const picture = film && status !== "failed" && info?.width;
  return html`<li ref=${row} class="film" data-state=${state} data-status=${status ?? ""} data-name=${name}>
    ${film ? html`<a class="thumb" href=${`#/job/${job}/${film}`} tabindex="-1" aria-hidden="true">${picture ? html`<img src=${api.filmUrl(film, "preview.jpg")} alt="" loading="lazy" />` : null}</a>` : html`<span class="thumb"></span>`}
    <div class="what">
      ${film ? html`<a class="name" href=${`#/job/${job}/${film}`}>${name}</a>` : html`<span class="name">${name}</span>`}
      ${several && html`<span class="hint">${model}</span>`}
      ${info?.dicom && html`<span class="hint made">${[info.study_date ?? "date not stated", viewText(info.view)].join(", ")}</span>`}
      ${bad && html`<p class="reason"><strong>${bad}:</strong> ${reason ?? "no reason was given"}</p>`}
      ${line?.warnings?.length > 0 && html`<p class="hint">${line.warnings.length} warning${line.warnings.length === 1 ? "" : "s"}</p>`}
    </div>
    ${status === "ok" ? html`<dl class="key">
      <div><dt>COVID-19</dt><dd>${line ? `${line.covid_detected ? "detected" : "not detected"}, ${probability(line.covid_probability)}` : DASH}</dd></div>
      <div><dt>Infected</dt><dd>${percent(line?.infected_fraction)}</dd></div>
      <div><dt>Opacity</dt><dd>${percent(line?.opacity_fraction)}</dd></div>
      <div><dt>Extent of opacity</dt><dd>${line?.severity ? gradeText(line.severity) : DASH}</dd></div>
    </dl>` : !bad && html`<span class="state">${STATES[state] ?? state}</span>`}
  </li>`;
}

/** What is known of a film, asked for when its row comes into view: [info, ref of the row]. */
function useFilm(film) {
  const row = useRef();
  const [info, setInfo] = useState(null);
  useEffect(() => {
    if (!film) return undefined;
    let gone = false;
    const observer = new IntersectionObserver((seen) => {
      if (!seen.some(({ isIntersecting }) => isIntersecting)) return;
      observer.disconnect();
      api.film(film).then((answer) => !gone && setInfo(answer), () => {});
    }, { rootMargin: "50% 0px" });
    observer.observe(row.current);
    return () => {
      gone = true;
      observer.disconnect();
    };
  }, [film]);
  return [info, row];
}
