// The whole piece in the player: its waveform or its notes, the visible time range and the loop.

import { drawWaveform, prepareContext } from "./drawing.js";
import { byId } from "./elements.js";
import { piece } from "./piece.js";
import { timeline } from "./timeline.js";

const HEIGHT = 44;

export function drawOverview(colours) {
  const canvas = byId("overview");
  const width = canvas.clientWidth;
  if (!width) return;
  const context = prepareContext(canvas, width, HEIGHT);
  const scale = width / piece.seconds;
  const box = (start, stop, top, height) => context.fillRect(start * scale, top, Math.max((stop - start) * scale, 2), height);
  context.fillStyle = colours.stripe;
  context.fillRect(0, 0, width, HEIGHT);
  context.globalAlpha = 0.16;
  context.fillStyle = colours.accent;
  box(timeline.start, timeline.stop, 0, HEIGHT);
  context.globalAlpha = 1;
  const { waveform } = piece.images;
  const whole = { context, start: 0, stop: piece.seconds, left: 0, width, height: HEIGHT };
  if (waveform) drawWaveform(whole, waveform, colours.bar);
  else drawDensity(whole, colours);
  context.fillStyle = colours.mark;
  for (const [start, stop] of timeline.marks) box(start, stop, 0, 4);
  if (timeline.loop) box(timeline.loop.start, timeline.loop.stop, HEIGHT - 4, 4);
}

function drawDensity({ context, width }, colours) {
  const heights = new Float64Array(Math.ceil(width / 3) + 1);
  for (const { onset, velocity } of piece.notes) heights[Math.floor((onset / piece.seconds) * (width / 3))] += velocity;
  const highest = heights.reduce((a, b) => Math.max(a, b), 1);
  context.fillStyle = colours.bar;
  heights.forEach((value, column) => {
    const height = ((HEIGHT - 8) * value) / highest;
    context.fillRect(3 * column, HEIGHT - height, 2, height);
  });
}
