// The plots of harmony, tempo and audio descriptors over time.

const BANDS = ["< 0.2", "0.2", "0.4", "0.8", "1.6", "3.2", "6.4"];
// Positions of the major keys on the circle of fifths, C at 0; a minor key has that of its relative.
const FIFTHS = [0, -5, 2, -3, 4, -1, 6, 1, -4, 3, -2, 5];
const TONICS = { C: 0, D: 2, E: 4, F: 5, G: 7, A: 9, B: 11 };

function chordPlot() {
  if (!analysis.chords.length) return removePlot("chords");
  const boxes = analysis.chords.map(({ start, stop, name }) => ({ start, stop, text: typeset(name) }));
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

function keyPlot() {
  const spans = analysis.key_changes;
  if (!spans.length) return removePlot("keys");
  const home = fifthsOf(analysis.key?.name ?? spans[0].key);
  // Steps from the main key, in the direction with fewer of them.
  const steps = spans.map(({ key }) => ((fifthsOf(key) - home + 18) % 12) - 6);
  const low = Math.min(...steps, -1);
  const high = Math.max(...steps, 1);
  const row = 24;
  addPlot("keys", (high - low + 1) * row + 4, (area) => {
    spans.forEach(({ start, stop, key }, index) =>
      drawBoxes(area, [{ start, stop, text: typeset(key) }], 2 + (high - steps[index]) * row, row - 4));
    const names = Array.from({ length: high - low + 1 }, (_, index) => high - index);
    return () => drawSideAxis(area, names.map((step, index) => [2 + index * row + row / 2 - 2, step > 0 ? `+${step}` : String(step).replace("-", "−")]), "fifths");
  });
}

// Points [seconds, beats per minute], measured over four beats to even out single deviations.
function tempoPoints(beats, over = 4) {
  return beats.slice(over).map((beat, index) =>
    [(beat + beats[index]) / 2, (60 * over) / (beat - beats[index])]);
}

function tempoPlot() {
  const points = tempoPoints(analysis.beats);
  if (points.length < 2) return removePlot("tempo");
  const values = points.map(([, value]) => value);
  const [low, high] = range(values);
  addPlot("tempo", 110, (area) => drawCurve(area, points, Math.floor(low - 3), Math.ceil(high + 3), "bpm"));
}

function audioPlots() {
  const unpacked = Object.fromEntries(Object.entries(images).map(([name, image]) => [name, unpack(image)]));
  waveformPlot(unpacked.waveform);
  imagePlot("mel", unpacked.mel, 170, melTicks(unpacked.mel), "kHz");
  imagePlot("chroma", unpacked.chroma, 156, rowTicks(12, (row) => LETTERS[row]), "", false);
  strengthPlot(unpacked.strength);
  centroidPlot(unpacked.centroid);
  imagePlot("contrast", unpacked.contrast, 112, rowTicks(7, (row) => BANDS[row]), "kHz", false);
  imagePlot("mfcc", unpacked.mfcc, 156, rowTicks(13, (row) => (row % 2 ? "" : String(row + 1))), "", false);
  drawAudioScales(unpacked);
}

const decibels = (value) => `${String(Math.round(value) || 0).replace("-", "−")} dB`;

function drawAudioScales({ mel, contrast }) {
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

// An image hides the tint of the marks below it: repeat their bars on top.
function drawMarkBars({ context, colours, x }) {
  context.fillStyle = colours.mark;
  for (const [start, stop] of timeline.marks) context.fillRect(x(start), 0, Math.max(x(stop) - x(start), 2), 4);
}

const rowTicks = (rows, name) => (height) =>
  Array.from({ length: rows }, (_, row) => [height - ((row + 0.5) / rows) * height, name(row)]);

// Slaney's mel scale: linear to 1 kHz, logarithmic above.
const mel = (hertz) => (hertz < 1000 ? hertz / (200 / 3) : 15 + Math.log(hertz / 1000) / (Math.log(6.4) / 27));

const melTicks = (image) => (height) =>
  [250, 500, 1000, 2000, 4000, 8000]
    .filter((hertz) => hertz <= image.highest)
    .map((hertz) => [height * (1 - mel(hertz) / mel(image.highest)), String(hertz / 1000)]);

function waveformPlot(image) {
  const limit = peakOf(image);
  addPlot("waveform", 110, (area) => {
    drawWaveform(area.context, image, timeline.start, timeline.stop, area.left, area.width, area.height, area.colours.bar);
    const ticks = ticksOf(-limit, limit).map((value) => [(area.height / 2) * (1 - value / limit), String(value).replace("-", "−")]);
    return () => drawSideAxis(area, ticks, "level");
  });
}

const peakOf = (image) => Math.max(-image.low, image.high, 0.01);

// The lowest and highest sample of each pixel.
function drawWaveform(context, image, start, stop, left, width, height, colour) {
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

function strengthPlot(image) {
  const points = pointsOf(image);
  addPlot("strength", 110, (area) => {
    drawBeats(area, 0, area.height);
    return drawCurve(area, points, 0, Math.max(image.high, 1), "dB", true);
  }, analysis.beats.length > 0);
}

function centroidPlot(image) {
  const points = pointsOf(image, 0.001);
  addPlot("centroid", 110, (area) => drawCurve(area, points, 0, Math.max(image.high / 1000, 0.5), "kHz"));
}
