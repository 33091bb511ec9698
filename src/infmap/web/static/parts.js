/** What pages are made of: dialogs, forms, tables, sliders, the panel of keys. */
import { html, useEffect, useRef, useState } from "./preact-htm.js";

/** A modal dialog, open while it is shown; Escape closes it unless it is `fixed`. */
export function Dialog({ title, close, fixed, children }) {
  const ref = useRef();
  useEffect(() => {
    const before = document.activeElement;
    ref.current.showModal();
    return () => before?.focus?.();
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    if (!fixed) close();
  };
  return html`<dialog ref=${ref} aria-labelledby="dialog-title" onCancel=${cancel}>
    <h2 id="dialog-title">${title}</h2>
    ${children}
  </dialog>`;
}

/** A form that says what went wrong, and waits while it is sent. `send(values)`. */
export function Form({ send, action, children }) {
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    const form = event.target;
    setBusy(true);
    setProblem(null);
    try {
      await send(Object.fromEntries(new FormData(form)), form);
    } catch (error) {
      setProblem(error.message);
    }
    setBusy(false);
  };
  return html`<form onSubmit=${submit}>
    ${children}
    ${problem && html`<p role="alert" class="problem">${problem}</p>`}
    <button type="submit" class="main" disabled=${busy}>${busy ? "Please wait…" : action}</button>
  </form>`;
}

export function Field({ label, hint, ...input }) {
  return html`<label class="field">${label}
    <input ...${input} />
    ${hint && html`<small>${hint}</small>`}
  </label>`;
}

/** A slider that shows its value. No <output>: a label names the first control in it, and that is one. */
export function Slider({ name, unit = "", value, set, ...range }) {
  return html`<label class="slider"><span>${name} <b>${value}${unit}</b></span>
    <input type="range" ...${range} value=${value} onInput=${(event) => set(Number(event.target.value))} /></label>`;
}

/** The panel of all keys: `groups` of actions, `pointers`: [what, what it does] of mouse, pen and touch. */
export function KeysHelp({ groups, pointers, single, setSingle, close }) {
  return html`<${Dialog} title="Keys" close=${close}>
    <p class="row"><button type="button" class="main" onClick=${close}>Close</button>
      <label><input type="checkbox" checked=${single} onChange=${(event) => setSingle(event.target.checked)} /> Keys without Ctrl or Alt work</label></p>
    <div class="keys">${groups.map(({ group, items }) => html`<section key=${group}><h3>${group}</h3><dl>
      ${items.filter((item) => item.text).map((item) => html`<div key=${item.text}><dt><kbd>${item.shown ?? item.keys[0].replace("+", " ")}</kbd></dt><dd>${item.text}</dd></div>`)}</dl></section>`)}
      <section><h3>Mouse, pen and touch</h3><dl>
        ${pointers.map(([what, does]) => html`<div key=${what}><dt>${what}</dt><dd>${does}</dd></div>`)}
      </dl></section></div>
  <//>`;
}

/** A table of rows; `columns`: [{head, of(row), number?}]. */
export function Table({ caption, columns, rows, empty = "Nothing yet." }) {
  if (!rows.length) return html`<section><h2>${caption}</h2><p>${empty}</p></section>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${caption}><table>
    <caption>${caption}</caption>
    <thead><tr>${columns.map(({ head, number }) => html`<th scope="col" class=${number ? "number" : ""}>${head}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr>${columns.map(({ of, number }, k) =>
      k ? html`<td class=${number ? "number" : ""}>${of(row)}</td>` : html`<th scope="row">${of(row)}</th>`)}</tr>`)}</tbody>
  </table></div>`;
}
