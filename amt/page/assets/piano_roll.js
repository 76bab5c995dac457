// The piano roll with pedal, beats and sections, and the drawing functions that it shares.

const SECTION_HEIGHT = 20;
const PEDAL_HEIGHT = 12;
const BLACK_KEYS = new Set([1, 3, 6, 8, 10]);

const lowestPitch = notes.count ? Math.max(Math.min(...range(notes.pitch)) - 2, 20) : 47;
const highestPitch = notes.count ? Math.min(Math.max(...range(notes.pitch)) + 2, 109) : 84;
const [softest, loudest] = velocityRange();
const presses = pedalPresses();
const downbeats = new Set(analysis.metre?.downbeats ?? []);

// Lowest and highest value. Math.min(...values) would overflow the stack for a long recording.
function range(values) {
  return [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
}

// Velocities that the colours span: those of the piece, at least 32, so that small differences do
// not look large.
function velocityRange() {
  const [low, high] = notes.count ? range(notes.velocity) : [1, 127];
  const missing = Math.max(32 - (high - low), 0) / 2;
  return [Math.max(Math.round(low - missing), 1), Math.min(Math.round(high + missing), 127)];
}

// [press, release] of the sustain pedal in seconds.
function pedalPresses() {
  const found = [];
  let pressed = null;
  for (const { time, controller, value } of description.pedal) {
    if (controller !== 64) continue;
    if (value >= 64) pressed ??= time;
    else if (pressed !== null) {
      found.push([pressed, time]);
      pressed = null;
    }
  }
  if (pressed !== null) found.push([pressed, timeline.seconds]);
  return found;
}

function pianoRollPlot() {
  const height = clamp((highestPitch - lowestPitch) * 6, 200, 420);
  addPlot("roll", height, (area) => {
    const bottom = height - PEDAL_HEIGHT;
    const row = (bottom - SECTION_HEIGHT) / (highestPitch - lowestPitch + 1);
    const y = (pitch) => bottom - (pitch - lowestPitch + 1) * row;
    drawKeyboard(area, y, row);
    drawBeats(area, SECTION_HEIGHT, bottom);
    drawMarks(area);
    drawNotes(area, y, row);
    drawPedal(area, bottom);
    drawSections(area);
    return () => drawSideAxis(area, [...octaves(y, row), [height - 3, "pedal"]]);
  }, analysis.beats.length > 0);
}

function drawKeyboard({ context, colours, left, width }, y, row) {
  for (let pitch = lowestPitch; pitch <= highestPitch; pitch++) {
    context.fillStyle = colours.stripe;
    if (BLACK_KEYS.has(pitch % 12)) context.fillRect(left, y(pitch), width, row);
    context.fillStyle = colours.line;
    if (pitch % 12 === 0) context.fillRect(left, y(pitch) + row, width, 1);
  }
}

const octaves = (y, row) =>
  Array.from({ length: 11 }, (_, octave) => 12 * octave)
    .filter((pitch) => pitch >= lowestPitch && pitch <= highestPitch)
    .map((pitch) => [y(pitch) + row / 2, pitchName(pitch)]);

// Downbeats, and beats where there is room for them.
function drawBeats({ context, colours, x, width }, top, bottom) {
  const pixelsPerSecond = width / (timeline.stop - timeline.start);
  const spacing = analysis.tempo ? (pixelsPerSecond * 60) / analysis.tempo.bpm : 0;
  context.fillStyle = colours.muted;
  for (const beat of analysis.beats) {
    const isDownbeat = downbeats.has(beat);
    if (beat < timeline.start || beat > timeline.stop || spacing * (isDownbeat ? 3 : 1) < 9) continue;
    context.globalAlpha = isDownbeat ? 0.6 : 0.22;
    context.fillRect(x(beat), top, 1, bottom - top);
  }
  context.globalAlpha = 1;
}

function drawNotes({ context, x }, y, row) {
  const colours = velocityColours().map(css);
  const colourOf = (velocity) => colours[Math.round((255 * (velocity - softest)) / (loudest - softest))];
  const thickness = Math.max(row - 0.6, 1.5);
  for (let index = 0; index < notes.count; index++) {
    if (notes.onset[index] > timeline.stop) break;
    if (notes.soundingUntil[index] < timeline.start) continue;
    const from = x(notes.onset[index]);
    context.fillStyle = colourOf(notes.velocity[index]);
    context.globalAlpha = 0.22;
    context.fillRect(from, y(notes.pitch[index]), x(notes.soundingUntil[index]) - from, thickness);
    context.globalAlpha = 1;
    // A small gap before the next note of the same pitch shows repeated notes.
    const length = Math.max(x(notes.offset[index]) - from - 0.7, 3);
    context.beginPath();
    context.roundRect(from, y(notes.pitch[index]), length, thickness, Math.min(thickness / 3, 2.5));
    context.fill();
  }
}

function drawPedal({ context, colours, x }, bottom) {
  context.fillStyle = colours.muted;
  for (const [start, stop] of presses) {
    if (stop < timeline.start || start > timeline.stop) continue;
    context.fillRect(x(start), bottom + 4, Math.max(x(stop) - x(start) - 1, 1), 5);
  }
}

function drawSections(area) {
  drawBoxes(area, analysis.sections.map(({ start, stop, label }) => ({ start, stop, text: prime(label) })), 0, SECTION_HEIGHT - 3);
}

const prime = (label) => label.replaceAll("'", "′");

// Boxes [start, stop] with a label, which is left out where it does not fit.
function drawBoxes({ context, colours, x, left, right }, boxes, top, height) {
  context.textAlign = "left";
  for (const { start, stop, text } of boxes) {
    if (stop < timeline.start || start > timeline.stop) continue;
    const from = Math.max(x(start), left) + 0.5;
    const width = Math.min(x(stop), right) - from - 1;
    if (width < 1) continue;
    context.fillStyle = colours.accent;
    context.globalAlpha = 0.15;
    context.beginPath();
    context.roundRect(from, top + 0.5, width, height, 3);
    context.fill();
    context.globalAlpha = 1;
    context.fillStyle = colours.ink;
    if (context.measureText(text).width < width - 6) context.fillText(text, from + 4, top + height / 2 + 4);
  }
}
