/** Where films come in: dropped, or chosen as files or as a folder. */
import { html, useEffect, useRef, useState } from "../web/preact-htm.js";
import * as api from "./api.js";
import { chosen, dropped, submit } from "./intake.js";

/** What is being sent now, by job: {phase, done, total, refused}. Lives as long as the page. */
export const sending = new Map();
export const sendingTold = new EventTarget();

function note(job, told) {
  sending.set(job, told);
  sendingTold.dispatchEvent(new Event("change"));
}

// Files cannot be read again after a reload: the browser asks before it leaves.
window.addEventListener("beforeunload", (event) => {
  if ([...sending.values()].some(({ done, total }) => done < total)) event.preventDefault();
});

export function DropZone({ small }) {
  const [over, setOver] = useState(false);
  const [told, setTold] = useState(null);
  const [problem, setProblem] = useState(null);
  const [models, setModels] = useState([]);
  const [picked, setPicked] = useState(new Set());
  const files = useRef();
  const folder = useRef();

  useEffect(() => {
    api.models().then((all) => (setModels(all), setPicked(new Set(all.slice(0, 1).map(({ name }) => name)))), (error) => setProblem(error.message));
    // A film dropped beside the field is meant for it; without this the browser would open it.
    const hold = (event) => event.preventDefault();
    window.addEventListener("dragover", hold);
    window.addEventListener("drop", hold);
    return () => {
      window.removeEventListener("dragover", hold);
      window.removeEventListener("drop", hold);
    };
  }, []);

  const take = async (gathered) => {
    setProblem(null);
    setTold({ phase: "reading", done: 0, total: 0 });
    try {
      let job = null;
      const all = await gathered;
      if (!all.length) throw new Error("There are no files in it.");
      const { id, sent } = await submit(all, picked.size ? [...picked] : undefined, (state) => {
        if (job) note(job, { ...state });
        else setTold({ ...state });
      });
      job = id;
      note(id, sending.get(id) ?? { phase: "sending", done: 0, total: 1, refused: [] });
      sent.then((refused) => note(id, { ...sending.get(id), phase: "sent", done: 0, total: 0, refused }));
      location.hash = `#/job/${id}`;
    } catch (error) {
      setProblem(error.message);
    }
    setTold(null);
  };
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    take(dropped(event.dataTransfer));
  };
  const choose = (event) => {
    const gathered = chosen(event.target.files);
    if (gathered.length) take(gathered);
    event.target.value = "";
  };
  const pick = (name) => {
    const next = new Set(picked);
    if (next.has(name)) next.delete(name);
    else next.add(name);
    if (next.size) setPicked(next);
  };

  return html`<section class="drop" data-over=${over} data-small=${small} aria-label="Add films" onDrop=${drop}
      onDragOver=${(event) => (event.preventDefault(), setOver(true))} onDragLeave=${() => setOver(false)}>
    <p class="ask">${small ? "Add more films" : html`<strong>Drop chest X-rays here</strong>`}
      ${!small && html`<span class="hint">PNG, JPEG, TIFF, BMP or DICOM; files, a folder or a zip file</span>`}</p>
    <p class="row">
      <button type="button" class=${small ? "" : "main"} disabled=${!!told} onClick=${() => files.current.click()}>Choose files…</button>
      <button type="button" disabled=${!!told} onClick=${() => folder.current.click()}>Choose a folder…</button>
      <input class="hidden" ref=${files} type="file" multiple tabindex="-1" aria-label="Files" onChange=${choose} />
      <input class="hidden" ref=${folder} type="file" webkitdirectory tabindex="-1" aria-label="Folder" onChange=${choose} />
    </p>
    ${models.length > 1 && html`<fieldset><legend>Read with</legend>${models.map(({ name, label }) => html`<label key=${name}>
      <input type="checkbox" checked=${picked.has(name)} onChange=${() => pick(name)} /> ${name}${label && label !== name ? ` (${label})` : ""}</label>`)}</fieldset>`}
    ${told && html`<p role="status">Reading files on this computer: ${told.done} of ${told.total}…</p>`}
    ${problem && html`<p role="alert" class="problem">${problem}</p>`}
  </section>`;
}
