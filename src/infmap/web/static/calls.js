/** Calls of a server's HTTP interface, by URL: JSON or bytes in, JSON or bytes out. */

/** An answer other than 2xx; `status` 0 where the server could not be reached. */
export class ApiError extends Error {
  constructor(status, body) {
    super(body?.error ?? (status ? `The server answered ${status}.` : "The server cannot be reached."));
    this.status = status;
    this.body = body ?? {};
  }
}

/** Tells "signed-out" when the session has ended, "signed-in" when there is one again. */
export const session = new EventTarget();

let csrf = "";

/** A session has begun or goes on: its token goes with all that changes something. */
export function signedIn(token) {
  csrf = token;
  session.dispatchEvent(new Event("signed-in"));
}

/** What a body is sent as: a file's bytes as they are, all else as JSON. */
function written(body) {
  if (body === undefined) return [{}, undefined];
  if (body instanceof Blob) return [{ "Content-Type": "application/octet-stream" }, body];
  return [{ "Content-Type": "application/json" }, JSON.stringify(body)];
}

/** The Response of a call; an ApiError where it is no 2xx. */
export async function send(method, url, body, signal) {
  const [headers, content] = written(body);
  let answer;
  try {
    answer = await fetch(url, {
      method,
      signal,
      credentials: "same-origin",
      headers: { ...(method === "GET" ? {} : { "X-CSRF-Token": csrf }), ...headers },
      body: content,
    });
  } catch {
    throw new ApiError(0);
  }
  if (answer.ok) return answer;
  // A 401 of the session itself says that the name or the key is wrong.
  if (answer.status === 401 && !url.endsWith("/session")) session.dispatchEvent(new Event("signed-out"));
  // An answer of a proxy in between may be no JSON.
  throw new ApiError(answer.status, await answer.json().catch(() => null));
}

/** JSON of an answer; null for an empty one (204). A connection that ends within it is an ApiError. */
export async function json(answer) {
  if (answer.status === 204) return null;
  try {
    return await answer.json();
  } catch {
    throw new ApiError(0);
  }
}

/** Bytes of an answer, as a Blob. */
export async function blob(url) {
  const answer = await send("GET", url);
  try {
    return await answer.blob();
  } catch {
    throw new ApiError(0);
  }
}
