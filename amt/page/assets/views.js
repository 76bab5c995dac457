// The views of harmony, time and sound, each on the common stage.

const BANDS = ["< 0.2", "0.2", "0.4", "0.8", "1.6", "3.2", "6.4"];
// Where the major keys stand on the circle of fifths, C in the middle; a minor key is its relative.
const FIFTHS = [0, -5, 2, -3, 4, -1, 6, 1, -4, 3, -2, 5];
const TONICS = { C: 0, D: 2, E: 4, F: 5, G: 7, A: 9, B: 11 };

function chordView() {
  if (!patterns.chords.length) return removeView("chords");
  const boxes = patterns.chords.map(({ start, stop, name }) => ({ start, stop, text: pretty(name) }));
  addView("chords", 26, (pen) => {
    drawBoxes(pen, boxes, 2, 21);
  });
}

// Steps on the circle of fifths, 0 for C major and A minor.
function fifthsOf(key) {
  const [, letter, sign, mode] = key.match(/^([A-G])([#b]?) (major|minor)$/) ?? [];
  if (!letter) return 0;
  const tonic = TONICS[letter] + { "#": 1, b: -1, "": 0 }[sign] + (mode === "minor" ? 3 : 0);
  return FIFTHS[(tonic + 12) % 12];
}

function keyView() {
  const spans = patterns.key_changes;
  if (!spans.length) return removeView("keys");
  const home = fifthsOf(patterns.key?.name ?? spans[0].key);
  // The shorter way round the circle from the home key.
  const steps = spans.map(({ key }) => ((fifthsOf(key) - home + 18) % 12) - 6);
  const low = Math.min(...steps, -1);
  const high = Math.max(...steps, 1);
  const row = 24;
  addView("keys", (high - low + 1) * row + 4, (pen) => {
    spans.forEach(({ start, stop, key }, index) =>
      drawBoxes(pen, [{ start, stop, text: pretty(key) }], 2 + (high - steps[index]) * row, row - 4));
    const names = Array.from({ length: high - low + 1 }, (_, index) => high - index);
    return () => drawSideAxis(pen, names.map((step, index) => [2 + index * row + row / 2 - 2, step > 0 ? `+${step}` : String(step).replace("-", "−")]), "fifths");
  });
}

// Beats a minute, each over four beats, so that the hands' unevenness is no change of tempo.
function tempoPoints(beats, over = 4) {
  return beats.slice(over).map((beat, index) =>
    [(beat + beats[index]) / 2, (60 * over) / (beat - beats[index])]);
}

function tempoView() {
  const points = tempoPoints(patterns.beats);
  if (points.length < 2) return removeView("tempo");
  const values = points.map(([, value]) => value);
  const [low, high] = range(values);
  addView("tempo", 110, (pen) => drawCurve(pen, points, Math.floor(low - 3), Math.ceil(high + 3), "bpm"));
}

function soundViews() {
  const found = Object.fromEntries(Object.entries(views).map(([name, view]) => [name, unpack(view)]));
  waveformView(found.waveform);
  pictureView("mel", found.mel, 170, melTicks(found.mel), "kHz");
  pictureView("chroma", found.chroma, 156, rowTicks(12, (row) => LETTERS[row]), "", false);
  strengthView(found.strength);
  centroidView(found.centroid);
  pictureView("contrast", found.contrast, 112, rowTicks(7, (row) => BANDS[row]), "kHz", false);
  pictureView("mfcc", found.mfcc, 156, rowTicks(13, (row) => (row % 2 ? "" : String(row + 1))), "", false);
  drawSoundScales(found);
}

const decibels = (value) => `${String(Math.round(value) || 0).replace("-", "−")} dB`;

function drawSoundScales({ mel, contrast }) {
  drawScale("mel-scale", ramp("mako"), decibels(mel.low - mel.high), "0 dB");
  drawScale("contrast-scale", ramp("mako"), decibels(contrast.low), decibels(contrast.high));
}

function pictureView(name, view, height, ticks, unit, smooth = true) {
  const image = raster(view);
  addView(name, height, (pen) => {
    drawRaster(pen, view, image, smooth);
    drawMarkBars(pen);
    return () => drawSideAxis(pen, ticks(height), unit);
  });
}

// A picture hides the tint below it, so only the bars of the marks are repeated.
function drawMarkBars({ context, colours, x }) {
  context.fillStyle = colours.mark;
  for (const [start, stop] of stage.marks) context.fillRect(x(start), 0, Math.max(x(stop) - x(start), 2), 4);
}

const rowTicks = (rows, name) => (height) =>
  Array.from({ length: rows }, (_, row) => [height - ((row + 0.5) / rows) * height, name(row)]);

// Slaney's mel scale: linear to 1 kHz, logarithmic above.
const mel = (hertz) => (hertz < 1000 ? hertz / (200 / 3) : 15 + Math.log(hertz / 1000) / (Math.log(6.4) / 27));

const melTicks = (view) => (height) =>
  [250, 500, 1000, 2000, 4000, 8000]
    .filter((hertz) => hertz <= view.highest)
    .map((hertz) => [height * (1 - mel(hertz) / mel(view.highest)), String(hertz / 1000)]);

function waveformView(view) {
  const limit = peakOf(view);
  addView("waveform", 110, (pen) => {
    drawWaveform(pen.context, view, stage.start, stage.stop, pen.left, pen.width, pen.height, pen.colours.bar);
    const ticks = ticksOf(-limit, limit).map((value) => [(pen.height / 2) * (1 - value / limit), String(value).replace("-", "−")]);
    return () => drawSideAxis(pen, ticks, "level");
  });
}

const peakOf = (view) => Math.max(-view.low, view.high, 0.01);

// The lowest and highest sample below each pixel.
function drawWaveform(context, view, start, stop, left, width, height, colour) {
  context.fillStyle = colour;
  const middle = height / 2;
  const scale = middle / peakOf(view);
  const columns = (stop - start) / view.step / width;
  for (let pixel = 0; pixel < width; pixel++) {
    const first = Math.floor(start / view.step + pixel * columns);
    const last = Math.max(Math.floor(start / view.step + (pixel + 1) * columns), first + 1);
    let low = Infinity;
    let high = -Infinity;
    for (let column = first; column < Math.min(last, view.columns); column++) {
      low = Math.min(low, view.at(0, column));
      high = Math.max(high, view.at(1, column));
    }
    if (high < low) continue;
    context.fillRect(left + pixel, middle - high * scale, 1, Math.max((high - low) * scale, 1));
  }
}

function strengthView(view) {
  const points = pointsOf(view);
  addView("strength", 110, (pen) => {
    drawBeats(pen, 0, pen.height);
    return drawCurve(pen, points, 0, Math.max(view.high, 1), "dB", true);
  }, patterns.beats.length > 0);
}

function centroidView(view) {
  const points = pointsOf(view, 0.001);
  addView("centroid", 110, (pen) => drawCurve(pen, points, 0, Math.max(view.high / 1000, 0.5), "kHz"));
}
