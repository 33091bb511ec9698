/** Calls of the station's HTTP interface: paths below `api/`. */
import * as calls from "../web/calls.js";

export { ApiError, session } from "../web/calls.js";

const send = (method, path, body) => calls.send(method, `api/${path}`, body);

export const get = async (path) => calls.json(await send("GET", path));
export const post = async (path, body = {}) => calls.json(await send("POST", path, body));
export const put = async (path, body) => calls.json(await send("PUT", path, body));
export const patch = async (path, body) => calls.json(await send("PATCH", path, body));

/** Bytes of an answer. */
export async function bytes(path) {
  return new Uint8Array(await (await calls.blob(`api/${path}`)).arrayBuffer());
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
  calls.signedIn(answer.csrf);
  return answer.user;
}

export async function signOut() {
  await send("DELETE", "session");
}

/** Replaces the password; the session goes on with a new token. */
export async function changePassword(password, fresh) {
  return opened(await post("password", { password, new: fresh }));
}
