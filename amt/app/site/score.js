// The views "Score" and "Both", with the piano roll: pages that the server draws from the saved notes.

import { answer, recordingPath, request, showFault } from "./api.js";
import { hasChanges } from "./corrections.js";
import { byId, element } from "./elements.js";
import { KEYS } from "./keys.js";
import { addPage, followScore, setNotes, startNotes } from "./score_notes.js";
import { scoreInWords } from "./score_words.js";
import { redraw, timeline } from "./timeline.js";

const VIEWS = ["roll", "score", "both"];
// Narrower pages have larger notes.
const NARROW = 640;
// Pages are fetched before they can be seen, at this distance in pixels.
const AHEAD = "1200px";

// id, revision: of the recording whose score is shown or will be; view: of VIEWS; layout: of its
// pages, empty if none are loaded; document: places of the notes; count, made: pages that there are
// and that are shown.
const score = { id: "", revision: 0, view: "roll", layout: "", document: null, count: 1, made: 0 };
const end = element("div");
let nearEnd = null;
let controller = new AbortController();

export function startScore() {
  for (const view of VIEWS) byId(`view-${view}`).addEventListener("click", () => setView(view));
  byId("score-words").addEventListener("toggle", showWords);
  KEYS.v = () => !byId("views").hidden && setView(VIEWS[(VIEWS.indexOf(score.view) + 1) % VIEWS.length]);
  startNotes();
  nearEnd = new IntersectionObserver(addWhileNear, { root: byId("pages"), rootMargin: AHEAD });
  timeline.onMove.push(() => isOpen() && followScore());
  addEventListener("resize", () => isOpen() && score.layout && score.layout !== layout() && load());
}

// Offer the score of a recording; an empty id: of none.
export function showScore(id, revision) {
  clear();
  Object.assign(score, { id, revision, layout: "" });
  byId("views").hidden = !id;
  setView(score.view);
}

const isOpen = () => score.view !== "roll" && Boolean(score.id);

function setView(chosen) {
  score.view = chosen;
  for (const view of VIEWS) {
    byId(`view-${view}`).setAttribute("aria-pressed", String(view === chosen));
    document.body.classList.toggle(`shows-${view}`, view === chosen && isOpen());
  }
  byId("score").hidden = !isOpen();
  if (isOpen() && score.layout) showState();
  if (isOpen() && !score.layout) load();
  if (!(isOpen() && chosen === "score")) redraw();
}

const layout = () => (byId("score").clientWidth < NARROW ? "narrow" : "wide");
const path = (rest) => recordingPath(score.id, `/score.${rest}`);

async function load() {
  clear();
  const { signal } = controller;
  Object.assign(score, { layout: layout(), count: 1, made: 0 });
  byId("score-status").textContent = "Writing the score …";
  try {
    score.document = numbered(await request(path("json"), { signal }));
    setNotes(score.document.notes);
    await addNext(signal);
    showFound();
  } catch (error) {
    if (error.name === "AbortError") return;
    score.layout = ""; // It is tried again when the view is chosen again.
    byId("score-status").textContent = "";
    showFault("score-fault", `There is no score: ${error.message}`);
  }
}

// The document with the number of each note's bar; a pickup is bar 0.
function numbered({ bars, notes }) {
  const first = bars[0]?.pickup ? 0 : 1;
  return { first, bars, notes: notes.map((note) => ({ ...note, number: note.bar + first })) };
}

// End what is being fetched, and show nothing.
function clear() {
  controller.abort();
  controller = new AbortController();
  nearEnd.disconnect();
  showFault("score-fault");
  byId("score-found").hidden = true;
  byId("score-words").open = false;
  byId("pages").replaceChildren(end);
  setNotes([]);
}

const showState = () =>
  (byId("score-status").textContent = hasChanges() ? "This is the score of the notes as they were last saved." : "");

function showFound() {
  showState();
  for (const kind of ["pdf", "musicxml"]) byId(`score-${kind}`).href = path(`${kind}?revision=${score.revision}`);
  byId("score-found").hidden = false;
  nearEnd.observe(end);
  followScore();
}

// Add the next page. Its SVG has neither styles nor scripts.
async function addNext(signal) {
  const found = await answer(path(`svg?page=${score.made + 1}&layout=${score.layout}`), { signal, accept: "image/svg+xml" });
  const text = await found.text();
  signal.throwIfAborted();
  score.count = Number(found.headers.get("X-Pages"));
  score.made += 1;
  const page = document.importNode(new DOMParser().parseFromString(text, "image/svg+xml").documentElement, true);
  end.before(page);
  addPage(page);
}

// Add pages until there is no more or the last is out of reach.
async function addWhileNear([{ isIntersecting }]) {
  if (!isIntersecting || score.made >= score.count) return;
  nearEnd.unobserve(end);
  const { signal } = controller;
  try {
    await addNext(signal);
    nearEnd.observe(end); // Calls this again if it is still near.
  } catch (error) {
    if (error.name !== "AbortError") showFault("score-fault", error.message);
  }
}

function showWords() {
  if (!byId("score-words").open) return;
  byId("bars-in-words").start = score.document.first;
  byId("bars-in-words").replaceChildren(...scoreInWords(score.document));
}
