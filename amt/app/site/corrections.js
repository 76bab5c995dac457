// The corrections of the notes of the piece: steps that can be undone and redone.

import { piece } from "./piece.js";
import { roll } from "./piano_roll.js";
import { redraw } from "./timeline.js";

export const SHORTEST = 0.02;
const MOST_STEPS = 500;
// Steps of one kind in quick succession, as by a key that is held down, are undone as one.
const SUCCESSION = 700;

// past, future: states { notes, selected }; saved: the notes that the server has; onChange: called
// after each step.
export const corrections = { past: [], future: [], saved: piece.notes, last: { kind: "", time: 0 }, onChange: () => {} };

export const hasChanges = () => piece.notes !== corrections.saved;

// Begin with the notes of the piece as they are.
export function startCorrections() {
  Object.assign(corrections, { past: [], future: [], saved: piece.notes, last: { kind: "", time: 0 } });
  select(null);
}

export function select(note) {
  roll.selected = note;
  redraw();
  corrections.onChange();
}

// Replace the old note by a new one, without old add one, without new delete one. kind: of a step
// that may be repeated quickly, else empty.
export function change(old, made, kind) {
  const now = performance.now();
  const continues = kind && kind === corrections.last.kind && now - corrections.last.time < SUCCESSION && corrections.past.length;
  if (!continues) corrections.past.push({ notes: piece.notes, selected: roll.selected });
  if (corrections.past.length > MOST_STEPS) corrections.past.shift();
  Object.assign(corrections, { future: [], last: { kind, time: now } });
  const note = made && limited(made);
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

// Within the piano and the piece, and with the sustain pedal.
function limited({ onset, offset, pitch, velocity }) {
  const bounded = (value, low, high) => Math.min(Math.max(value, low), high);
  const rounded = (seconds) => Math.round(seconds * 1000) / 1000;
  const start = bounded(onset, 0, piece.seconds - SHORTEST);
  const note = {
    onset: rounded(start),
    offset: rounded(Math.max(offset + start - onset, start + SHORTEST)),
    pitch: bounded(Math.round(pitch), 21, 108),
    velocity: bounded(Math.round(velocity), 1, 127),
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
  corrections[to].push({ notes: piece.notes, selected: roll.selected });
  corrections.last = { kind: "", time: 0 };
  piece.notes = state.notes;
  select(state.selected);
};
export const undo = travel("past", "future");
export const redo = travel("future", "past");

export function discardChanges() {
  piece.notes = corrections.saved;
  startCorrections();
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
