/** Files from a drop or a choice, their checksums, and their way to the server. */
import * as api from "./api.js";

/** Uploads under way at one time: the next one's bytes travel while the server stores the last. */
const AT_ONCE = 3;
/** Waits before further tries of an upload, ms; then it is given up and said. */
const WAITS = [500, 2000, 5000, 15000];

/** {file, name} of everything in a drop: files, and what is in folders. */
export async function dropped(transfer) {
  // Entries have to be taken before the first wait: afterwards the list is empty.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return chosen(transfer.files);
  return (await Promise.all(entries.map((entry) => walk(entry, "")))).flat();
}

/** {file, name} of files that were chosen in a dialog. */
export function chosen(files) {
  return [...files].map((file) => ({ file, name: file.webkitRelativePath || file.name })).filter(visible);
}

/** Files that a system puts beside others (.DS_Store, Thumbs.db) are no films. */
function visible({ name }) {
  const last = name.split("/").pop();
  return !last.startsWith(".") && last !== "Thumbs.db";
}

async function walk(entry, folder) {
  const name = folder + entry.name;
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ file, name }].filter(visible);
  }
  const reader = entry.createReader();
  const found = [];
  // A folder is read in pieces of a hundred; an empty one is the end.
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    found.push(...some);
  }
  return (await Promise.all(found.map((one) => walk(one, `${name}/`)))).flat();
}

/** SHA-256 of a file, hexadecimal. */
async function checksum(file) {
  if (!crypto.subtle) throw new Error("This page needs https, or an address of this computer: browsers make no checksums elsewhere.");
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** 22 letters of chance: the name of a job. */
function identifier() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/**
 * A job of some files, sent in the background: resolves to its id when the server knows it.
 *
 * `told({phase, done, total, refused})` as it goes on: phase "reading" or "sending"; `refused` are
 * [name, reason] of files that could not be sent.
 */
export async function submit(files, models, told) {
  const films = [];
  const bySum = new Map();
  const refused = [];
  for (const { file, name } of files) {
    told({ phase: "reading", done: films.length, total: files.length, refused });
    try {
      const sha256 = await checksum(file);
      films.push({ name, sha256, size: file.size });
      bySum.set(sha256, { file, name });
    } catch (error) {
      // A file that vanished or may not be read; where no checksum can be made, no file can be sent.
      if (!crypto.subtle) throw error;
      refused.push([name, "it could not be read on this computer"]);
    }
  }
  if (!films.length) throw new Error(refused.length ? `None of ${refused.length} files could be read.` : "There are no files in it.");
  const { id, wanted } = await tried(() => api.createJob(identifier(), films, models));
  const sent = send(id, wanted.map((sha) => [sha, bySum.get(sha)]), refused, told);
  return { id, sent };
}

async function send(job, waiting, refused, told) {
  const total = waiting.length;
  let done = 0;
  // The server tells of films that are read; that one has arrived is known here alone.
  const arrived = new Set();
  const tell = () => told({ phase: "sending", done, total, refused, arrived });
  tell();
  const lane = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [sha, { file, name }] = next;
      try {
        await tried(() => api.sendFilm(job, sha, file));
        arrived.add(sha);
      } catch (error) {
        refused.push([name, error.message]);
      }
      done += 1;
      tell();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return refused;
}

/** A call, tried again while the server cannot be reached or is too busy. */
async function tried(call) {
  for (const wait of WAITS) {
    try {
      return await call();
    } catch (error) {
      const passing = error.status === 0 || error.status === 429 || error.status === 502 || error.status === 503;
      if (!passing) throw error;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  return call();
}
