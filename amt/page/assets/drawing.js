// Axes, curves, images and colour scales: what the plots are drawn with.
//
// area: the context of a canvas and the coordinates of a plot: start and stop in seconds; left,
// right, width and height in pixels; x(seconds) in pixels; the colours of the theme.

import { css, colourMap, darkScreen } from "./colours.js";
import { byId, clamp, clockText, element } from "./elements.js";

const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200];

// A cleared drawing context whose unit is a CSS pixel on any screen.
export function prepareContext(canvas, width, height) {
  const density = Math.min(devicePixelRatio || 1, 2);
  canvas.width = Math.round(width * density);
  canvas.height = Math.round(height * density);
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(density, density);
  context.clearRect(0, 0, width, height);
  context.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  return context;
}

export function drawTimeAxis({ context, colours, x, start, stop, left, right, height, width }, grid) {
  const scale = width / (stop - start);
  const step = STEPS.find((seconds) => seconds * scale >= 64) ?? 3600;
  for (let tick = Math.ceil(start / step); tick * step <= stop + 1e-9; tick++) {
    const position = x(tick * step);
    context.fillStyle = colours.line;
    context.fillRect(position, grid ? 0 : height, 1, height + 3);
    context.fillStyle = colours.muted;
    const edge = position < left + 12;
    context.textAlign = edge ? "left" : "center";
    if (position < right - 12) context.fillText(clockText(tick * step + 1e-9, step < 1 ? 1 : 0), edge ? left + 2 : position, height + 14);
  }
  context.fillStyle = colours.line;
  context.fillRect(left, height, width, 1);
}

// ticks: [y, text]; the unit is written in the corner below.
export function drawSideAxis({ context, colours, left, height }, ticks, unit = "") {
  context.fillStyle = colours.muted;
  context.textAlign = "right";
  for (const [y, text] of ticks) context.fillText(text, left - 6, clamp(y + 4, 10, height));
  context.fillText(unit, left - 6, height + 14);
}

// Round values between low and high, about `count` of them.
export function ticksOf(low, high, count = 4) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw || 1));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= raw) ?? 1;
  const first = Math.ceil(low / step - 1e-9);
  const many = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: clamp(many, 0, 20) }, (_, index) => Number(((first + index) * step).toPrecision(6)));
}

// Points [seconds, value] as a line between the values low and high.
export function drawCurve(area, points, low, high, unit, fill = false) {
  const { context, colours, x, height } = area;
  const y = (value) => height - 6 - ((value - low) / (high - low || 1)) * (height - 14);
  const ticks = ticksOf(low, high);
  context.fillStyle = colours.line;
  for (const value of ticks) context.fillRect(area.left, y(value), area.width, 1);
  const shown = visible(points, area);
  if (shown.length) {
    context.beginPath();
    for (const [seconds, value] of shown) context.lineTo(x(seconds), y(value));
    context.strokeStyle = colours.accent;
    context.lineWidth = 1.6;
    context.lineJoin = "round";
    context.stroke();
    if (fill) {
      context.lineTo(x(shown.at(-1)[0]), y(low));
      context.lineTo(x(shown[0][0]), y(low));
      context.globalAlpha = 0.16;
      context.fillStyle = colours.accent;
      context.fill();
      context.globalAlpha = 1;
    }
  }
  return () => drawSideAxis(area, ticks.map((value) => [y(value), String(value)]), unit);
}

// The points in the visible time range, and one on either side.
function visible(points, { start, stop }) {
  const first = Math.max(points.findIndex(([seconds]) => seconds >= start) - 1, 0);
  const last = points.findIndex(([seconds]) => seconds > stop);
  return points.slice(first, last < 0 ? points.length : last + 1);
}

// Boxes [start, stop] with a label, which is left out where it does not fit.
export function drawBoxes({ context, colours, x, start: from, stop: to, left, right }, boxes, top, height) {
  context.textAlign = "left";
  for (const { start, stop, text } of boxes) {
    if (stop < from || start > to) continue;
    const edge = Math.max(x(start), left) + 0.5;
    const width = Math.min(x(stop), right) - edge - 1;
    if (width < 1) continue;
    context.fillStyle = colours.accent;
    context.globalAlpha = 0.15;
    context.beginPath();
    context.roundRect(edge, top + 0.5, width, height, 3);
    context.fill();
    context.globalAlpha = 1;
    context.fillStyle = colours.ink;
    if (context.measureText(text).width < width - 6) context.fillText(text, edge + 4, top + height / 2 + 4);
  }
}

// Points [seconds, value] of the first row of an image.
export const pointsOf = (image, factor = 1) =>
  Array.from({ length: image.columns }, (_, column) =>
    [image.start + (column + 0.5) * image.step, image.at(0, column) * factor]);

// A canvas with an image, lowest row at the bottom; coloured once for each theme.
export function colouredImage(image, lowest = 0) {
  const canvas = element("canvas", { width: image.columns, height: image.rows });
  let drawnDark = null;
  return () => {
    if (drawnDark === darkScreen.matches) return canvas;
    drawnDark = darkScreen.matches;
    const colours = colourMap("mako");
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(image.columns, image.rows);
    for (let row = 0; row < image.rows; row++) {
      for (let column = 0; column < image.columns; column++) {
        const value = Math.max((image.data[row * image.columns + column] - lowest) * 255 / (255 - lowest), 0);
        const at = 4 * ((image.rows - 1 - row) * image.columns + column);
        pixels.data.set(colours[Math.round(value)], at);
        pixels.data[at + 3] = 255;
      }
    }
    context.putImageData(pixels, 0, 0);
    return canvas;
  };
}

export function drawImage({ context, start, stop, left, width, height }, image, canvas, smooth = true) {
  context.imageSmoothingEnabled = smooth;
  const column = (seconds) => (seconds - image.start) / image.step;
  const from = column(start);
  context.drawImage(canvas(), from, 0, column(stop) - from, image.rows, left, 0, width, height);
}

export const peakOf = (image) => Math.max(-image.low, image.high, 0.01);

// The lowest and highest sample of each pixel.
export function drawWaveform({ context, start, stop, left, width, height }, image, colour) {
  context.fillStyle = colour;
  const middle = height / 2;
  const scale = middle / peakOf(image);
  const columns = (stop - start) / image.step / width;
  for (let pixel = 0; pixel < width; pixel++) {
    const first = Math.floor(start / image.step + pixel * columns);
    const last = Math.max(Math.floor(start / image.step + (pixel + 1) * columns), first + 1);
    let low = Infinity;
    let high = -Infinity;
    for (let column = first; column < Math.min(last, image.columns); column++) {
      low = Math.min(low, image.at(0, column));
      high = Math.max(high, image.at(1, column));
    }
    if (high < low) continue;
    context.fillRect(left + pixel, middle - high * scale, 1, Math.max((high - low) * scale, 1));
  }
}

// A strip with the colours from low to high.
export function drawScale(id, colours, low, high) {
  const canvas = element("canvas", { width: 256, height: 1 });
  const context = canvas.getContext("2d");
  colours.forEach((colour, index) => {
    context.fillStyle = css(colour);
    context.fillRect(index, 0, 1, 1);
  });
  canvas.setAttribute("aria-hidden", "true");
  byId(id).replaceChildren(low, canvas, high);
}
