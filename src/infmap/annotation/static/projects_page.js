/** The reader's projects, and what to do in each. */
import { Field, Form } from "../web/parts.js";
import { html } from "../web/preact-htm.js";
import * as api from "./api.js";
import { useAnswer } from "./shell.js";

const STAGES = {
  1: "Stage I: outline films, and compare hand-drawn with machine-drawn masks",
  2: "Stage II: choose the best proposal, edit it, or reject all and draw",
};

export function ProjectsPage({ user }) {
  const [projects, problem, reload] = useAnswer("projects");
  const administrator = user.role === "administrator";
  return html`<main class="wide">
    <h1>Projects</h1>
    ${problem && html`<p role="alert" class="problem">${problem}</p>`}
    ${projects?.length === 0 && html`<p>${administrator
      ? "There is no project yet: make one below, then add films with the command line."
      : "You are in no project yet: ask your administrator to add you to one."}</p>`}
    <ul class="cards">${(projects ?? []).map((project) => html`<${Card} key=${project.id} project=${project} administrator=${administrator} />`)}</ul>
    ${administrator && html`<details><summary>New project</summary><${NewProject} reload=${reload} /></details>`}
  </main>`;
}

function Card({ project, administrator }) {
  const { id, name, role, stage, done, left } = project;
  const reads = role === "reader" || role === "senior";
  const watches = administrator || role === "senior" || role === "observer";
  return html`<li class="card">
    <h2>${name}</h2>
    <p>${STAGES[stage]}.</p>
    ${reads && html`<p><progress max=${Math.max(1, done + left)} value=${done} aria-label=${`${name}: films done`}></progress>
      ${" "}${done} done, ${left} left for you</p>`}
    <p class="row">
      ${reads && html`<a class="button main" href=${`#/film/${encodeURIComponent(id)}`}>${left ? "Read the next film" : "Look for films"}</a>`}
      ${watches && html`<a class="button" href=${`#/progress/${encodeURIComponent(id)}`}>Progress and agreement</a>`}
      ${administrator && html`<a class="button" href=${`api/projects/${encodeURIComponent(id)}/export.zip`} download>Export</a>`}
    </p>
    ${administrator && html`<details><summary>Add a member</summary><${Member} project=${id} /></details>`}
  </li>`;
}

function Member({ project }) {
  const send = async ({ name, role }, form) => {
    await api.put(`projects/${encodeURIComponent(project)}/members/${encodeURIComponent(name)}`, { role });
    form.reset();
  };
  return html`<${Form} send=${send} action="Add">
    <${Field} label="User name" name="name" required />
    <label class="field">Part in this project
      <select name="role"><option value="reader">reader</option><option value="senior">senior</option><option value="observer">observer</option></select>
    </label>
  <//>`;
}

function NewProject({ reload }) {
  const send = async ({ name, stage, readers }, form) => {
    await api.post("projects", { name, settings: { stage: Number(stage), readers_per_film: Number(readers) } });
    form.reset();
    await reload();
  };
  return html`<${Form} send=${send} action="Make the project">
    <${Field} label="Name" name="name" required maxlength="128" />
    <label class="field">Stage
      <select name="stage"><option value="1">${STAGES[1]}</option><option value="2">${STAGES[2]}</option></select>
    </label>
    <${Field} label="Readers for each film" name="readers" type="number" min="1" max="5" defaultValue="2" required
      hint="Two let you measure agreement; a senior settles where they differ." />
  <//>`;
}
