/** The page: one film after the other, its boxes, and a decision on each. */
import { json, send, signedIn } from "../web/calls.js";
import { Films, preview } from "../web/films.js";
import { Surface } from "../web/surface.js";
import { isBox, moved, paint, spanned, taken } from "./boxes.js";

const find = (id) => document.getElementById(id);
const films = new Films((number) => `films/${number}`);
const surface = new Surface(find("stage"));
let all = [];
let at = 0;
let chosen = -1;
let drag = null;
let finished = false;

const film = () => all[at];

function tell(text, tone = "good") {
  find("told").textContent = text;
  find("told").dataset.tone = tone;
}

/** Run what may fail; what went wrong is said in one line. */
async function tried(call) {
  try {
    return await call();
  } catch (error) {
    tell(error.message, "bad");
    return undefined;
  }
}

/** Boxes have changed: the film is open again, and shown anew. */
function changed() {
  film().state = "open";
  show();
}

function show() {
  const open = all.filter(({ state }) => state === "open").length;
  find("count").textContent = `${all.length - open} of ${all.length} films decided`;
  const state = { open: "", decided: ", confirmed", held: ", not written" }[film().state];
  find("title").textContent = `Film ${film().number}${state}`;
  find("drop").disabled = chosen < 0;
  find("finish").disabled = open > 0 || finished;
  find("previous").disabled = at === 0;
  find("next").disabled = at === all.length - 1;
  const rows = film().drawn.map((box, index) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.textContent = `Box ${index + 1}: ${box.width} x ${box.height} at ${box.x}, ${box.y}`;
    if (box.over_lungs) {
      button.append(", over the lungs?");
      button.className = "lungs";
    }
    button.setAttribute("aria-pressed", String(index === chosen));
    button.onclick = () => choose(index);
    item.append(button);
    return item;
  });
  find("boxes").replaceChildren(...rows);
  surface.ask();
}

function choose(index) {
  chosen = index;
  show();
}

async function go(to) {
  at = Math.min(all.length - 1, Math.max(0, to));
  chosen = -1;
  const shown = film();
  show();
  await tried(async () => {
    const loaded = films.load(shown.number);
    let coarse = true;
    const look = (ready) => {
      if (film() !== shown) return;
      if (surface.film?.number !== shown.number) surface.fit();
      surface.setFilm(Object.assign(ready, { number: shown.number }));
      surface.setLook({ center: 2 ** ready.bits / 2, width: 2 ** ready.bits });
    };
    // Grey levels of the preview are those of 8 bits until the film itself is there.
    loaded.picture.then(async () => coarse && look(await preview(loaded, { ...shown, bits: 8 }))).catch(() => {});
    const ready = await loaded.full;
    coarse = false;
    look(ready);
    find("stage").dataset.ready = String(shown.number);
    if (at + 1 < all.length) films.load(all[at + 1].number);
  });
}

/** Send a decision; the next film without one is shown. */
async function decide(boxes) {
  const sent = film();
  const plain = boxes?.map(({ x, y, width, height }) => ({ x, y, width, height })) ?? null;
  await tried(async () => {
    await send("PUT", `films/${sent.number}`, { boxes: plain });
    sent.state = plain ? "decided" : "held";
    tell(plain ? `Film ${sent.number} confirmed` : `Film ${sent.number} is not written`);
    const next = all.findIndex(({ state }) => state === "open");
    if (next >= 0) await go(next);
    else show();
  });
}

async function finish() {
  await tried(async () => {
    await send("POST", "finish");
    finished = true;
    tell("The films are being written; see the command line. This page can be closed.");
    show();
  });
}

const tool = {
  drag: () => "tool",
  down(place) {
    const hit = taken(film().drawn, place, surface.viewpoint.scale);
    if (!hit) {
      drag = { from: place, fresh: true };
      return;
    }
    choose(hit.index);
    drag = { from: hit.corner ?? place, corner: Boolean(hit.corner), box: film().drawn[hit.index] };
  },
  move(place) {
    if (!drag) return;
    const boxes = film().drawn;
    if (drag.fresh) {
      const box = spanned(drag.from, place, film());
      if (!isBox(box)) return;
      if (!drag.begun) chosen = boxes.push(box) - 1;
      drag.begun = true;
      boxes[chosen] = box;
    } else if (drag.corner) {
      const box = spanned(drag.from, place, film());
      if (isBox(box)) boxes[chosen] = { ...drag.box, ...box };
    } else boxes[chosen] = moved(drag.box, place.x - drag.from.x, place.y - drag.from.y, film());
    changed();
  },
  up() {
    drag = null;
  },
  cancel() {
    drag = null;
  },
};

/** A new box in the middle of what is seen, for those who use no pointer. */
function add() {
  const { scale, x, y } = surface.viewpoint;
  const { width, height } = surface.panes[0].canvas;
  const [w, h] = [width / scale / 4, height / scale / 8];
  const middle = { x: x + width / scale / 2, y: y + height / scale / 2 };
  const a = { x: middle.x - w / 2, y: middle.y - h / 2 };
  chosen = film().drawn.push(spanned(a, { x: a.x + w, y: a.y + h }, film())) - 1;
  changed();
}

function drop() {
  if (chosen < 0) return;
  film().drawn.splice(chosen, 1);
  chosen = -1;
  changed();
}

function reset() {
  film().drawn = film().boxes.map((box) => ({ ...box }));
  chosen = -1;
  changed();
}

function nudge(dx, dy) {
  if (chosen < 0) return;
  film().drawn[chosen] = moved(film().drawn[chosen], dx, dy, film());
  changed();
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const KEYS = {
  Delete: drop,
  Backspace: drop,
  n: add,
  0: () => surface.fit(),
  PageUp: () => go(at - 1),
  PageDown: () => go(at + 1),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !all.length || finished) return;
  const step = event.shiftKey ? 10 : 1;
  if (event.key in ARROWS) nudge(...ARROWS[event.key].map((side) => side * step));
  // Enter on a button is that button's.
  else if (event.key === "Enter" && event.target.tagName !== "BUTTON") decide(film().drawn);
  else if (event.key in KEYS) KEYS[event.key]();
  else return;
  event.preventDefault();
});

for (const [id, call] of Object.entries({
  drop, add, reset, finish,
  confirm: () => decide(film().drawn),
  hold: () => decide(null),
  previous: () => go(at - 1),
  next: () => go(at + 1),
}))
  find(id).onclick = call;

await tried(async () => {
  const { csrf, films: given } = await json(await send("GET", "films"));
  signedIn(csrf);
  all = given;
  for (const one of all) one.drawn = (one.state === "decided" ? one.decided : one.boxes).map((box) => ({ ...box }));
  surface.tool = tool;
  surface.setPanes([{ title: "Film", mask: null, active: true }]);
  for (const { panel } of surface.panes) panel.marks = (context, view) => paint(context, view, film().drawn, chosen);
  await go(Math.max(0, all.findIndex(({ state }) => state === "open")));
});
