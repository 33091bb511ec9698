/** How far a project is, and how well readers and networks agree. */
import { Table } from "../web/parts.js";
import { html } from "../web/preact-htm.js";
import { useAnswer } from "./shell.js";

export function ProgressPage({ project }) {
  const path = `projects/${encodeURIComponent(project)}`;
  const [progress, problem] = useAnswer(path);
  const [agreement, silent] = useAnswer(`${path}/agreement`);
  if (problem) return html`<main class="wide"><p role="alert" class="problem">${problem}</p></main>`;
  if (!progress) return html`<main class="wide"><p role="status">Loading…</p></main>`;
  const { films, stages, readers, networks } = progress;
  return html`<main class="wide">
    <h1>${progress.name}</h1>
    <ul class="figures">
      ${Object.entries({ open: "to read", disputed: "disputed, for a senior", approved: "approved", unusable: "unusable" }).map(
        ([state, words]) => html`<li><strong>${films[state]}</strong> ${words}</li>`)}
    </ul>
    ${stages.map(({ stage, done, left }) => html`<p>Stage ${stage === 1 ? "I" : "II"}:
      ${" "}<progress max=${Math.max(1, done + left)} value=${done} aria-label=${`Stage ${stage}: tasks done`}></progress>
      ${" "}${done} of ${done + left} tasks done</p>`)}
    <${Table} caption="Readers" rows=${readers} columns=${[
      { head: "Reader", of: (row) => row.name },
      { head: "Part", of: (row) => row.role },
      { head: "Films decided", of: (row) => row.done, number: true },
      { head: "Active minutes", of: (row) => row.minutes, number: true },
      { head: "Minutes a film", of: (row) => (row.done ? (row.minutes / row.done).toFixed(1) : "–"), number: true },
    ]} />
    <${Table} caption="Networks" rows=${networks} empty="No network has proposed masks yet." columns=${[
      { head: "Network", of: (row) => row.name },
      { head: "Proposed", of: (row) => row.proposed, number: true },
      { head: "Shown in decided tasks", of: (row) => row.shown, number: true },
      { head: "Chosen as is", of: (row) => row.chosen, number: true },
      { head: "Chosen and edited", of: (row) => row.edited, number: true },
    ]} />
    <h2>Agreement</h2>
    ${silent && html`<p role="alert" class="problem">${silent}</p>`}
    ${agreement && html`<${Lists} value=${agreement} />`}
  </main>`;
}

const TITLES = {
  agreement: "Agreement of readers", networks: "Networks, by round", times: "Time a film takes",
  unaided: "Films with and without proposals",
};

/** Every list of rows in an answer as a table, its fields as columns; the finer rows folded away. */
function Lists({ value }) {
  const lists = Object.entries(value)
    .filter(([, rows]) => Array.isArray(rows))
    .map(([name, rows]) => [name, rows.filter((row) => !isEmpty(row))])
    .filter(([, rows]) => rows.length);
  if (!lists.length)
    return html`<p>Agreement is shown when two readers have decided the same film.</p>`;
  const table = (name, rows) => html`<${Table} key=${name} caption=${TITLES[name] ?? words(name)} rows=${rows} columns=${columns(rows)} />`;
  return lists.map(([name, rows]) => {
    const fine = rows.filter(isFine);
    return html`${table(name, rows.filter((row) => !isFine(row)))}
      ${fine.length > 0 && html`<details><summary>${TITLES[name] ?? words(name)}, by zone and month</summary>${table(`${name}-fine`, fine)}</details>`}`;
  });
}

/** A label that nobody used: none of its estimates has a value. */
const isEmpty = (row) => {
  const estimates = Object.values(row).filter((one) => one?.n !== undefined);
  return estimates.length > 0 && estimates.every(({ value }) => value === null);
};

const isFine = ({ zone = "all", month = "all" }) => zone !== "all" || month !== "all";

function columns(rows) {
  return Object.keys(rows[0] ?? {}).map((key) => ({
    head: words(key),
    of: (row) => shown(row[key]),
    number: typeof rows[0][key] !== "string",
  }));
}

function words(name) {
  const text = name.replaceAll("_", " ");
  return text[0].toUpperCase() + text.slice(1);
}

/** A number to three figures, an estimate {value, low, high} with its interval, a list by commas. */
function shown(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return Number.isInteger(value) ? value : value.toFixed(3);
  if (Array.isArray(value)) return value.map(shown).join(", ");
  if (typeof value === "object") {
    if (!("value" in value)) return Object.entries(value).map(([key, one]) => `${words(key)} ${shown(one)}`).join(", ");
    const { low, high } = value;
    return `${shown(value.value)}${low === null || low === undefined ? "" : ` (${shown(low)} to ${shown(high)})`}`;
  }
  return String(value);
}
