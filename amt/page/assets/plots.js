// The plots of harmony, tempo and audio descriptors over time.

import { colourMap } from "./colours.js";
import {
  colouredImage, drawBoxes, drawCurve, drawImage, drawScale, drawSideAxis, drawWaveform, peakOf, pointsOf, ticksOf,
} from "./drawing.js";
import { minus, range, typeset } from "./elements.js";
import { drawBeats } from "./piano_roll.js";
import { className, piece } from "./piece.js";
import { addPlot, drawMarkBars, hidePlot } from "./timeline.js";

const BANDS = ["< 0.2", "0.2", "0.4", "0.8", "1.6", "3.2", "6.4"];
// Positions of the major keys on the circle of fifths, C at 0; a minor key has that of its relative.
const FIFTHS = [0, -5, 2, -3, 4, -1, 6, 1, -4, 3, -2, 5];
const TONICS = { C: 0, D: 2, E: 4, F: 5, G: 7, A: 9, B: 11 };
const AUDIO_PLOTS = ["waveform", "mel", "chroma", "strength", "centroid", "contrast", "mfcc"];

export function chordPlot() {
  const { chords } = piece.analysis;
  if (!chords.length) return hidePlot("chords");
  const boxes = chords.map(({ start, stop, name }) => ({ start, stop, text: typeset(name) }));
  addPlot("chords", 26, (area) => {
    drawBoxes(area, boxes, 2, 21);
  });
}

// Position of a key on the circle of fifths, 0 for C major and A minor.
function fifthsOf(key) {
  const [, letter, sign, mode] = key.match(/^([A-G])([#b]?) (major|minor)$/) ?? [];
  if (!letter) return 0;
  const tonic = TONICS[letter] + { "#": 1, b: -1, "": 0 }[sign] + (mode === "minor" ? 3 : 0);
  return FIFTHS[(tonic + 12) % 12];
}

export function keyPlot() {
  const { key_changes: spans, key: main } = piece.analysis;
  if (!spans.length) return hidePlot("keys");
  const home = fifthsOf(main?.name ?? spans[0].key);
  // Steps from the main key, in the direction with fewer of them.
  const steps = spans.map(({ key }) => ((fifthsOf(key) - home + 18) % 12) - 6);
  const low = Math.min(...steps, -1);
  const high = Math.max(...steps, 1);
  const row = 24;
  addPlot("keys", (high - low + 1) * row + 4, (area) => {
    spans.forEach(({ start, stop, key }, index) =>
      drawBoxes(area, [{ start, stop, text: typeset(key) }], 2 + (high - steps[index]) * row, row - 4));
    const names = Array.from({ length: high - low + 1 }, (_, index) => high - index);
    return () => drawSideAxis(area, names.map((step, index) => [2 + index * row + row / 2 - 2, step > 0 ? `+${step}` : minus(step)]), "fifths");
  });
}

// Points [seconds, beats per minute], measured over four beats to even out single deviations.
function tempoPoints(beats, over = 4) {
  return beats.slice(over).map((beat, index) =>
    [(beat + beats[index]) / 2, (60 * over) / (beat - beats[index])]);
}

export function tempoPlot() {
  const points = tempoPoints(piece.analysis.beats);
  if (points.length < 2) return hidePlot("tempo");
  const values = points.map(([, value]) => value);
  const [low, high] = range(values);
  addPlot("tempo", 110, (area) => drawCurve(area, points, Math.floor(low - 3), Math.ceil(high + 3), "bpm"));
}

export function audioPlots() {
  const { images } = piece;
  if (!images.waveform) return AUDIO_PLOTS.forEach(hidePlot);
  waveformPlot(images.waveform);
  imagePlot("mel", images.mel, 170, melTicks(images.mel), "kHz");
  imagePlot("chroma", images.chroma, 156, rowTicks(12, className), "", false);
  strengthPlot(images.strength);
  centroidPlot(images.centroid);
  imagePlot("contrast", images.contrast, 112, rowTicks(7, (row) => BANDS[row]), "kHz", false);
  imagePlot("mfcc", images.mfcc, 156, rowTicks(13, (row) => (row % 2 ? "" : String(row + 1))), "", false);
  drawAudioScales();
}

const decibels = (value) => `${minus(Math.round(value) || 0)} dB`;

export function drawAudioScales() {
  const { mel, contrast } = piece.images;
  drawScale("mel-scale", colourMap("mako"), decibels(mel.low - mel.high), "0 dB");
  drawScale("contrast-scale", colourMap("mako"), decibels(contrast.low), decibels(contrast.high));
}

function imagePlot(name, image, height, ticks, unit, smooth = true) {
  const canvas = colouredImage(image);
  addPlot(name, height, (area) => {
    drawImage(area, image, canvas, smooth);
    drawMarkBars(area);
    return () => drawSideAxis(area, ticks(height), unit);
  });
}

const rowTicks = (rows, name) => (height) =>
  Array.from({ length: rows }, (_, row) => [height - ((row + 0.5) / rows) * height, name(row)]);

// Slaney's mel scale: linear to 1 kHz, logarithmic above.
const melOf = (hertz) => (hertz < 1000 ? hertz / (200 / 3) : 15 + Math.log(hertz / 1000) / (Math.log(6.4) / 27));

const melTicks = (image) => (height) =>
  [250, 500, 1000, 2000, 4000, 8000]
    .filter((hertz) => hertz <= image.highest)
    .map((hertz) => [height * (1 - melOf(hertz) / melOf(image.highest)), String(hertz / 1000)]);

function waveformPlot(image) {
  const limit = peakOf(image);
  addPlot("waveform", 110, (area) => {
    drawWaveform(area, image, area.colours.bar);
    const ticks = ticksOf(-limit, limit).map((value) => [(area.height / 2) * (1 - value / limit), minus(value)]);
    return () => drawSideAxis(area, ticks, "level");
  });
}

function strengthPlot(image) {
  const points = pointsOf(image);
  addPlot("strength", 110, (area) => {
    drawBeats(area, 0, area.height);
    return drawCurve(area, points, 0, Math.max(image.high, 1), "dB", true);
  }, piece.analysis.beats.length > 0);
}

function centroidPlot(image) {
  const points = pointsOf(image, 0.001);
  addPlot("centroid", 110, (area) => drawCurve(area, points, 0, Math.max(image.high / 1000, 0.5), "kHz"));
}
