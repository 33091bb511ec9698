/** What is shown of a film and how: map, threshold, contours, window; and what stands beside it. */
import { Slider } from "../web/parts.js";
import { html } from "../web/preact-htm.js";
import { CHANGE, CONTOURS, colour } from "./map_colours.js";
import { daysText, viewText } from "./words.js";

const rgb = (c) => `rgb(${c.slice(0, 3).map(Math.round)})`;
const LAYERS = [
  ["infection", "Infection (COVID-19)"], ["opacity", "Opacity (any cause)"], ["change", "Change"], ["none", "None"],
];
const NAMES = { lungs: "Lungs", infection: "Infected", opacity: "Opaque" };

export function Controls({ desk }) {
  const { surface, reading, tool, beside } = desk;
  const { layer, opacity, contours, zones, invert } = surface.look;
  const mapped = reading.assessed;
  return html`
    ${mapped && html`<fieldset><legend>Map<kbd>m</kbd></legend>
      <div class="row">${LAYERS.filter(([name]) => name !== "change" || beside?.same).map(([name, text]) => html`<label key=${name}>
        <input type="radio" name="layer" checked=${layer === name} onChange=${() => desk.look({ layer: name })} /> ${text}</label>`)}</div>
      ${(layer === "infection" || layer === "opacity") && html`<${Scale} layer=${layer} />`}
      ${layer === "change" && html`<p class="legend"><span><${Swatch} of=${CHANGE.more} /> opaque here, not in the other film</span>
        <span><${Swatch} of=${CHANGE.less} /> opaque in the other film, not here</span></p>`}
      <${Threshold} desk=${desk} />
      <${Slider} name="Strength of the map" unit=" %" min="5" max="100" value=${Math.round(100 * opacity)} set=${(value) => desk.look({ opacity: value / 100 })} />
    </fieldset>
    <fieldset><legend>Contours</legend><div class="row">
      ${Object.keys(NAMES).map((name, k) => html`<label key=${name}><input type="checkbox" checked=${contours[name]}
        onChange=${() => desk.look({ contours: { ...contours, [name]: !contours[name] } })} /> <${Swatch} of=${CONTOURS[name]} />${NAMES[name]}<kbd>${k + 1}</kbd></label>`)}
      <label><input type="checkbox" checked=${zones} onChange=${() => desk.look({ zones: !zones })} /> Zones A to F<kbd>4</kbd></label>
    </div></fieldset>`}
    <fieldset><legend>Film</legend><div class="row">
      <button type="button" aria-pressed=${tool === "level"} onClick=${() => desk.set({ tool: "level" })}>Window<kbd>w</kbd></button>
      <button type="button" aria-pressed=${tool === "pan"} onClick=${() => desk.set({ tool: "pan" })}>Move<kbd>p</kbd></button>
      <button type="button" onClick=${() => surface.zoom(1.25)} aria-label="Zoom in">+</button>
      <button type="button" onClick=${() => surface.zoom(0.8)} aria-label="Zoom out">−</button>
      <button type="button" onClick=${() => (surface.fit(), desk.remember())}>Fit<kbd>f</kbd></button>
      <button type="button" onClick=${() => surface.actual()}>1:1<kbd>z</kbd></button>
      <button type="button" aria-pressed=${invert} onClick=${() => desk.look({ invert: !invert })}>Invert<kbd>i</kbd></button>
      <button type="button" onClick=${() => desk.look(desk.window)}>Own window<kbd>0</kbd></button>
    </div></fieldset>`;
}

/** The slider of the map's threshold, and the way back to the model's own. */
function Threshold({ desk }) {
  const { sliding, thresholds, own, reading } = desk;
  const value = thresholds[sliding];
  return html`<div class="threshold">
    <${Slider} name=${`${sliding === "infection" ? "Infected" : "Opaque"} from a probability of`} min="0.01" max="0.99" step="0.01"
      value=${value} set=${(next) => desk.setThreshold(next)} />
    <button type="button" disabled=${own} onClick=${() => desk.look({ thresholds: reading.thresholds })}>The model’s own (${reading.thresholds[sliding]})<kbd>t</kbd></button>
  </div>`;
}

function Swatch({ of }) {
  return html`<svg class="swatch" viewBox="0 0 1 1" aria-hidden="true"><rect width="1" height="1" fill=${rgb(of)} /></svg>`;
}

/** The colours of a map, from low to high. */
function Scale({ layer }) {
  const steps = Array.from({ length: 32 }, (_, k) => colour(layer, 8 * k));
  return html`<p class="scale"><span>0</span><svg viewBox="0 0 32 1" preserveAspectRatio="none" role="img" aria-label="Colours of the map, from probability 0 to 1">
    ${steps.map((c, k) => html`<rect key=${k} x=${k} width="1.05" height="1" fill=${rgb(c)} fill-opacity=${c[3]} />`)}</svg><span>1</span></p>`;
}

/** Other films of the patient, and other models' readings of this film. */
export function Compare({ desk }) {
  const { reading, beside, layout, held } = desk;
  const { same_patient: same, others } = reading.info;
  if (!same.length && !others.length) return null;
  const layouts = [["side", "Side by side", "s"], ["blink", "Blink", "b"]];
  return html`<fieldset><legend>Compare<kbd>c</kbd></legend>
    <label class="field">with <select value=${beside?.reading.id ?? ""} onChange=${({ target }) => desk.compare(target.value || null)}>
      <option value="">nothing</option>
      ${same.length > 0 && html`<optgroup label="Same patient">${same.map(({ film, days, view }) => html`<option key=${film} value=${film}>${daysText(days)}, ${viewText(view)}</option>`)}</optgroup>`}
      ${others.length > 0 && html`<optgroup label="Same film, read by">${others.map(({ film, model }) => html`<option key=${film} value=${film}>${model}</option>`)}</optgroup>`}
    </select></label>
    ${beside && html`<div class="row" role="group" aria-label="Layout">
      ${layouts.map(([name, text, key]) => html`<button type="button" key=${name} aria-pressed=${layout === name} onClick=${() => desk.setLayout(name)}>${text}<kbd>${key}</kbd></button>`)}
      ${layout === "blink" && html`<button type="button" aria-pressed=${!!held} onClick=${() => desk.hold()}>Hold<kbd>Space</kbd></button>
        <button type="button" onClick=${() => desk.turn()}>Turn<kbd>x</kbd></button>`}
    </div>
    ${beside.same && html`<p class="hint">The other film is laid over this one by the outlines of both lungs (shift, rotation, scale). Position and breath differ between films: look at both before you believe a change.</p>`}`}
  </fieldset>`;
}
