/** What was read of a film, in figures, with intervals and what they mean. */
import { html } from "../web/preact-htm.js";
import { DASH, GRADES, ZONES, gradeText, percent, points, probability, rate, shareError, viewsApart } from "./words.js";

export function Figures({ reading, model, desk }) {
  const { line } = reading;
  if (line.status !== "ok") return html`<${NotAssessed} line=${line} />`;
  const now = reading.shares(desk.thresholds);
  const other = desk.beside && desk.beside.reading.shares(desk.beside.reading.thresholds);
  return html`
    ${line.warnings?.length > 0 && html`<ul class="warnings" aria-label="Warnings">${line.warnings.map((text) => html`<li key=${text}>${text}</li>`)}</ul>`}
    <${Detection} line=${line} model=${model} reading=${reading} />
    <${Extent} line=${line} model=${model} />
    <${Shares} desk=${desk} now=${now} line=${line} reading=${reading} model=${model} />
    ${other && html`<${Both} desk=${desk} />`}
    <${Origin} reading=${reading} model=${model} />`;
}

function NotAssessed({ line }) {
  const rejected = line.status === "rejected";
  return html`<section class="problem" aria-label="Not assessed"><h2>${rejected ? "Rejected" : "Failed"}</h2>
    <p>${line.reason ?? "No reason was given."}</p>
    <p class="hint">${rejected ? "The file was read, but it is no frontal chest film or not good enough to assess. No figures are made of it." : "The file could not be read."}</p>
    ${line.quality && html`<details><summary>Quality of the image</summary><dl class="pairs">${Object.entries(line.quality).map(([name, value]) => html`<div key=${name}><dt>${name.replaceAll("_", " ")}</dt><dd>${value === null ? DASH : Number(value).toPrecision(3)}</dd></div>`)}</dl></details>`}
  </section>`;
}

/** A bar from 0 to `most` with a value, and an interval or a mark on it. */
function Bar({ value, most = 1, low, high, mark, label }) {
  const x = (v) => (100 * v) / most;
  return html`<svg class="bar-scale" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label=${label}>
    <rect class="ground" width="100" height="8" />
    ${low !== undefined ? html`<rect class="interval" x=${x(low)} width=${Math.max(0.5, x(high - low))} height="8" /><rect class="value" x=${Math.min(99, x(value))} width="1.2" height="8" />`
      : html`<rect class="value" width=${x(value)} height="8" />`}
    ${mark !== undefined && html`<rect class="mark" x=${x(mark)} width="0.8" height="8" />`}
  </svg>`;
}

function Detection({ line, model, reading }) {
  const { covid_probability: p, covid_detected: detected, operating, calibrated_on: on } = line;
  const { film, infection } = reading.info.thresholds;
  const point = film ?? infection;
  return html`<section aria-labelledby="detection"><h2 id="detection">COVID-19</h2>
    <p class="verdict"><strong>${probability(p)}</strong> ${detected ? "Pattern detected" : "Pattern not detected"}</p>
    <${Bar} value=${p} mark=${point} label=${`Probability ${probability(p)}, operating point ${probability(point)}`} />
    <p class="hint">${detected ? "At or above the operating point" : "Below the operating point"} of ${probability(point)} (line).
      ${detected ? " The film looks like those of patients with COVID-19; other causes can look the same." : " This does not exclude COVID-19."}
      ${on?.probability ? ` The probability was calibrated on ${on.probability}; on other films it is a score, not a frequency.` : " A score: not calibrated on any stated films."}</p>
    ${operating && html`<p>${operating.rule_in ? "At or above the rule-in point." : operating.rule_out ? "Below the rule-out point." : "Between the rule-out and the rule-in point: neither is supported."}</p>`}
    ${model?.operating_points && html`<${Points} of=${model.operating_points} />`}
  </section>`;
}

/** Both operating points, with what they were worth and where. */
function Points({ of }) {
  const rows = [["Rule out, below", of.rule_out], ["Rule in, from", of.rule_in]];
  return html`<details><summary>Operating points and what they were worth</summary>
    <div class="scroll" tabindex="0" role="region" aria-label="Operating points"><table><thead><tr><th scope="col">Point</th><th scope="col">Sensitivity</th><th scope="col">Specificity</th></tr></thead>
      <tbody>${rows.map(([name, point]) => html`<tr key=${name}><th scope="row">${name} ${Number(point.threshold.toFixed(4))}</th><td>${rate(point.sensitivity)}</td><td>${rate(point.specificity)}</td></tr>`)}</tbody></table></div>
    <p class="hint">Sensitivity: of films of COVID-19 patients, how many reach the point. Specificity: of all others, how many stay below. Measured on ${of.population}. Elsewhere both can be lower.</p></details>`;
}

function Extent({ line, model }) {
  const { severity, calibrated_on: on } = line;
  if (!severity) return null;
  const { grade, grades = [grade], extent_score: score, interval } = severity;
  const trust = Math.round(100 * (1 - (model?.severity?.alpha ?? 0.1)));
  return html`<section aria-labelledby="extent"><h2 id="extent">Extent of opacity, any cause</h2>
    <ol class="grades" aria-label=${`Grade ${gradeText({ grade, grades })}`}>${GRADES.map((one) => html`<li key=${one} aria-current=${one === grade ? "true" : undefined} data-allowed=${grades.includes(one)}>${one}</li>`)}</ol>
    <p><strong>${gradeText({ grade, grades })}</strong>; extent score <strong>${score.toFixed(1)}</strong> of 8${interval && html`, ${trust} % interval ${interval[0].toFixed(1)} to ${interval[1].toFixed(1)}`}</p>
    <${Bar} value=${score} most=${8} low=${interval?.[0] ?? score} high=${interval?.[1] ?? score} label=${`Extent score ${score.toFixed(1)} of 8`} />
    <p class="hint">Each lung counts 0 (no opacity) to 4 (more than three quarters of it). The interval is where a radiologist’s score of such a film lies ${trust} times in 100${model?.severity?.coverage ? ` (measured by cross-validation: ${percent(model.severity.coverage)})` : ""}; grades in it are shaded.
      ${on?.severity ? ` Calibrated on ${on.severity}.` : " Not calibrated on any stated films."} The grade comes from the opacity map as a whole: thresholds do not change it.</p>
  </section>`;
}

/** Shares of lungs and zones at the thresholds of the sliders. */
function Shares({ desk, now, line, reading, model }) {
  const { own, thresholds } = desk;
  const sides = line.side_stated ? ["Right lung", "Left lung"] : ["Right lung (assumed)", "Left lung (assumed)"];
  const zone = (k) => now?.zones[k];
  const cell = (share) => html`<td class="number">${percent(share)}</td>`;
  const area = reading.info.pixel_spacing && now ? now.both.area * now.both.infected * reading.info.pixel_spacing[0] * reading.info.pixel_spacing[1] / 100 : null;
  return html`<section aria-labelledby="shares"><h2 id="shares">Lung involvement, % of lung area</h2>
    <p class="live" role="status" data-own=${own}>${own ? `At the model’s thresholds: infected from ${thresholds.infection}, opaque from ${thresholds.opacity}.`
      : html`<strong>At your thresholds:</strong> infected from ${thresholds.infection}, opaque from ${thresholds.opacity}. Detection, grade and downloads keep the model’s.`}</p>
    <ul class="figures">
      <li>Infected (COVID-19) <strong data-figure="infected">${percent(now ? now.both.infected : line.infected_fraction)}</strong></li>
      <li>Opaque (any cause) <strong data-figure="opaque">${percent(now ? now.both.opaque : line.opacity_fraction)}</strong></li>
    </ul>
    <${Trust} line=${line} model=${model} />
    ${area !== null && html`<p class="hint">Infected area ${area.toFixed(area < 10 ? 1 : 0)} cm² at the detector; in the body it is smaller, by the magnification.</p>`}
    <table class="zones"><thead><tr><td></td><th scope="col">${sides[0]}</th><th scope="col">${sides[1]}</th></tr></thead>
      <tbody>${["Upper", "Middle", "Lower"].map((name, k) => html`<tr key=${name}><th scope="row">${name} zone, infected</th>${[k, k + 3].map((z) => html`<td class="number" key=${z}><span class="hint">${ZONES[z]}</span> ${percent(now ? zone(z).infected : line.zones?.[ZONES[z]])}</td>`)}</tr>`)}</tbody>
      <tfoot><tr><th scope="row">Infected</th>${cell(now ? now.right.infected : line.infected_fraction_right)}${cell(now ? now.left.infected : line.infected_fraction_left)}</tr>
        <tr><th scope="row">Opaque</th>${cell(now ? now.right.opaque : line.opacity_fraction_right)}${cell(now ? now.left.opaque : line.opacity_fraction_left)}</tr></tfoot></table>
    <p class="hint">A to F: zones of the Brixia scheme, thirds of each lung. Shares are of the lung area that the network outlined (the contour of the lungs): if that is wrong, they are. ${line.side_stated ? "Sides as the file states." : "The file does not state its sides: image left is taken as the patient’s right."}</p>
  </section>`;
}

/** How far the shares can be trusted, as far as the model's folder says; beside them, not in a footnote. */
function Trust({ line, model }) {
  const { interval } = line.severity ?? {};
  const { films, dice, empty_called: called, errors } = model?.areas ?? {};
  const level = Math.round(100 * (1 - (model?.severity?.alpha ?? 0.1)));
  const of = films ? ` on ${films} films of its validation` : " in its validation";
  const known = [
    dice != null && `the infected area of a COVID-19 film and the one that was drawn had a mean Dice of ${dice.toFixed(2)}`,
    called != null && `${percent(called)} of films without infection showed some`,
  ].filter(Boolean);
  const shares = errors ? [["infected", errors.infection, "infection"], ["opaque", errors.opacity, "opacity"]].filter(([, error]) => error) : [];
  const unknown = known.length + shares.length === 0;
  return html`<div class="trust"><p>These shares have no interval of their own${shares.length > 0 ? "" : ": how much they are too high or too low was not measured"}.
    ${interval && html` That of the extent of opacity is <strong>${interval[0].toFixed(1)} to ${interval[1].toFixed(1)}</strong> of 8 (${level} %).`}
    ${known.length > 0 && ` Known of this model: ${of.trim()}, ${known.join("; ")}.`}${unknown ? " Nothing is known of this model’s areas." : ""}</p>
    ${shares.map(([name, { all_films: all, positive }, what]) => html`<p key=${name}>On ${all.films} validation films the ${name} fraction of the lungs was ${shareError(all)}.${positive && html` On the ${positive.films} with ${what} it was ${shareError(positive)}.`}</p>`)}
    ${shares.length > 0 && html`<p>Points are % of the lung area, + is too high; brackets hold 95 % intervals; measured at the model’s own thresholds on ${errors.population}.</p>`}
    ${!unknown && html`<p>Elsewhere all of this can be worse.</p>`}</div>`;
}

/** Two readings in one table: then and now, or one model and another. */
function Both({ desk }) {
  const { reading, beside } = desk;
  const [a, b] = [reading.line, beside.reading.line];
  const heads = beside.same ? ["This film", beside.title.split(":")[0]] : [reading.info.model, beside.reading.info.model];
  const share = (name) => [percent(a[name]), percent(b[name]), points(a[name], b[name])];
  const score = (line) => line.severity?.extent_score;
  const known = score(a) !== undefined && score(b) !== undefined;
  const change = known ? score(a) - score(b) : null;
  const apart = known && a.severity.interval && b.severity.interval
    && (a.severity.interval[0] > b.severity.interval[1] || b.severity.interval[0] > a.severity.interval[1]);
  const rows = [
    beside.same && ["View", reading.info.view || "not stated", beside.reading.info.view || "not stated", ""],
    ["COVID-19 probability", probability(a.covid_probability), probability(b.covid_probability), ""],
    ["Infected", ...share("infected_fraction")],
    ["Opacity", ...share("opacity_fraction")],
    ["Opacity, right lung", ...share("opacity_fraction_right")],
    ["Opacity, left lung", ...share("opacity_fraction_left")],
    ["Extent score (0 to 8)", score(a)?.toFixed(1) ?? DASH, score(b)?.toFixed(1) ?? DASH, known ? `${change > 0 ? "+" : change < 0 ? "−" : "±"}${Math.abs(change).toFixed(1)}` : DASH],
    ["Grade", a.severity?.grade ?? DASH, b.severity?.grade ?? DASH, ""],
  ].filter(Boolean);
  const views = beside.same && viewsApart([reading.info.view, beside.reading.info.view]);
  return html`<section aria-labelledby="both"><h2 id="both">${beside.same ? "Change" : "Two models"}</h2>
    ${views && html`<p class="views" role="note">${views}</p>`}
    <div class="scroll" tabindex="0" role="region" aria-label="Both readings"><table class="compare"><thead><tr><td></td>${heads.map((head) => html`<th scope="col" class="number" key=${head}>${head}</th>`)}<th scope="col" class="number">Difference</th></tr></thead>
      <tbody>${rows.map(([name, ...cells]) => html`<tr key=${name}><th scope="row">${name}</th>${cells.map((text, k) => html`<td class="number" key=${k}>${text}</td>`)}</tr>`)}</tbody></table></div>
    <p class="hint">${known ? (apart ? "The intervals of both extent scores do not meet." : "The intervals of both extent scores overlap: the difference may be none.") : ""} At each model’s own thresholds.</p>
  </section>`;
}

function Origin({ reading, model }) {
  const { info, line } = reading;
  const on = line.calibrated_on ?? {};
  const rows = [
    ["Film", `${info.width} × ${info.height} pixels, ${info.bits} bits`], ["Made on", info.study_date ?? "not stated"], ["View", info.view ?? "not stated"], ["Model", line.model ?? info.model],
    model && ["Trained on", `${model.training.films} films of ${model.training.sources.join(", ")}`],
    on.operating_point && ["Operating point chosen on", on.operating_point], on.opacity && ["Opacity threshold chosen on", on.opacity],
    line.sha256 && ["SHA-256", line.sha256],
  ].filter(Boolean);
  return html`<details><summary>Film, model and the films it was measured on</summary><dl class="pairs">${rows.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl></details>`;
}
