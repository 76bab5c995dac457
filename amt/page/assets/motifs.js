// Buttons for the motifs, and the occurrences of the selected one.

import { announce, clockText, element, percent, plural, range, svgElement } from "./elements.js";
import { piece } from "./piece.js";
import { fillList } from "./summary.js";
import { goTo, redraw, timeline } from "./timeline.js";

// The selected motif, and the occurrence that is shown.
const selection = { button: null, times: [], index: 0 };

export function showMotifs() {
  fillList("melodic", "melodic", piece.analysis.melodic_motifs.map((motif) =>
    motifButton(motif, motif.steps.length + 1, melodyDots(motif.steps))));
  fillList("rhythmic", "rhythmic", piece.analysis.rhythmic_motifs.map((motif) =>
    motifButton(motif, motif.steps.length + 2, rhythmDots(motif.steps))));
}

function motifButton(motif, noteCount, dots) {
  const button = element("button", { type: "button" }, contour(dots),
    element("small", {}, `${plural(noteCount, "note")}, ${motif.count} times`),
    element("small", {}, `${percent(motif.explained)} of the melody`));
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => selectMotif(button, motif.times));
  return button;
}

// Points of a melody: notes at equal distances, by pitch.
function melodyDots(steps) {
  let height = 0;
  return [[0, 0], ...steps.map((step, index) => [index + 1, (height += step)])];
}

// Points of a rhythm: onsets on one line. A step is a power of the square root of 2.
function rhythmDots(steps) {
  let length = 1;
  let time = 1;
  return [[0, 0], [1, 0], ...steps.map((step) => [(time += length *= 2 ** (step / 2)), 0])];
}

function contour(dots) {
  const [left, right] = range(dots.map(([x]) => x));
  const [low, high] = range(dots.map(([, y]) => y));
  const toSvg = ([x, y]) => [
    6 + (148 * (x - left)) / (right - left || 1),
    high > low ? 48 - (42 * (y - low)) / (high - low) : 27,
  ];
  const points = dots.map(toSvg);
  const radius = dots.length > 24 ? 2 : 3.5;
  return svgElement("svg", { viewBox: "0 0 160 54", "aria-hidden": "true", preserveAspectRatio: "none" },
    svgElement("polyline", { points: points.map((xy) => xy.map((value) => value.toFixed(1)).join(",")).join(" ") }),
    ...points.map(([cx, cy]) => svgElement("circle", { cx: cx.toFixed(1), cy: cy.toFixed(1), r: radius })));
}

// Mark the occurrences of a motif and go to the first one; a second click goes to the next one.
function selectMotif(button, times) {
  if (selection.button === button) return nextOccurrence();
  clearMotif();
  Object.assign(selection, { button, times, index: -1 });
  button.setAttribute("aria-pressed", "true");
  timeline.marks = times;
  nextOccurrence();
}

export function nextOccurrence() {
  if (!selection.button) return;
  selection.index = (selection.index + 1) % selection.times.length;
  const [start, stop] = selection.times[selection.index];
  goTo(start, stop);
  announce(`Occurrence ${selection.index + 1} of ${selection.times.length}, at ${clockText(start)}`);
  redraw();
}

export function clearMotif() {
  selection.button?.setAttribute("aria-pressed", "false");
  Object.assign(selection, { button: null, times: [], index: 0 });
  timeline.marks = [];
  redraw();
}
