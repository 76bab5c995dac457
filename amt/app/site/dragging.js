// Dragging notes in the piano roll: the body to another time and pitch, the end to another length.

import { change, preview, select, shifted } from "./corrections.js";
import { pitchAt, roll } from "./piano_roll.js";
import { piece } from "./piece.js";
import { pixelsPerSecond, secondsAt, timeline } from "./timeline.js";
import { playTone } from "./tones.js";

const REACH = { mouse: 4, pen: 8, touch: 16 }; // pixels beyond a note
const END = { mouse: 6, pen: 10, touch: 14 }; // pixels before its end

// isEditing: whether notes can be dragged now; addNote(seconds, pitch): for a double click.
export function startDragging({ isEditing, addNote }) {
  let drag = null;
  const inRoll = (event) => timeline.plots.get("roll")?.frame.contains(event.target);
  const wanted = (event) => isEditing() && inRoll(event);
  const on = (name, act, options) => document.addEventListener(name, act, { capture: true, ...options });
  on("pointerdown", (event) => {
    if (!wanted(event) || event.button || event.shiftKey) return;
    const note = noteAt(event);
    select(note);
    if (!note) return; // the timeline scrolls
    event.stopPropagation();
    drag = begin(event, note);
    playTone(note);
  });
  on("pointermove", (event) => {
    if (drag) drag.shown = moved(drag, event);
    else if (wanted(event)) showCursor(event);
  });
  on("pointerup", () => {
    if (drag) finish(drag);
    drag = null;
  });
  on("pointercancel", () => {
    if (drag) restore(drag);
    drag = null;
  });
  // A finger on a note moves the note, beside it the page.
  on("touchstart", (event) => {
    if (wanted(event) && drag) event.preventDefault();
  }, { passive: false });
  on("dblclick", (event) => {
    if (wanted(event) && !noteAt({ ...place(event), pointerType: "mouse" })) addNote(secondsAt(event, frameOf()), pitchOf(event));
  });
}

const frameOf = () => timeline.plots.get("roll").frame;
const place = ({ clientX, clientY }) => ({ clientX, clientY });
const pitchOf = ({ clientY }) => pitchAt(clientY - frameOf().getBoundingClientRect().top);

// The note under a pointer; of several the last one, which is drawn on top.
function noteAt(event) {
  const [seconds, pitch] = [secondsAt(event, frameOf()), pitchOf(event)];
  const reach = REACH[event.pointerType] / pixelsPerSecond(frameOf());
  const rows = event.pointerType === "touch" ? 1 : 0;
  const near = piece.notes.filter((note) =>
    note.onset - reach <= seconds && seconds <= note.offset + reach && Math.abs(note.pitch - pitch) <= rows);
  return near.findLast((note) => note.pitch === pitch) ?? near.at(-1) ?? null;
}

const isAtEnd = (event, note) => {
  const scale = pixelsPerSecond(frameOf());
  // A short note keeps a half by which it can be moved.
  const size = Math.min(END[event.pointerType], ((note.offset - note.onset) * scale) / 2);
  return (note.offset - secondsAt(event, frameOf())) * scale < size;
};

function begin(event, note) {
  return { note, shown: note, notes: piece.notes, atEnd: isAtEnd(event, note), seconds: secondsAt(event, frameOf()), pitch: pitchOf(event), x: event.clientX, y: event.clientY };
}

function moved(drag, event) {
  const { note, shown, atEnd } = drag;
  if (shown === note && Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < 4) return shown;
  const by = secondsAt(event, frameOf()) - drag.seconds;
  const pitch = note.pitch + pitchOf(event) - drag.pitch;
  const made = atEnd ? { ...note, offset: note.offset + by } : { ...shifted(note, by), pitch };
  const now = preview(shown, made);
  if (now.pitch !== shown.pitch) playTone(now);
  return now;
}

function restore(drag) {
  piece.notes = drag.notes;
  select(drag.note);
}

// The whole drag is one step.
function finish(drag) {
  if (drag.shown === drag.note) return;
  restore(drag);
  change(drag.note, drag.shown, "");
}

function showCursor(event) {
  const note = noteAt(event);
  frameOf().style.cursor = note ? (isAtEnd(event, note) ? "ew-resize" : "move") : "";
}
