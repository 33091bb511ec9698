/** One job as the page sees it: its items, told of by server-sent events as they change. */
import * as api from "./api.js";

/** Before a connection that has ended for good is made anew, ms. */
const AGAIN = 2000;

export class Job extends EventTarget {
  constructor(id) {
    super();
    Object.assign(this, { id, items: new Map(), counts: null, state: "open", connection: "connecting", problem: null });
    this.closed = false;
    this.asked = this.answered = 0;
  }

  /** The films to show, in order of their positions; an unpacked archive is none. */
  get films() {
    return [...this.items.values()]
      .filter(({ state, film, status }) => !(state === "done" && !film && !status))
      .sort((a, b) => a.position - b.position);
  }

  /** How many have come to an end, of how many. */
  get progress() {
    const films = this.films;
    return [films.filter(({ state }) => ENDED.has(state)).length, films.length];
  }

  tell() {
    this.dispatchEvent(new Event("change"));
  }

  /** Read the items there are, then follow what comes. */
  async open() {
    try {
      await this.refresh();
      if (this.closed) return;
      if (this.state === "open") this.follow();
      else this.set({ connection: "over" });
    } catch (error) {
      if (this.closed) return;
      this.set({ problem: error.message, connection: "lost" });
      if (error.status === 0 || error.status >= 500) this.later();
    }
  }

  async refresh() {
    const turn = ++this.asked;
    const { items, state, counts } = await api.job(this.id);
    // Answers overtake each other: one that was asked for before the one shown is out of date.
    if (turn < this.answered) return;
    this.answered = turn;
    // The list is the truth: what it has no more (an unpacked archive) is gone. But an item whose end
    // was told while the list was under way has ended.
    const newest = (item, known) => (ENDED.has(known?.state) && !ENDED.has(item.state) ? known : item);
    this.items = new Map(items.map((item) => [item.position, newest(item, this.items.get(item.position))]));
    this.set({ state, counts, problem: null });
  }

  set(changes) {
    Object.assign(this, changes);
    this.tell();
  }

  follow() {
    const source = new EventSource(api.eventsUrl(this.id));
    this.source = source;
    source.onopen = () => this.set({ connection: "open" });
    source.addEventListener("item", ({ data }) => {
      const item = JSON.parse(data);
      this.items.set(item.position, { ...this.items.get(item.position), ...item });
      this.tell();
    });
    source.addEventListener("done", () => {
      source.close();
      // Once more, until there is an answer: an item's event may have been sent before the list was asked for.
      this.open();
    });
    source.onerror = () => {
      // The browser connects again by itself, from the last event on, unless it was turned away.
      this.set({ connection: "lost" });
      if (source.readyState === EventSource.CLOSED) this.later();
    };
  }

  later() {
    this.timer = setTimeout(() => this.open(), AGAIN);
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.source?.close();
  }
}

export const ENDED = new Set(["done", "failed", "cancelled"]);
