// Correcting notes: the toolbar, the fields of the selected note and the keys.

import { showFault } from "./api.js";
import {
  change, corrections, discardChanges, hasChanges, redo, select, selectNeighbour, shifted, SHORTEST, undo,
} from "./corrections.js";
import { startDragging } from "./dragging.js";
import { byId, clamp, element } from "./elements.js";
import { KEYS } from "./keys.js";
import { fitRoll, roll } from "./piano_roll.js";
import { piece, pitchName } from "./piece.js";
import { seek } from "./player.js";
import { goTo, redraw, timeline } from "./timeline.js";
import { playTone } from "./tones.js";

const STEP = 0.01; // seconds
const NEW_LENGTH = 0.25; // seconds
const LOUDER = 4;
const HINT = "Drag a note to another time or pitch, or its end to another length; double-click to add one. Every step can be undone.";
let editing = false;

export const isEditing = () => editing;

// onSave: called when the user wants to save.
export function startEditor(onSave) {
  corrections.onChange = showEditor;
  startDragging({ isEditing, addNote });
  const on = (id, event, act) => byId(id).addEventListener(event, act);
  on("edit", "click", toggleEditing);
  on("undo", "click", undo);
  on("redo", "click", redo);
  on("note-previous", "click", () => step(-1));
  on("note-next", "click", () => step(1));
  on("note-add", "click", () => addNote(timeline.now, roll.selected?.pitch ?? 60));
  on("note-delete", "click", deleteNote);
  on("discard-changes", "click", discardChanges);
  on("save", "click", onSave);
  startFields(on);
  startEditorKeys(onSave);
  addEventListener("resize", () => editing && fitHeight());
}

// Open or close the editor. Opened, it is shown as a whole.
function toggleEditing() {
  setEditing(!editing);
  if (editing) byId("edit").scrollIntoView({ block: "start" });
}

function setEditing(isOn) {
  editing = isOn;
  byId("edit").setAttribute("aria-expanded", String(isOn));
  byId("edit").textContent = isOn ? "Close" : "Correct notes";
  byId("edit").ariaLabel = isOn ? "Close the editor" : null;
  byId("edit-tools").hidden = !isOn;
  document.body.classList.toggle("is-editing", isOn);
  timeline.plots.get("roll").frame.classList.toggle("editing", isOn);
  Object.assign(roll, isOn ? { rowHeight: 12 } : { rowHeight: 6, tallest: 420 });
  if (!isOn) select(null);
  fitRoll(isOn ? 5 : 2);
  showPitches();
  showEditor();
  if (isOn) fitHeight();
  redraw();
}

// The piano roll has the height that tools and player leave, so that all are visible at once.
function fitHeight() {
  const tools = byId("editor").offsetHeight || byId("edit").offsetHeight + byId("edit-tools").offsetHeight;
  roll.tallest = clamp(innerHeight - tools - byId("player").offsetHeight - 60, 180, 640);
  redraw();
}

// Adapt the editor to another piece.
export function resetEditor(keepsEditing) {
  if (editing !== keepsEditing || editing) setEditing(keepsEditing && editing);
}

function showPitches() {
  const options = Array.from({ length: 88 }, (_, key) => element("option", { value: 108 - key }, pitchName(108 - key)));
  byId("note-pitch").replaceChildren(...options);
}

const velocityNear = (seconds) =>
  piece.notes.findLast(({ onset }) => onset <= seconds)?.velocity ?? piece.notes[0]?.velocity ?? 64;

function addNote(onset, pitch) {
  const note = { onset, offset: onset + NEW_LENGTH, pitch, velocity: velocityNear(onset) };
  change(null, note, "");
  playTone(roll.selected);
}

function deleteNote() {
  if (!roll.selected) return;
  const deleted = roll.selected;
  const index = piece.notes.indexOf(deleted);
  change(deleted, null, "");
  if (piece.notes.length) select(piece.notes[Math.min(index, piece.notes.length - 1)]);
  const now = roll.selected ? ` Selected: ${noteText(roll.selected)}` : "";
  byId("edit-status").textContent = `Deleted ${noteText(deleted)}.${now}`;
}

// Change the selected note. changes: its new properties.
function adjust(changes, kind) {
  const note = roll.selected;
  if (!note) return;
  change(note, { ...note, ...changes }, kind);
  if (changes.pitch !== undefined || changes.velocity !== undefined) playTone(roll.selected);
}

const move = (seconds) => adjust(shifted(roll.selected, seconds), "move");
const lengthen = (seconds) => adjust({ offset: roll.selected.offset + seconds }, "length");
const transpose = (semitones) => adjust({ pitch: roll.selected.pitch + semitones }, "pitch");
const louder = (amount) => adjust({ velocity: roll.selected.velocity + amount }, "velocity");

function step(direction) {
  const note = selectNeighbour(direction, timeline.now);
  if (!note) return;
  if (note.onset < timeline.start || note.onset > timeline.stop) goTo(note.onset);
  playTone(note);
}

function startFields(on) {
  on("note-pitch", "change", (event) => adjust({ pitch: Number(event.target.value) }, ""));
  on("note-onset", "change", (event) => isTaken(event.target, "start") && move(event.target.valueAsNumber - roll.selected.onset));
  on("note-length", "change", (event) => isTaken(event.target, "length") && adjust({ offset: roll.selected.onset + event.target.valueAsNumber }, ""));
  on("note-velocity", "input", (event) => adjust({ velocity: Number(event.target.value) }, "velocity"));
}

// Whether the number in a field is within its limits; if not, the field shows the note as it is.
function isTaken({ valueAsNumber: value, min, max }, name) {
  const taken = value >= Number(min) && value <= Number(max);
  if (!taken) {
    showEditor();
    showFault("note-fault", `Not taken: the ${name} must be a number from ${min} to ${max} seconds.`);
  }
  return taken;
}

// The keys that concern a note work while one is selected; otherwise they belong to the player.
function startEditorKeys(onSave) {
  const forNote = (key, act) => {
    const otherwise = KEYS[key];
    KEYS[key] = (event) => (editing && roll.selected ? act(event) : otherwise?.(event));
  };
  forNote("ArrowLeft", (event) => (event.shiftKey ? lengthen(-STEP) : move(-STEP)));
  forNote("ArrowRight", (event) => (event.shiftKey ? lengthen(STEP) : move(STEP)));
  forNote("ArrowUp", (event) => (event.shiftKey ? louder(LOUDER) : transpose(1)));
  forNote("ArrowDown", (event) => (event.shiftKey ? louder(-LOUDER) : transpose(-1)));
  forNote("Delete", deleteNote);
  forNote("Backspace", deleteNote);
  forNote("Escape", () => select(null));
  forNote("Enter", () => seek(roll.selected.onset));
  KEYS.e = () => !byId("editor").hidden && toggleEditing();
  KEYS[","] = () => editing && step(-1);
  KEYS["."] = () => editing && step(1);
  KEYS.i = () => editing && addNote(timeline.now, roll.selected?.pitch ?? 60);
  document.addEventListener("keydown", (event) => {
    if (!editing || !(event.ctrlKey || event.metaKey) || event.target.matches("input[type=text], input[type=number]")) return;
    const act = { z: event.shiftKey ? redo : undo, y: redo, s: onSave }[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  });
}

function showEditor() {
  const note = roll.selected;
  byId("undo").disabled = !corrections.past.length;
  byId("redo").disabled = !corrections.future.length;
  byId("save").disabled = byId("discard-changes").disabled = !hasChanges();
  byId("note-delete").disabled = byId("note-fields").disabled = !note;
  if (!editing) return;
  showFault("note-fault");
  byId("edit-status").textContent = note ? noteText(note) : HINT;
  byId("note-pitch").value = note?.pitch ?? "";
  showTimes(note);
  byId("note-velocity").value = note?.velocity ?? 64;
  byId("note-velocity-text").textContent = note?.velocity ?? "";
  if (note && (note.pitch < roll.lowest || note.pitch > roll.highest)) fitRoll(5);
}

function showTimes(note) {
  const [onset, length] = [byId("note-onset"), byId("note-length")];
  onset.value = note?.onset.toFixed(2) ?? "";
  length.value = note ? (note.offset - note.onset).toFixed(2) : "";
  if (!note) return;
  onset.max = hundredths(piece.seconds - note.offset + note.onset);
  length.min = SHORTEST;
  length.max = hundredths(piece.seconds - note.onset);
}

const hundredths = (seconds) => (Math.floor(100 * seconds + 1e-6) / 100).toFixed(2);

function noteText({ onset, offset, pitch, velocity }) {
  return `${pitchName(pitch)} at ${onset.toFixed(2)} s, ${(offset - onset).toFixed(2)} s long, velocity ${velocity}`;
}
