/** The viewer: who asks, and which view the address names. */
import { Dialog } from "../web/parts.js";
import { html, render, useEffect, useState } from "../web/preact-htm.js";
import * as api from "./api.js";
import { FilmPage } from "./film_page.js";
import { HomePage } from "./home_page.js";
import { JobPage } from "./job_page.js";
import { Header, SignIn } from "./shell.js";
import { NOTICE } from "./words.js";

/** The view that the address names: #/job/J, #/job/J/F (a film of a job), #/film/F, or the start. */
function route() {
  const [, view = "", first = null, second = null] = location.hash.split("/");
  if (view === "film") return { film: first, job: null };
  return view === "job" ? { film: second, job: first } : { film: null, job: null };
}

function Viewer() {
  const [me, setMe] = useState(undefined);
  const [expired, setExpired] = useState(false);
  const [at, setAt] = useState(route());
  const [problem, setProblem] = useState(null);

  useEffect(() => {
    const moved = () => setAt(route());
    const out = () => setExpired(true);
    window.addEventListener("hashchange", moved);
    api.session.addEventListener("signed-out", out);
    api.me().then(setMe, (error) => setProblem(error.message));
    return () => {
      window.removeEventListener("hashchange", moved);
      api.session.removeEventListener("signed-out", out);
    };
  }, []);

  const leave = async () => {
    await api.signOut().catch(() => {});
    location.hash = "";
    location.reload();
  };
  const begun = (answer) => (setMe(answer), setExpired(false));

  if (problem) return html`<main class="narrow"><h1>infmap viewer</h1><p role="alert" class="problem">${problem}</p>
    <button type="button" onClick=${() => location.reload()}>Try again</button><p class="notice">${NOTICE}</p></main>`;
  if (me === undefined) return html`<main class="narrow"><p role="status">Loading…</p><p class="notice">${NOTICE}</p></main>`;
  if (me === null) return html`<${SignIn} signedIn=${begun} />`;
  return html`
    <${Header} me=${me} leave=${leave} />
    ${at.film ? html`<${FilmPage} key=${at.film} film=${at.film} job=${at.job} />`
      : at.job ? html`<${JobPage} key=${at.job} id=${at.job} />`
      : html`<${HomePage} />`}
    ${expired && html`<${Dialog} title="Sign in again" fixed=${true}>
      <p>Your session has ended. What you see stays as it is.</p><${SignIn} bare=${true} signedIn=${begun} />
    <//>`}`;
}

render(html`<${Viewer} />`, document.getElementById("app"));
