/** The start: a place to drop films, and what was read before. */
import { html, useEffect, useState } from "../web/preact-htm.js";
import * as api from "./api.js";
import { DropZone } from "./drop_zone.js";

export function HomePage() {
  const [jobs, setJobs] = useState(null);
  const [problem, setProblem] = useState(null);
  useEffect(() => {
    api.jobs().then(setJobs, (error) => setProblem(error.message));
  }, []);
  return html`<main class="wide">
    <h1>Chest X-rays: infection map, extent, detection of COVID-19</h1>
    <${DropZone} />
    ${problem && html`<p role="alert" class="problem">${problem}</p>`}
    ${jobs?.length > 0 && html`<section aria-labelledby="before"><h2 id="before">Read before</h2>
      <ul class="jobs">${jobs.map((job) => html`<li key=${job.id}><a href=${`#/job/${job.id}`}>${job.name || "No film"}</a> <span>${summary(job)}, ${new Date(job.created).toLocaleString()}</span></li>`)}</ul></section>`}
    <p class="hint">Films stay on this server. Nothing is sent anywhere else.</p>
  </main>`;
}

function summary({ counts }) {
  const of = (name) => counts[name] ?? 0;
  const total = Object.values(counts).reduce((sum, n) => sum + n, 0);
  const open = of("waiting") + of("queued") + of("leased");
  const parts = [`${total} film${total === 1 ? "" : "s"}`];
  if (open) parts.push(`${open} to be read`);
  if (of("failed")) parts.push(`${of("failed")} not assessed`);
  if (of("cancelled")) parts.push(`${of("cancelled")} cancelled`);
  return parts.join(", ");
}
