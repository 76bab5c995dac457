// Bar charts of pitch classes, intervals and velocities, and the table of descriptors.

import { byId, element, minus, percent, plural, svgElement } from "./elements.js";
import { className, piece } from "./piece.js";

const UNITS = {
  onset_rate: "onsets per second", rms: "of full scale", zero_crossing_rate: "per sample",
  centroid: "Hz", bandwidth: "Hz", contrast: "dB", mel: "dB", chroma: "of the maximum",
};

function chart(name, labels, values, describe) {
  const figure = document.querySelector(`[data-chart="${name}"]`);
  figure.querySelector(".chart")?.remove();
  figure.hidden = !values.length;
  if (!values.length) return;
  const highest = Math.max(...values, 1e-9);
  const step = 320 / values.length;
  const bars = values.map((value, index) => {
    const height = (120 * value) / highest;
    const bar = svgElement("rect", { x: index * step + 1, y: 126 - height, width: Math.max(step - 2, 1), height, rx: 2 });
    bar.append(svgElement("title", {}, describe(index)));
    return bar;
  });
  const texts = labels.map((label, index) =>
    svgElement("text", { x: (index + 0.5) * step, y: 142, "text-anchor": "middle" }, label));
  const largest = values.indexOf(Math.max(...values));
  const svg = svgElement("svg", { viewBox: "0 0 320 150", role: "img", "aria-label": `Largest: ${describe(largest)}` },
    svgElement("line", { x1: 0, y1: 126.5, x2: 320, y2: 126.5 }), ...bars, ...texts);
  figure.append(element("div", { className: "chart" }, svg));
}

export function showStatistics() {
  const { pitch_classes: classes, intervals } = piece.analysis;
  const shares = Object.values(classes);
  const names = Array.from({ length: 12 }, (_, index) => className(index));
  chart("pitch_classes", names, shares, (index) => `${names[index]}: ${percent(shares[index])}`);
  const widths = Array.from({ length: 25 }, (_, index) => index - 12);
  const counts = Object.keys(intervals).length ? widths.map((width) => intervals[width] ?? 0) : [];
  const signed = (width) => (width > 0 ? `+${width}` : minus(width));
  chart("intervals", widths.map((width) => (width % 3 ? "" : signed(width))), counts,
    (index) => `${signed(widths[index])} semitones: ${plural(counts[index], "time")}`);
  const loudness = Array(16).fill(0);
  for (const { velocity } of piece.notes) loudness[velocity >> 3]++;
  chart("velocities", loudness.map((_, bin) => (bin % 4 ? "" : String(8 * bin))), loudness,
    (bin) => `${8 * bin} to ${8 * bin + 7}: ${plural(loudness[bin], "note")}`);
}

export function showDescriptors() {
  const rows = Object.entries(piece.descriptors).map(([name, value]) => {
    const unit = UNITS[name] ?? UNITS[name.split("_")[0]] ?? "";
    return element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, String(value)), element("td", {}, unit));
  });
  byId("descriptors").replaceChildren(element("tbody", {}, ...rows));
}
