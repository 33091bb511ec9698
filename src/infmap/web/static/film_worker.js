/**
 * Reads films off the page's thread, so that a stroke never waits for a film that is fetched ahead.
 *
 * In: {id, url}. Out: {id, film} with its buffers moved, or {id, status, error}.
 */
import { decodeFilm } from "./film.js";

self.onmessage = async ({ data: { id, url } }) => {
  try {
    const answer = await fetch(url, { credentials: "same-origin" });
    if (!answer.ok) {
      self.postMessage({ id, status: answer.status, error: `film: the server answered ${answer.status}` });
      return;
    }
    const film = await decodeFilm(new Uint8Array(await answer.arrayBuffer()));
    self.postMessage({ id, film }, film.levels.map((one) => one.pixels.buffer));
  } catch (error) {
    self.postMessage({ id, status: 0, error: error.message });
  }
};
