// The corrections of the notes of the piece: steps that can be undone and redone.

import { clamp } from "./elements.js";
import { piece } from "./piece.js";
import { roll } from "./piano_roll.js";
import { redraw } from "./timeline.js";

export const SHORTEST = 0.02;
const MOST_STEPS = 500;
// Steps of one kind in quick succession, as by a key that is held down, are undone as one.
const SUCCESSION = 700;

// past, future: states { notes, selected }; saved: the notes that the server has; hasAside: whether
// notes that are not saved are a step before newer ones of another window; onChange: called after each
// step. A save, or newer notes, leave past and future as they are.
export const corrections = { past: [], future: [], saved: piece.notes, hasAside: false, last: { kind: "", time: 0 }, onChange: () => {} };

const sameNote = (a, b) =>
  a === b || (a.onset === b.onset && a.offset === b.offset && a.pitch === b.pitch && a.velocity === b.velocity);
export const sameNotes = (a, b) => a === b || (a.length === b.length && a.every((note, index) => sameNote(note, b[index])));
export const hasChanges = () => !sameNotes(piece.notes, corrections.saved);
export const wouldBeLost = () => hasChanges() || corrections.hasAside;
export const presentState = () => ({ notes: piece.notes, selected: roll.selected });

// Begin with the notes of the piece as they are.
export function startCorrections() {
  Object.assign(corrections, { past: [], future: [], saved: piece.notes, hasAside: false, last: { kind: "", time: 0 } });
  select(null);
}

// Go on after a save. The piece has the notes as the server has them; sent: those that were saved;
// before: the state until now, whose notes may have been changed while they were being saved.
export function continueCorrections(sent, before) {
  Object.assign(corrections, { saved: piece.notes, hasAside: false, last: { kind: "", time: 0 } });
  if (!sameNotes(before.notes, sent)) piece.notes = before.notes;
  select(piece.notes.find((note) => before.selected && sameNote(note, before.selected)) ?? null);
}

// The piece has notes that were saved in another window: that is a step, before which was `before`.
export function takeNewer(before) {
  addStep(before);
  Object.assign(corrections, { saved: piece.notes, hasAside: true });
  select(null);
}

function addStep(state) {
  corrections.past.push(state);
  if (corrections.past.length > MOST_STEPS) corrections.past.shift();
  Object.assign(corrections, { future: [], last: { kind: "", time: 0 } });
}

export function select(note) {
  roll.selected = note;
  redraw();
  corrections.onChange();
}

// Replace the old note by a new one, without old add one, without new delete one. kind: of a step
// that may be repeated quickly, else empty.
export function change(old, made, kind) {
  const note = made && limited(made);
  if (old && note && sameNote(old, note)) return select(old);
  const now = performance.now();
  const continues = kind && kind === corrections.last.kind && now - corrections.last.time < SUCCESSION && corrections.past.length;
  if (!continues) addStep(presentState());
  Object.assign(corrections, { future: [], last: { kind, time: now } });
  piece.notes = withNote(piece.notes.filter((other) => other !== old), note);
  select(note ?? null);
}

// Show a change while it is being made, not yet as a step. Returns the note as it is shown.
export function preview(shown, made) {
  const note = limited(made);
  piece.notes = withNote(piece.notes.filter((other) => other !== shown), note);
  select(note);
  return note;
}

function withNote(notes, note) {
  if (!note) return notes;
  const at = notes.findIndex((other) => other.onset > note.onset || (other.onset === note.onset && other.pitch > note.pitch));
  return notes.toSpliced(at < 0 ? notes.length : at, 0, note);
}

// The note earlier or later, within the piece.
export function shifted(note, seconds) {
  const by = clamp(seconds, -note.onset, Math.max(piece.seconds - note.offset, 0));
  return { ...note, onset: note.onset + by, offset: note.offset + by };
}

// Within the piano and the piece, at the resolution of the stored notes, and with the sustain pedal.
function limited({ onset, offset, pitch, velocity }) {
  const rounded = (seconds) => Math.round(seconds * 10000) / 10000;
  const start = clamp(onset, 0, Math.max(piece.seconds - SHORTEST, 0));
  const note = {
    onset: rounded(start),
    offset: rounded(clamp(offset, start + SHORTEST, piece.seconds)),
    pitch: clamp(Math.round(pitch), 21, 108),
    velocity: clamp(Math.round(velocity), 1, 127),
  };
  return { ...note, soundingUntil: soundingUntil(note) };
}

// The release of the pedal that is down at the offset, or the next onset of the key before it.
function soundingUntil({ onset, offset, pitch }) {
  const held = piece.presses.find(([press, release]) => press <= offset && offset < release);
  if (!held) return offset;
  const next = piece.notes.find((other) => other.pitch === pitch && other.onset > onset);
  return Math.max(offset, Math.min(held[1], next?.onset ?? Infinity));
}

const travel = (from, to) => () => {
  const state = corrections[from].pop();
  if (!state) return;
  corrections[to].push(presentState());
  corrections.last = { kind: "", time: 0 };
  piece.notes = state.notes;
  select(state.selected);
};
export const undo = travel("past", "future");
export const redo = travel("future", "past");

// Back to the saved notes, as one step.
export function discardChanges() {
  addStep(presentState());
  piece.notes = corrections.saved;
  select(null);
}

// Select the next note (1) or the previous one (-1), from the selected note or a time.
export function selectNeighbour(direction, seconds) {
  const index = piece.notes.indexOf(roll.selected);
  const after = piece.notes.findIndex(({ onset }) => onset >= seconds);
  const near = direction > 0 ? after : (after < 0 ? piece.notes.length : after) - 1;
  const note = piece.notes[index >= 0 ? index + direction : near];
  if (note) select(note);
  return note;
}
