// Shows a piece, one after another if need be; redraws it when its width or its theme changes.

import { darkScreen } from "./colours.js";
import { startKeys } from "./keys.js";
import { clearMotif, showMotifs } from "./motifs.js";
import { drawVelocityScale, pianoRollPlot } from "./piano_roll.js";
import { piece, setPiece } from "./piece.js";
import { showPlayer, startPlayer } from "./player.js";
import { audioPlots, chordPlot, drawAudioScales, keyPlot, tempoPlot } from "./plots.js";
import { showDescriptors, showStatistics } from "./statistics.js";
import { showChords, showFacts, showSections } from "./summary.js";
import { hidePlot, redraw, showRange, timeline } from "./timeline.js";

const INITIAL_SECONDS = 20;

// description: a document of `amt describe`; none: an empty piece. urls: of the audio, by name. With keepRange the visible
// time range and the position stay as they are, for a corrected version of the same piece.
export function showPiece(description = { seconds: 0, notes: [] }, urls = {}, keepRange = false) {
  setPiece(description);
  clearMotif();
  showFacts();
  showNotes();
  showSound();
  hideEmptySections();
  showPlayer(urls, keepRange);
  if (keepRange) showRange(timeline.start);
  else showRange(0, Math.min(piece.seconds, INITIAL_SECONDS * (innerWidth < 640 ? 0.4 : 1)));
}

function showNotes() {
  if (piece.notes.length || piece.isArriving) pianoRollPlot();
  else hidePlot("roll");
  chordPlot();
  keyPlot();
  tempoPlot();
  showSections();
  showChords();
  showMotifs();
  if (piece.hasAnalysis) showStatistics();
}

function showSound() {
  audioPlots();
  showDescriptors();
}

function hideEmptySections() {
  const present = {
    notes: piece.notes.length > 0 || piece.isArriving || Boolean(piece.images.waveform),
    analysis: piece.hasAnalysis,
    audio: Boolean(piece.images.waveform),
  };
  for (const section of document.querySelectorAll("[data-needs]")) section.hidden = !present[section.dataset.needs];
}

// Connect the controls of the page; once.
export function startPage() {
  startPlayer();
  startKeys();
  new ResizeObserver(redraw).observe(document.body);
  darkScreen.addEventListener("change", () => {
    if (piece.notes.length) drawVelocityScale();
    if (piece.images.waveform) drawAudioScales();
    redraw();
  });
}
