// The notes of the score that is shown: which sound, which one is meant by a click, steps between them.

import { playing } from "./audio.js";
import { announce, byId } from "./elements.js";
import { seek } from "./player.js";
import { placeInWords, spelled } from "./score_words.js";
import { timeline } from "./timeline.js";
import { playTone } from "./tones.js";

// A click this far from a note still means it, in pixels.
const REACH = 40;
// Among so many notes before a time are those that still sound.
const LOOK_BACK = 80;
const SHORTEST = 0.1; // seconds
// After the user has scrolled, the score stays there so long (milliseconds).
const PATIENCE = 4000;
const stillScreen = matchMedia("(prefers-reduced-motion: reduce)");

// notes: those of the score's document, by onset; elements: of each id; sounding: elements that are
// marked; scrolled: when the user last did.
const shown = { notes: [], elements: new Map(), sounding: new Set(), scrolled: 0 };

export function startNotes() {
  const pages = byId("pages");
  pages.addEventListener("click", (event) => {
    const note = nearest(event);
    if (note) goToNote(note);
  });
  pages.addEventListener("keydown", (event) => {
    const direction = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!direction || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    event.preventDefault();
    const note = neighbour(direction);
    if (note) goToNote(note);
  });
  for (const kind of ["wheel", "touchmove"]) pages.addEventListener(kind, () => (shown.scrolled = performance.now()), { passive: true });
}

// Begin with other notes; their pages are added by `addPage`.
export const setNotes = (notes) =>
  Object.assign(shown, { notes: notes.toSorted((a, b) => a.onset - b.onset), elements: new Map(), sounding: new Set(), scrolled: 0 });

// What a note ties on to has the id of its first part and "-2", "-3" ...
export function addPage(page) {
  for (const element of page.querySelectorAll(".note[id]")) {
    const id = element.id.replace(/-\d+$/, "");
    shown.elements.set(id, [...(shown.elements.get(id) ?? []), element]);
  }
}

// Mark the notes that sound at the present position, and scroll to them.
export function followScore() {
  const now = timeline.now + 0.001;
  const until = firstAfter(now);
  const notes = shown.notes.slice(Math.max(until - LOOK_BACK, 0), until)
    .filter(({ onset, offset }) => Math.max(offset, onset + SHORTEST) > now);
  const sounding = new Set(notes.flatMap(({ id }) => shown.elements.get(id) ?? []));
  for (const element of shown.sounding) if (!sounding.has(element)) element.classList.remove("sounding");
  for (const element of sounding) if (!shown.sounding.has(element)) element.classList.add("sounding");
  const began = [...sounding].some((element) => !shown.sounding.has(element));
  shown.sounding = sounding;
  const latest = notes.at(-1);
  if (began && latest) scrollTo(latest);
}

// The index of the first note after a time.
function firstAfter(seconds) {
  let [low, high] = [0, shown.notes.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (shown.notes[middle].onset <= seconds) low = middle + 1;
    else high = middle;
  }
  return low;
}

// Scroll so that the line of a note is visible with the next one.
function scrollTo({ id }) {
  const system = shown.elements.get(id)?.[0].closest(".system");
  if (!system || performance.now() - shown.scrolled < PATIENCE) return;
  const [box, line] = [byId("pages").getBoundingClientRect(), system.getBoundingClientRect()];
  if (line.top >= box.top && line.bottom <= box.bottom) return;
  const behavior = stillScreen.matches || !playing() ? "instant" : "smooth";
  byId("pages").scrollBy({ top: line.top - box.top - 8, behavior });
}

function goToNote(note) {
  shown.scrolled = 0;
  seek(note.onset);
  playTone(note);
  followScore();
  announce(`${spelled(note)}, ${placeInWords(note)}`);
}

// The note under a pointer, or the one nearest to it.
function nearest({ clientX, clientY }) {
  let [found, least] = [null, REACH];
  for (const note of shown.notes) {
    for (const element of shown.elements.get(note.id) ?? []) {
      const { left, right, top, bottom } = (element.querySelector("use") ?? element).getBoundingClientRect();
      const away = Math.hypot(clientX - (left + right) / 2, clientY - (top + bottom) / 2);
      if (away < least) [found, least] = [note, away];
    }
  }
  return found;
}

// The first note after the position, or the last before it.
function neighbour(direction) {
  if (direction > 0) return shown.notes[firstAfter(timeline.now + 0.002)];
  return shown.notes.findLast(({ onset }) => onset < timeline.now - 0.002);
}
