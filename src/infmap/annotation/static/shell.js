/** What all views share: the header, signing in, answers of calls. */
import { Field, Form } from "../web/parts.js";
import { html, useEffect, useState } from "../web/preact-htm.js";
import * as api from "./api.js";

export const NOTICE = "Research use only. Not for diagnosis.";

/** The bar at the top; `status` is {text, tone} of the open film's saving. */
export function Header({ user, at, status, leave }) {
  const link = (hash, text, view) =>
    html`<a href=${hash} aria-current=${at.view === view ? "page" : undefined}>${text}</a>`;
  return html`<header class="top">
    <strong class="brand">Annotation station</strong>
    <nav aria-label="Station">
      ${link("#/", "Projects", "")}
      ${user.role === "administrator" && link("#/users", "Users", "users")}
    </nav>
    <span class="notice">${NOTICE}</span>
    <span class="saving" role="status" data-tone=${status?.tone}>${status?.text ?? ""}</span>
    <span class="user">${user.name} (${user.role})</span>
    <button type="button" onClick=${leave}>Sign out</button>
  </header>`;
}

export function SignIn({ signedIn, name = "", bare }) {
  const send = async (values) => signedIn(await api.signIn(values.name, values.password));
  const form = html`<${Form} send=${send} action="Sign in">
    <${Field} label="Name" name="name" autocomplete="username" required defaultValue=${name} autofocus=${!name} />
    <${Field} label="Password" name="password" type="password" autocomplete="current-password" required autofocus=${!!name} />
  <//>`;
  if (bare) return form;
  return html`<main class="narrow">
    <h1>Annotation station</h1>
    <p>Outline infection and lungs on chest X-rays, together with networks that propose masks.
      Sign in with the name and password that your administrator gave you.</p>
    ${form}
    <p class="notice">${NOTICE}</p>
  </main>`;
}

/** A one-time password is replaced before anything else. */
export function NewPassword({ user, changed, leave }) {
  const send = async ({ password, fresh, again }) => {
    if (fresh !== again) throw new Error("The two new passwords differ: type the same one twice.");
    changed(await api.changePassword(password, fresh));
  };
  return html`<main class="narrow">
    <h1>Choose a password</h1>
    <p>Welcome, ${user.name}. The password you signed in with works only once: choose your own.</p>
    <${Form} send=${send} action="Change the password">
      <${Field} label="One-time password" name="password" type="password" autocomplete="current-password" required />
      <${Field} label="New password" name="fresh" type="password" autocomplete="new-password" required minlength="10" hint="Ten characters or more." />
      <${Field} label="New password again" name="again" type="password" autocomplete="new-password" required />
    <//>
    <button type="button" onClick=${leave}>Sign out</button>
    <p class="notice">${NOTICE}</p>
  </main>`;
}

/** The answer of a call: [value, problem, ask again]. */
export function useAnswer(path) {
  const [state, setState] = useState([null, null]);
  const load = () => api.get(path).then((value) => setState([value, null]), (error) => setState([null, error.message]));
  useEffect(() => void load(), [path]);
  return [...state, load];
}
