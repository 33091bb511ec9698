/** Everything that can be taken away of a film. */
import { Dialog } from "../web/parts.js";
import { html, useState } from "../web/preact-htm.js";
import * as api from "./api.js";
import { NOTICE } from "./words.js";

/** What, name, what it is for, and whether the film must have come as DICOM. */
const KINDS = [
  ["overlay", "PNG", "The film with the infection map and contours"],
  ["pdf", "PDF", "One page: film, map, figures, warnings"],
  ["json", "JSON", "All figures, as a line of results.jsonl"],
  ["fhir", "FHIR", "R4 bundle: diagnostic report and observations"],
  ["seg", "DICOM SEG", "Segmentation: lungs, infection, opacity", true],
  ["sr", "DICOM SR", "Structured report: measurements, TID 1500", true],
  ["sc", "DICOM SC", "Secondary capture: the overlay as an image", true],
  ["gsps", "DICOM GSPS", "Presentation state: contours over the film", true],
];

export function Downloads({ reading, close }) {
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(null);
  const { info, assessed } = reading;
  const take = async (what) => {
    setBusy(what);
    setProblem(null);
    try {
      await api.save(info.film, what);
    } catch (error) {
      setProblem(error.message);
    }
    setBusy(null);
  };
  return html`<${Dialog} title="Downloads" close=${close}>
    <p class="row"><button type="button" class="main" onClick=${close}>Close</button> <span class="notice">${NOTICE}</span></p>
    <ul class="downloads">${KINDS.map(([what, name, text, dicom]) => {
      const missing = what === "json" ? null : !assessed ? "the film was not assessed" : dicom && !info.dicom ? "the film did not come as DICOM" : null;
      return html`<li key=${what}><button type="button" disabled=${!!missing || busy} aria-describedby=${`about-${what}`} onClick=${() => take(what)}>${busy === what ? "Please wait…" : name}</button>
        <span id=${`about-${what}`} class="hint">${missing ? `Not there: ${missing}.` : text}</span></li>`;
    })}</ul>
    ${problem && html`<p role="alert" class="problem">${problem}</p>`}
    <p class="hint">Files hold the model’s own thresholds, not those of the sliders. Names of files hold no patient’s name; DICOM objects belong to the film’s patient and study.</p>
  <//>`;
}
