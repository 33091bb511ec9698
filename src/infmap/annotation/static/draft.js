/**
 * A draft: its mask on the page, its strokes on the station, and what is on the way between them.
 *
 * A stroke goes to the journal first, then to the station with the sequence number that is expected;
 * the station tells strokes apart by uuid, so that sending again after a cut stores none twice.
 */
import { toggleRuns, fromBase64, decodeMask } from "../web/mask.js";
import * as api from "./api.js";
import { Editor, identifier, rebased } from "./editor.js";

/** Waits between tries while the station cannot be reached, ms: from the first to the longest. */
const RETRY = [500, 10000];
/** Strokes a request: after a long cut a few requests, each well below the station's limit. */
const BATCH = 50;

/** Words for each state of a draft's saving, as shown to the reader. */
export const STATES = {
  saved: "Saved",
  saving: "Saving…",
  offline: "Station not reached. Your work is kept on this computer and sent when it is back.",
  signedOut: "Signed out. Your work is kept on this computer: sign in to go on.",
  elsewhere: "This film is open in another tab. What you draw here is kept, but not sent.",
  unkept: "This browser cannot keep strokes on its disk: do not close the page before it says Saved.",
  moved: "The draft was changed elsewhere: opening it again.",
  refused: "The station refused the last stroke. Your work is kept on this computer: reload the page.",
};

export class Draft extends EventTarget {
  /** Open a task's draft, on a candidate's side or empty, with all that was kept of it. */
  static async open(task, side, journal) {
    const tab = identifier().slice(16);
    // Where another tab has the draft open, from now on only this one writes.
    const at = await api.post(`tasks/${task.id}/draft`, { base: side, tab });
    const [bytes, past] = await Promise.all([
      api.bytes(`drafts/${at.draft}/mask`),
      api.get(`drafts/${at.draft}/strokes?after=0`),
    ]);
    const { mask, width, height } = await decodeMask(bytes);
    const editor = new Editor(mask, width, height, past, tab);
    const draft = new Draft(at, editor, journal);
    await draft.recover(past);
    return draft;
  }

  constructor({ draft, epoch, seq }, editor, journal) {
    super();
    Object.assign(this, { id: draft, epoch, seq, editor, journal });
    this.waiting = [];
    this.state = "saved";
    this.tries = 0;
    this.wake = () => this.send();
    window.addEventListener("online", this.wake);
    api.session.addEventListener("signed-in", this.wake);
  }

  /** Take up the strokes that an earlier opening kept and the station does not have. */
  async recover(past) {
    const known = new Set(past.map((stroke) => stroke.uuid));
    const kept = (await this.journal.pending(this.id)).filter(({ stroke }) => !known.has(stroke.uuid));
    await this.journal.drop(this.id, known).catch(() => {});
    const { editor } = this;
    const station = editor.mask.slice();
    for (let k = 0; k < kept.length; ) {
      const opening = kept[k].stroke.uuid.slice(0, 16);
      const group = [];
      while (k < kept.length && kept[k].stroke.uuid.startsWith(opening)) group.push(kept[k++]);
      // What the group was drawn on: the station's mask without what others stored since.
      const before = station.slice();
      for (const stroke of past)
        if (stroke.seq > group[0].after && !stroke.uuid.startsWith(opening))
          toggleRuns(before, editor.width, stroke.rect, 1 << stroke.label, fromBase64(stroke.runs));
      const strokes = rebased(group.map(({ stroke }) => stroke), before, editor.mask, editor.width);
      for (const stroke of strokes) {
        for (const mask of [editor.mask, editor.stored])
          toggleRuns(mask, editor.width, stroke.rect, 1 << stroke.label, fromBase64(stroke.runs));
        editor.remember(stroke);
        this.waiting.push({ stroke, kept: Promise.resolve() });
      }
    }
    this.send();
  }

  /** Keep strokes and send them. */
  add(strokes) {
    for (const stroke of strokes) {
      const kept = this.journal.put(this.id, stroke, this.seq).catch(() => this.tell("unkept"));
      this.waiting.push({ stroke, kept });
    }
    if (strokes.length) this.send();
  }

  /** Send what waits, one request at a time; resolves when nothing waits or sending has stopped. */
  send() {
    clearTimeout(this.timer);
    this.sending ??= this.sendAll().finally(() => (this.sending = null));
    return this.sending;
  }

  async sendAll() {
    while (this.waiting.length && !this.closed) {
      this.tell("saving");
      const batch = this.waiting.slice(0, BATCH);
      await Promise.all(batch.map(({ kept }) => kept));
      const strokes = batch.map(({ stroke }, k) => ({ active_ms: 0, ...stroke, seq: this.seq + 1 + k }));
      try {
        const body = { epoch: this.epoch, expected_seq: this.seq, strokes };
        this.seq = (await api.post(`drafts/${this.id}/strokes`, body)).seq;
      } catch (error) {
        return this.stopped(error);
      }
      this.tries = 0;
      this.waiting.splice(0, batch.length);
      await this.journal.drop(this.id, strokes.map((stroke) => stroke.uuid)).catch(() => {});
    }
    if (!this.closed) this.tell("saved");
  }

  async stopped(error) {
    if (error.status === 401) return this.tell("signedOut");
    if (error.status === 423) return this.tell("elsewhere");
    if (error.status === 409) return this.tell("moved");
    if (error.status >= 400 && error.status < 500 && error.status !== 429) return this.tell("refused");
    this.tell("offline");
    const wait = Math.min(RETRY[1], RETRY[0] * 2 ** this.tries++);
    this.timer = setTimeout(this.wake, wait);
  }

  tell(state) {
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }

  /** Stop sending; what waits stays in the journal, or goes with it where the film is decided. */
  async close(decided) {
    this.closed = true;
    clearTimeout(this.timer);
    window.removeEventListener("online", this.wake);
    api.session.removeEventListener("signed-in", this.wake);
    if (decided) await this.journal.drop(this.id).catch(() => {});
  }
}
