// Sets up the page; redraws it when its width or its theme changes.

const INITIAL_SECONDS = 20;
const overviewWaveform = images.waveform ? unpack(images.waveform) : null;

// The whole piece in the player: its waveform or note density, and the visible time range.
function drawOverview(colours) {
  const canvas = byId("overview");
  const width = canvas.clientWidth;
  if (!width) return;
  const context = prepareContext(canvas, width, 44);
  const scale = width / timeline.seconds;
  context.fillStyle = colours.stripe;
  context.fillRect(0, 0, width, 44);
  context.globalAlpha = 0.16;
  context.fillStyle = colours.accent;
  context.fillRect(timeline.start * scale, 0, Math.max((timeline.stop - timeline.start) * scale, 2), 44);
  context.globalAlpha = 1;
  if (overviewWaveform) drawWaveform(context, overviewWaveform, 0, timeline.seconds, 0, width, 44, colours.bar);
  else drawDensity(context, width, colours);
  context.fillStyle = colours.mark;
  for (const [start, stop] of timeline.marks) context.fillRect(start * scale, 0, Math.max((stop - start) * scale, 2), 4);
}

function drawDensity(context, width, colours) {
  const heights = new Float64Array(Math.ceil(width / 3) + 1);
  for (let index = 0; index < notes.count; index++) {
    heights[Math.floor((notes.onset[index] / timeline.seconds) * (width / 3))] += notes.velocity[index];
  }
  const highest = heights.reduce((a, b) => Math.max(a, b), 1);
  context.fillStyle = colours.bar;
  heights.forEach((value, column) => context.fillRect(3 * column, 44 - (36 * value) / highest, 2, (36 * value) / highest));
}

function drawVelocityScale() {
  drawScale("velocity-scale", velocityColours(), `soft ${softest}`, `${loudest} loud`);
}

function showNotes() {
  pianoRollPlot();
  chordPlot();
  keyPlot();
  tempoPlot();
  showSections();
  showChords();
  showMotifs("melodic", analysis.melodic_motifs, melodyDots);
  showMotifs("rhythmic", analysis.rhythmic_motifs, rhythmDots);
  showStatistics();
  drawVelocityScale();
}

function showAudio() {
  audioPlots();
  showDescriptors();
}

const present = { notes: notes.count > 0, audio: Boolean(images.waveform) };
for (const section of document.querySelectorAll("[data-needs]")) {
  if (!present[section.dataset.needs]) section.remove();
}
showFacts();
if (present.notes) showNotes();
if (present.audio) showAudio();
startPlayer();
showRange(0, Math.min(timeline.seconds, INITIAL_SECONDS * (innerWidth < 640 ? 0.4 : 1)));

new ResizeObserver(redraw).observe(document.body);
darkScreen.addEventListener("change", () => {
  if (present.notes) drawVelocityScale();
  if (present.audio) drawAudioScales(images);
  redraw();
});
