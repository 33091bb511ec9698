/** Calls of the station's HTTP interface: JSON in and out, or bytes. */

/** An answer other than 2xx; `status` 0 where the station could not be reached. */
export class ApiError extends Error {
  constructor(status, body) {
    super(body?.error ?? (status ? `The station answered ${status}.` : "The station cannot be reached."));
    this.status = status;
    this.body = body ?? {};
  }
}

/** Tells "signed-out" when the session has ended, "signed-in" when there is one again. */
export const session = new EventTarget();

let csrf = "";

async function send(method, path, body) {
  let answer;
  try {
    answer = await fetch(`api/${path}`, {
      method,
      credentials: "same-origin",
      headers: {
        ...(method === "GET" ? {} : { "X-CSRF-Token": csrf }),
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new ApiError(0);
  }
  if (answer.ok) return answer;
  if (answer.status === 401 && path !== "session") session.dispatchEvent(new Event("signed-out"));
  // An answer of a proxy in between may be no JSON.
  throw new ApiError(answer.status, await answer.json().catch(() => null));
}

/** JSON of an answer; null for an empty one (204). A connection that ends within it is an ApiError. */
async function json(answer) {
  if (answer.status === 204) return null;
  try {
    return await answer.json();
  } catch {
    throw new ApiError(0);
  }
}

export const get = async (path) => json(await send("GET", path));
export const post = async (path, body = {}) => json(await send("POST", path, body));
export const put = async (path, body) => json(await send("PUT", path, body));
export const patch = async (path, body) => json(await send("PATCH", path, body));

/** Bytes of an answer. */
export async function bytes(path) {
  try {
    return new Uint8Array(await (await send("GET", path)).arrayBuffer());
  } catch (error) {
    throw error instanceof ApiError ? error : new ApiError(0);
  }
}

/** The signed-in user, or null. */
export async function me() {
  try {
    return opened(await get("me"));
  } catch (error) {
    if (error.status === 401) return null;
    throw error;
  }
}

export async function signIn(name, password) {
  return opened(await post("session", { name, password }));
}

function opened(answer) {
  csrf = answer.csrf;
  session.dispatchEvent(new Event("signed-in"));
  return answer.user;
}

export async function signOut() {
  await send("DELETE", "session");
}

/** Replaces the password; the session goes on with a new token. */
export async function changePassword(password, fresh) {
  return opened(await post("password", { password, new: fresh }));
}
