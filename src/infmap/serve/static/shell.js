/** What all views share: the header and signing in. */
import { Field, Form } from "../web/parts.js";
import { html } from "../web/preact-htm.js";
import * as api from "./api.js";
import { NOTICE } from "./words.js";

export function Header({ me, leave }) {
  return html`<header class="top">
    <a class="brand" href="#/"><strong>infmap</strong> viewer</a>
    <span class="notice">${NOTICE}</span>
    ${!me.local && html`<span class="who"><span>${me.name}</span> <button type="button" onClick=${leave}>Sign out</button></span>`}
  </header>`;
}

export function SignIn({ signedIn, bare }) {
  const send = async ({ key }) => signedIn(await api.signIn(key.trim()));
  const form = html`<${Form} send=${send} action="Sign in">
    <${Field} label="API key" name="key" type="password" autocomplete="current-password" required autofocus=${true}
      hint="Whoever runs this server makes one: infmap serve key add NAME" />
  <//>`;
  if (bare) return form;
  return html`<main class="narrow">
    <h1>infmap viewer</h1>
    <p>Reads chest X-rays: infection map, severity, detection of COVID-19.</p>
    ${form}
    <p class="notice">${NOTICE}</p>
  </main>`;
}
