// Keyboard control. A control that has the focus keeps its own keys.

import { clearMotif, nextOccurrence } from "./motifs.js";
import { piece } from "./piece.js";
import {
  changeSpeed, jumpToSection, loopFromHere, loopToHere, seek, switchAudio, toggleLoop, togglePlaying,
} from "./player.js";
import { showRange, timeline, zoom } from "./timeline.js";

const SKIP_SECONDS = 5;

// What each key does; pages add to it.
export const KEYS = {
  " ": togglePlaying,
  ArrowLeft: (event) => (event.shiftKey ? jumpToSection(false) : seek(timeline.now - SKIP_SECONDS)),
  ArrowRight: (event) => (event.shiftKey ? jumpToSection(true) : seek(timeline.now + SKIP_SECONDS)),
  Home: () => seek(0),
  End: () => seek(piece.seconds),
  s: switchAudio,
  l: toggleLoop,
  "[": loopFromHere,
  "]": loopToHere,
  "<": () => changeSpeed(-1),
  ">": () => changeSpeed(1),
  n: nextOccurrence,
  "+": () => zoom(0.5),
  "=": () => zoom(0.5),
  "-": () => zoom(2),
  0: () => showRange(0, piece.seconds),
  Escape: clearMotif,
};

function isTaken(event) {
  const focus = document.activeElement;
  if (focus?.matches("textarea, select, dialog *, input:not([type=radio], [type=range], [type=checkbox])")) return true;
  if (event.key === " ") return focus?.matches("button:focus-visible, summary:focus-visible, a:focus-visible");
  const moves = event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End";
  return moves && focus?.matches("input:focus-visible:not(#seek)");
}

export function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key] || isTaken(event)) return;
    event.preventDefault();
    KEYS[event.key](event);
  });
}
