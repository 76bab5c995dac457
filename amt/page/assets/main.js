// The page is put together, and drawn anew when its width or its light changes.

const SECONDS_AT_FIRST = 20;
const overviewWave = views.waveform ? unpack(views.waveform) : null;

// The whole piece in the player: the waveform, or how much is struck; the window in sight.
function drawOverview(colours) {
  const canvas = byId("overview");
  const width = canvas.clientWidth;
  if (!width) return;
  const context = contextOf(canvas, width, 44);
  const scale = width / stage.seconds;
  context.fillStyle = colours.stripe;
  context.fillRect(0, 0, width, 44);
  context.globalAlpha = 0.16;
  context.fillStyle = colours.accent;
  context.fillRect(stage.start * scale, 0, Math.max((stage.stop - stage.start) * scale, 2), 44);
  context.globalAlpha = 1;
  if (overviewWave) drawWaveform(context, overviewWave, 0, stage.seconds, 0, width, 44, colours.bar);
  else drawDensity(context, width, colours);
  context.fillStyle = colours.mark;
  for (const [start, stop] of stage.marks) context.fillRect(start * scale, 0, Math.max((stop - start) * scale, 2), 4);
}

function drawDensity(context, width, colours) {
  const heights = new Float64Array(Math.ceil(width / 3) + 1);
  for (let index = 0; index < notes.count; index++) {
    heights[Math.floor((notes.onset[index] / stage.seconds) * (width / 3))] += notes.velocity[index];
  }
  const highest = heights.reduce((a, b) => Math.max(a, b), 1);
  context.fillStyle = colours.bar;
  heights.forEach((value, column) => context.fillRect(3 * column, 44 - (36 * value) / highest, 2, (36 * value) / highest));
}

function drawVelocityScale() {
  drawScale("velocity-scale", velocityRamp(), `soft ${softest}`, `${loudest} loud`);
}

function tellNotes() {
  rollView();
  chordView();
  keyView();
  tempoView();
  tellParts();
  tellChords();
  tellMotifs("melodic", patterns.melodic_motifs, melodyDots);
  tellMotifs("rhythmic", patterns.rhythmic_motifs, rhythmDots);
  tellCounts();
  drawVelocityScale();
}

function tellSound() {
  soundViews();
  tellSummary();
}

const present = { notes: notes.count > 0, sound: Boolean(views.waveform) };
for (const section of document.querySelectorAll("[data-needs]")) {
  if (!present[section.dataset.needs]) section.remove();
}
tellFacts();
if (present.notes) tellNotes();
if (present.sound) tellSound();
startPlayer();
show(0, Math.min(stage.seconds, SECONDS_AT_FIRST * (innerWidth < 640 ? 0.4 : 1)));

new ResizeObserver(redraw).observe(document.body);
darkScreen.addEventListener("change", () => {
  if (present.notes) drawVelocityScale();
  if (present.sound) drawSoundScales(views);
  redraw();
});
