/**
 * Strokes kept on this computer until the station has stored them (IndexedDB).
 *
 * One record a stroke, by draft and a local number that only grows. Only patches are kept, never
 * film pixels or a patient's data, and a draft's records go when its film is decided.
 */

const NAME = "infmap-station";

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

export class Journal {
  static async open() {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      const strokes = request.result.createObjectStore("strokes", { keyPath: "number", autoIncrement: true });
      strokes.createIndex("draft", "draft");
    };
    return new Journal(await done(request));
  }

  constructor(database) {
    this.database = database;
  }

  /** Runs `work(store)` in one transaction; resolves when it is on the disk, with what it returned. */
  run(mode, work) {
    return new Promise((resolve, reject) => {
      // Strict: the browser reports completion after the disk has it, so that a kill loses nothing.
      const transaction = this.database.transaction("strokes", mode, { durability: "strict" });
      let result;
      transaction.oncomplete = () => resolve(result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
      Promise.resolve(work(transaction.objectStore("strokes"))).then((value) => (result = value));
    });
  }

  /**
   * Keep a stroke; resolves once it is on the disk. `after`: the last sequence number that the
   * station had acknowledged when it was drawn.
   */
  put(draft, stroke, after) {
    return this.run("readwrite", (store) => void store.add({ draft, uuid: stroke.uuid, stroke, after }));
  }

  /** What the station has not acknowledged of a draft, as {stroke, after}, in the order drawn. */
  async pending(draft) {
    const rows = await this.run("readonly", (store) => done(store.index("draft").getAll(draft)));
    return rows.sort((a, b) => a.number - b.number);
  }

  /** Remove strokes that the station has stored; of a whole draft where no uuids are given. */
  drop(draft, uuids = null) {
    const stored = uuids && new Set(uuids);
    return this.run("readwrite", async (store) => {
      const rows = await done(store.index("draft").getAll(draft));
      for (const row of rows) if (!stored || stored.has(row.uuid)) store.delete(row.number);
    });
  }
}
