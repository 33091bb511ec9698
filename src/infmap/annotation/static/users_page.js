/** Accounts, and the audit log: for administrators. */
import { Field, Form, Table } from "../web/parts.js";
import { html, useState } from "../web/preact-htm.js";
import * as api from "./api.js";
import { useAnswer } from "./shell.js";

const ROLES = ["reader", "senior", "observer", "administrator"];

export function UsersPage() {
  const [users, problem, reload] = useAnswer("users");
  const [told, setTold] = useState(null);
  const [failed, setFailed] = useState(null);
  const change = async (user, changes) => {
    setFailed(null);
    try {
      const changed = await api.patch(`users/${encodeURIComponent(user.name)}`, changes);
      if (changed.password) setTold(changed);
      await reload();
    } catch (error) {
      setFailed(error.message);
    }
  };
  const add = async ({ name, role }, form) => {
    setTold(await api.post("users", { name, role }));
    form.reset();
    await reload();
  };
  return html`<main class="wide">
    <h1>Users</h1>
    <p>Readers outline films, seniors also settle where readers differ, observers see progress and
      agreement, administrators manage users and projects.</p>
    ${(problem ?? failed) && html`<p role="alert" class="problem">${problem ?? failed}</p>`}
    ${told && html`<p role="status" class="told">One-time password of <strong>${told.name}</strong>:
      ${" "}<code>${told.password}</code>. It is shown only now; hand it over in person.</p>`}
    ${users && html`<${Table} caption="Accounts" rows=${users} columns=${[
      { head: "Name", of: (user) => user.name },
      { head: "Role", of: (user) => html`<select aria-label=${`Role of ${user.name}`}
          onChange=${(event) => change(user, { role: event.target.value })}><${Roles} chosen=${user.role} /></select>` },
      { head: "State", of: (user) => user.disabled ? "closed" : user.must_change_password ? "one-time password" : "open" },
      { head: "Change", of: (user) => html`<span class="row">
          <button type="button" onClick=${() => change(user, { new_password: true })}
            aria-label=${`New one-time password for ${user.name}`}>New password</button>
          <button type="button" onClick=${() => change(user, { disabled: !user.disabled })}
            aria-label=${`${user.disabled ? "Open" : "Close"} the account of ${user.name}`}>${user.disabled ? "Open" : "Close"}</button>
        </span>` },
    ]} />`}
    <h2>New user</h2>
    <${Form} send=${add} action="Add the user">
      <${Field} label="Name" name="name" required maxlength="64" autocomplete="off" />
      <label class="field">Role <select name="role"><${Roles} chosen="reader" /></select></label>
    <//>
    <${Audit} />
  </main>`;
}

function Roles({ chosen }) {
  return ROLES.map((role) => html`<option key=${role} value=${role} selected=${role === chosen}>${role}</option>`);
}

/** The newest entries of the audit log; the chain of all is verified by the station. */
function Audit() {
  const [log, problem] = useAnswer("audit");
  if (!log) return problem && html`<p role="alert" class="problem">${problem}</p>`;
  return html`<h2>Audit log</h2>
    <p>${log.intact ? "The chain of entries is intact." : `The chain of entries is broken: ${log.broken}`}</p>
    <${Table} caption="Entries" rows=${log.entries.slice(-50).reverse()} columns=${[
      { head: "Number", of: (entry) => entry.seq },
      { head: "Time (UTC)", of: (entry) => new Date(entry.at).toISOString().slice(0, 19).replace("T", " ") },
      { head: "User", of: (entry) => entry.user },
      { head: "What", of: (entry) => entry.verb },
      { head: "On", of: (entry) => entry.subject },
    ]} />`;
}
