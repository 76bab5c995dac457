// The piano roll: keyboard, beats, notes coloured by velocity, pedal and sections.

import { css, velocityColours } from "./colours.js";
import { drawBoxes, drawScale, drawSideAxis } from "./drawing.js";
import { clamp, prime, range } from "./elements.js";
import { piece, pitchName } from "./piece.js";
import { addPlot, drawMarks } from "./timeline.js";

const SECTION_HEIGHT = 20;
const PEDAL_HEIGHT = 12;
const BLACK_KEYS = new Set([1, 3, 6, 8, 10]);

// lowest, highest: the pitches that are shown; softest, loudest: the velocities that the colours
// span; rowHeight, tallest: of a row and of all, in pixels; selected: the note that is corrected.
export const roll = { lowest: 47, highest: 84, softest: 1, loudest: 127, rowHeight: 6, tallest: 420, selected: null };

export function pianoRollPlot() {
  fitRoll();
  addPlot("roll", rollHeight, drawRoll, piece.analysis.beats.length > 0);
  drawVelocityScale();
}

export const drawVelocityScale = () =>
  drawScale("velocity-scale", velocityColours(), `soft ${roll.softest}`, `${roll.loudest} loud`);

// Show all pitches of the piece and `margin` beyond, and colours for its velocities.
export function fitRoll(margin = 2) {
  const pitches = piece.notes.length ? range(piece.notes.map(({ pitch }) => pitch)) : [49, 82];
  roll.lowest = Math.max(pitches[0] - margin, 20);
  roll.highest = Math.min(pitches[1] + margin, 109);
  // Velocities span at least 32, so that small differences do not look large.
  const [low, high] = piece.notes.length ? range(piece.notes.map(({ velocity }) => velocity)) : [1, 127];
  const missing = Math.max(32 - (high - low), 0) / 2;
  roll.softest = Math.max(Math.round(low - missing), 1);
  roll.loudest = Math.min(Math.round(high + missing), 127);
}

const rollHeight = () => clamp((roll.highest - roll.lowest) * roll.rowHeight, 200, roll.tallest);
const rowSize = (height) => (height - PEDAL_HEIGHT - SECTION_HEIGHT) / (roll.highest - roll.lowest + 1);
// The top of a key's row, and the pitch at a height.
const rowTop = (pitch, height) => height - PEDAL_HEIGHT - (pitch - roll.lowest + 1) * rowSize(height);
export const pitchAt = (y) =>
  clamp(roll.lowest + Math.floor((rollHeight() - PEDAL_HEIGHT - y) / rowSize(rollHeight())), 21, 108);

function drawRoll(area) {
  const bottom = area.height - PEDAL_HEIGHT;
  drawKeyboard(area);
  drawBeats(area, SECTION_HEIGHT, bottom);
  drawMarks(area);
  drawNotes(area);
  drawPedal(area, bottom);
  drawBoxes(area, piece.analysis.sections.map(({ start, stop, label }) => ({ start, stop, text: prime(label) })), 0, SECTION_HEIGHT - 3);
  return () => drawSideAxis(area, [...octaves(area.height), [area.height - 3, "pedal"]]);
}

function drawKeyboard({ context, colours, left, width, height }) {
  const row = rowSize(height);
  for (let pitch = roll.lowest; pitch <= roll.highest; pitch++) {
    context.fillStyle = colours.stripe;
    if (BLACK_KEYS.has(pitch % 12)) context.fillRect(left, rowTop(pitch, height), width, row);
    context.fillStyle = colours.line;
    if (pitch % 12 === 0) context.fillRect(left, rowTop(pitch, height) + row, width, 1);
  }
}

const octaves = (height) =>
  Array.from({ length: 11 }, (_, octave) => 12 * octave)
    .filter((pitch) => pitch >= roll.lowest && pitch <= roll.highest)
    .map((pitch) => [rowTop(pitch, height) + rowSize(height) / 2, pitchName(pitch)]);

// Downbeats, and beats where there is room for them.
export function drawBeats({ context, colours, x, start, stop, width }, top, bottom) {
  const { tempo, beats, metre } = piece.analysis;
  const downbeats = new Set(metre?.downbeats ?? []);
  const spacing = tempo ? ((width / (stop - start)) * 60) / tempo.bpm : 0;
  context.fillStyle = colours.muted;
  for (const beat of beats) {
    const isDownbeat = downbeats.has(beat);
    if (beat < start || beat > stop || spacing * (isDownbeat ? 3 : 1) < 9) continue;
    context.globalAlpha = isDownbeat ? 0.6 : 0.22;
    context.fillRect(x(beat), top, 1, bottom - top);
  }
  context.globalAlpha = 1;
}

function drawNotes({ context, colours, x, start, stop, height }) {
  const shades = velocityColours().map(css);
  const shadeOf = (velocity) => shades[clamp(Math.round((255 * (velocity - roll.softest)) / (roll.loudest - roll.softest)), 0, 255)];
  const thickness = Math.max(rowSize(height) - 0.6, 1.5);
  for (const note of piece.notes) {
    if (note.onset > stop) break;
    if (Math.max(note.soundingUntil, note.offset) < start) continue;
    const [from, top] = [x(note.onset), rowTop(note.pitch, height)];
    context.fillStyle = shadeOf(note.velocity);
    context.globalAlpha = 0.22;
    context.fillRect(from, top, x(note.soundingUntil) - from, thickness);
    context.globalAlpha = 1;
    // A small gap before the next note of the same pitch shows repeated notes.
    const length = Math.max(x(note.offset) - from - 0.7, 3);
    context.beginPath();
    context.roundRect(from, top, length, thickness, Math.min(thickness / 3, 2.5));
    context.fill();
    if (note === roll.selected) outline(context, colours, from, top, length, thickness);
  }
}

// The selected note has a frame and a handle at its end.
function outline(context, colours, from, top, length, thickness) {
  context.strokeStyle = colours.mark;
  context.lineWidth = 2;
  context.beginPath();
  context.roundRect(from - 2, top - 2, length + 4, thickness + 4, 4);
  context.stroke();
  context.fillStyle = colours.mark;
  context.fillRect(from + length - 1, top - 2, 3, thickness + 4);
}

function drawPedal({ context, colours, x, start: from, stop: to }, bottom) {
  context.fillStyle = colours.muted;
  for (const [start, stop] of piece.presses) {
    if (stop >= from && start <= to) context.fillRect(x(start), bottom + 4, Math.max(x(stop) - x(start) - 1, 1), 5);
  }
}
