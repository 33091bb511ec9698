/** A patient's films over time: a plot of involvement, and the same as a table. */
import { html } from "../web/preact-htm.js";
import { daysText, percent, viewText, viewsApart } from "./words.js";

const [WIDTH, HEIGHT] = [320, 150];
const [LEFT, RIGHT, TOP, BOTTOM] = [34, 10, 8, 24];
const CURVES = [["opacity_fraction", "opaque", "Opaque (any cause)"], ["infected_fraction", "infected", "Infected (COVID-19)"]];

export function TimeCourse({ reading, desk }) {
  const { info, line } = reading;
  if (!info.same_patient.length) return null;
  const here = {
    film: info.film, days: 0, view: info.view, infected_fraction: line.infected_fraction, opacity_fraction: line.opacity_fraction,
    score: line.severity?.extent_score ?? null,
  };
  const films = [...info.same_patient, here].sort((a, b) => a.days - b.days);
  const beside = desk.beside?.reading.id;
  const apart = viewsApart(films.map(({ view }) => view));
  return html`<section aria-labelledby="course"><h2 id="course">Same patient over time</h2>
    ${apart && html`<p class="views" role="note">${apart}</p>`}
    <${Plot} films=${films} here=${info.film} beside=${beside} />
    <p class="legend">${CURVES.map(([, kind, text]) => html`<span key=${kind}><svg class="swatch" viewBox="0 0 1 1" aria-hidden="true"><rect class=${`curve-${kind}`} width="1" height="1" /></svg> ${text}</span>`)}</p>
    <div class="scroll" tabindex="0" role="region" aria-label="Films of the patient"><table><thead><tr><th scope="col">Film, view</th><th scope="col" class="number">Infected</th><th scope="col" class="number">Opaque</th><th scope="col" class="number">Extent score</th><th scope="col">Beside</th></tr></thead>
      <tbody>${films.map(({ film, days, view, infected_fraction: infected, opacity_fraction: opaque, score }) => html`<tr key=${film} aria-current=${film === info.film ? "true" : undefined}>
        <th scope="row">${film === info.film ? "this film" : html`<a href=${`#/film/${film}`}>${daysText(days)}</a>`} <span class="hint" data-view=${view ?? ""}>${viewText(view)}</span></th>
        <td class="number">${percent(infected)}</td><td class="number">${percent(opaque)}</td><td class="number">${score?.toFixed(1) ?? "–"}</td>
        <td>${film !== info.film && html`<button type="button" aria-pressed=${beside === film} onClick=${() => desk.compare(beside === film ? null : film)}>${beside === film ? "Beside" : "Compare"}<span class="hidden"> ${daysText(days)}</span></button>`}</td></tr>`)}</tbody></table></div>
    <p class="hint">Films count as of one patient where the files name the same patient; each is read by itself. % of lung area at the model’s thresholds.</p>
  </section>`;
}

function Plot({ films, here, beside }) {
  const first = films[0].days;
  const last = films[films.length - 1].days;
  const most = Math.max(0.1, ...films.flatMap((one) => CURVES.map(([name]) => one[name] ?? 0)));
  // The axis ends at the next ten per cent.
  const top = Math.ceil(most * 10 - 1e-9) / 10;
  const x = (days) => LEFT + (last === first ? 0.5 : (days - first) / (last - first)) * (WIDTH - LEFT - RIGHT);
  const y = (share) => TOP + (1 - share / top) * (HEIGHT - TOP - BOTTOM);
  const ticks = [0, top / 2, top];
  return html`<svg class="plot" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label="Involvement over time; the table below holds the same figures">
    ${ticks.map((share) => html`<g key=${share}><line class="grid" x1=${LEFT} x2=${WIDTH - RIGHT} y1=${y(share)} y2=${y(share)} /><text x=${LEFT - 5} y=${y(share) + 3} text-anchor="end">${Math.round(100 * share)} %</text></g>`)}
    <line class="now" x1=${x(0)} x2=${x(0)} y1=${TOP} y2=${HEIGHT - BOTTOM} />
    ${CURVES.map(([name, kind]) => {
      const known = films.filter((one) => one[name] !== null && one[name] !== undefined);
      return html`<g key=${kind} class=${`curve-${kind}`}>
        <polyline points=${known.map((one) => `${x(one.days)},${y(one[name])}`).join(" ")} />
        ${known.map((one) => html`<circle key=${one.film} cx=${x(one.days)} cy=${y(one[name])} r=${one.film === here || one.film === beside ? 5 : 3} />`)}</g>`;
    })}
    ${[...new Set([first, 0, last])].map((days) => html`<text key=${days} x=${x(days)} y=${HEIGHT - 8} text-anchor=${days === first && first !== last ? "start" : days === last ? "end" : "middle"}>${days === 0 ? "this film" : `${days > 0 ? "+" : "−"}${Math.abs(days)} d`}</text>`)}
  </svg>`;
}
