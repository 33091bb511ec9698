/** Asks before films are deleted for good. `remove()` deletes; `gone()` goes on where nothing of them is. */
import { Dialog, Form } from "../web/parts.js";
import { html } from "../web/preact-htm.js";

export function DeleteDialog({ title, children, remove, gone, close }) {
  const send = async () => {
    await remove();
    gone();
  };
  return html`<${Dialog} title=${title} close=${close}>
    <p>${children} This cannot be undone. Files that were saved, and objects that were sent elsewhere, stay there.</p>
    <${Form} send=${send} action="Delete for good" />
    <p class="row"><button type="button" onClick=${close}>Keep</button></p>
  <//>`;
}
