/** The station's page: who is signed in, and which view the address names. */
import { Dialog } from "../web/parts.js";
import { html, render, useEffect, useState } from "../web/preact-htm.js";
import * as api from "./api.js";
import { FilmPage } from "./film_page.js";
import { ProgressPage } from "./progress_page.js";
import { ProjectsPage } from "./projects_page.js";
import { Header, NewPassword, SignIn } from "./shell.js";
import { UsersPage } from "./users_page.js";
import { films } from "./workbench.js";

/** The view that the address names: #/film/P, #/progress/P, #/users, or the projects. */
function route() {
  const [, view = "", id = ""] = location.hash.split("/");
  return { view, id: decodeURIComponent(id) };
}

function Station() {
  const [user, setUser] = useState(undefined);
  const [expired, setExpired] = useState(false);
  const [at, setAt] = useState(route());
  const [status, setStatus] = useState(null);
  const [problem, setProblem] = useState(null);

  useEffect(() => {
    const moved = () => (setStatus(null), setAt(route()));
    const out = () => setExpired(true);
    window.addEventListener("hashchange", moved);
    api.session.addEventListener("signed-out", out);
    api.me().then(setUser, (error) => setProblem(error.message));
    return () => {
      window.removeEventListener("hashchange", moved);
      api.session.removeEventListener("signed-out", out);
    };
  }, []);

  const leave = async () => {
    await api.signOut().catch(() => {});
    films.forget();
    location.hash = "";
    setUser(null);
    setExpired(false);
  };
  const again = (fresh) => {
    // Another reader at this desk starts anew; the kept strokes wait for their own reader.
    if (user && fresh.name !== user.name) return location.reload();
    setUser(fresh);
    setExpired(false);
  };

  if (problem) return html`<main class="narrow"><h1>Annotation station</h1><p role="alert">${problem}</p>
    <button type="button" onClick=${() => location.reload()}>Try again</button></main>`;
  if (user === undefined) return html`<main class="narrow"><p role="status">Loading…</p></main>`;
  if (user === null) return html`<${SignIn} signedIn=${again} />`;
  if (user.must_change_password) return html`<${NewPassword} user=${user} changed=${setUser} leave=${leave} />`;
  const pages = {
    film: html`<${FilmPage} key=${at.id} project=${at.id} setStatus=${setStatus} />`,
    progress: html`<${ProgressPage} key=${at.id} project=${at.id} />`,
    users: html`<${UsersPage} />`,
  };
  return html`
    <${Header} user=${user} at=${at} status=${status} leave=${leave} />
    ${pages[at.view] ?? html`<${ProjectsPage} user=${user} />`}
    ${expired && html`<${Dialog} title="Sign in again" fixed=${true}>
      <p>Your session has ended. Your work is kept on this computer and is sent when you have signed in.</p>
      <${SignIn} bare=${true} name=${user.name} signedIn=${again} />
    <//>`}`;
}

render(html`<${Station} />`, document.getElementById("app"));
