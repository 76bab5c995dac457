// The player: position, mix of recording and transcription, speed, loop and zoom.

import { loadTracks, pause, play, playing, position, setMix, setPosition, setSpeed, sound, synchronise } from "./audio.js";
import { announce, byId, clamp, clockText } from "./elements.js";
import { drawOverview } from "./overview.js";
import { piece } from "./piece.js";
import { highlightSection } from "./summary.js";
import { placePlayhead, redraw, reveal, showRange, timeline, visibleSeconds, zoom } from "./timeline.js";

export const SPEEDS = [0.25, 0.5, 0.75, 1, 1.25, 1.5];
const SHORTEST_LOOP = 0.2;
const stillScreen = matchMedia("(prefers-reduced-motion: reduce)");
let animating = false;
// The place of the playhead on the screen, at which it stays while the plots scroll.
let anchor = 0.3;

export function seek(seconds) {
  timeline.now = clamp(seconds, 0, piece.seconds);
  setPosition(timeline.now);
  reveal(timeline.now);
  follow();
  showTime();
}

function follow() {
  timeline.following = true;
  anchor = clamp((timeline.now - timeline.start) / visibleSeconds(), 0.3, 0.8);
}

export function togglePlaying() {
  if (!sound.tracks.size) return;
  if (playing()) return pause();
  if (timeline.now >= piece.seconds - 0.05) seek(0);
  if (timeline.loop && (timeline.now < timeline.loop.start || timeline.now >= timeline.loop.stop)) seek(timeline.loop.start);
  follow();
  play();
}

export function mixTo(mix) {
  if (sound.tracks.size < 2) return;
  setMix(mix);
  showMix();
  announce(mix === 0 ? "Playing the recording" : mix === 1 ? "Playing the transcription" : "Playing both");
}

export const switchAudio = () => mixTo(sound.mix < 0.5 ? 1 : 0);

function showMix() {
  byId("mix").hidden = sound.tracks.size < 2;
  byId("crossfade").value = 100 * sound.mix;
  byId("crossfade").setAttribute("aria-valuetext", `${Math.round(100 - 100 * sound.mix)} % recording, ${Math.round(100 * sound.mix)} % transcription`);
  byId("only-recording").setAttribute("aria-pressed", String(sound.mix === 0));
  byId("only-transcription").setAttribute("aria-pressed", String(sound.mix === 1));
}

export function speedTo(speed) {
  setSpeed(speed);
  byId("speed").value = String(speed);
  announce(`Speed ${speed}`);
}

export const changeSpeed = (steps) =>
  speedTo(SPEEDS[clamp(SPEEDS.indexOf(sound.speed) + steps, 0, SPEEDS.length - 1)]);

export function setLoop(start, stop) {
  timeline.loop = stop - start >= SHORTEST_LOOP ? { start, stop } : null;
  showLoop();
}

// Repeat the visible range, or stop repeating.
export function toggleLoop() {
  if (timeline.loop) setLoop(0, 0);
  else setLoop(timeline.start, timeline.stop);
  announce(timeline.loop ? `Repeating ${loopText()}` : "Not repeating");
}

// The loop begins, or ends, at the present position.
export function loopFromHere() {
  const stop = timeline.loop?.stop ?? timeline.stop;
  setLoop(timeline.now, stop > timeline.now ? stop : piece.seconds);
}

export function loopToHere() {
  const start = timeline.loop?.start ?? timeline.start;
  setLoop(start < timeline.now ? start : 0, timeline.now);
}

const loopText = () => `${clockText(timeline.loop.start, 1)} to ${clockText(timeline.loop.stop, 1)}`;

function showLoop() {
  byId("loop").setAttribute("aria-pressed", String(Boolean(timeline.loop)));
  byId("loop-range").textContent = timeline.loop ? loopText() : "";
  byId("loop-ends").hidden = !timeline.loop;
  redraw();
}

function showState() {
  byId("play").classList.toggle("playing", playing());
  byId("play").ariaLabel = playing() ? "Pause" : "Play";
  if (playing() && !animating) followPlayback();
  if (timeline.loop && !playing() && timeline.now >= piece.seconds - 0.05) repeatLoop(true);
}

function repeatLoop(ended = false) {
  if (!timeline.loop || (!ended && timeline.now < timeline.loop.stop)) return;
  seek(timeline.loop.start);
  if (ended) play();
}

// During playback move the playhead, and scroll so that it stays visible.
function followPlayback() {
  animating = playing();
  if (!animating) return showTime();
  const wasVisible = timeline.now >= timeline.start && timeline.now <= timeline.stop;
  timeline.now = Math.min(position(), piece.seconds);
  synchronise();
  repeatLoop();
  if (timeline.following && wasVisible) scrollAlong();
  showTime();
  requestAnimationFrame(followPlayback);
}

// Scroll continuously, or by pages for those who want no motion.
function scrollAlong() {
  if (stillScreen.matches) {
    if (timeline.now > timeline.stop) showRange(timeline.now - 0.02 * visibleSeconds());
  } else if (timeline.now > timeline.start + anchor * visibleSeconds() && timeline.stop < piece.seconds) {
    showRange(timeline.now - anchor * visibleSeconds());
  }
}

function showTime() {
  byId("time").textContent = `${clockText(timeline.now)} / ${clockText(Math.round(piece.seconds))}`;
  byId("seek").value = timeline.now;
  byId("seek").setAttribute("aria-valuetext", `${clockText(timeline.now)} of ${clockText(Math.round(piece.seconds))}`);
  placePlayhead();
  highlightSection();
}

// Go to the next section, or back to the beginning of this one, then to the previous one.
export function jumpToSection(forward) {
  const starts = piece.analysis.sections.map(({ start }) => start);
  const found = forward
    ? starts.find((start) => start > timeline.now + 0.05)
    : starts.findLast((start) => start < timeline.now - 1);
  seek(found ?? (forward ? piece.seconds : 0));
}

// Play other audio from the beginning; urls as for loadTracks. With keepPosition from where it was.
export function showPlayer(urls, keepPosition = false) {
  const { mix } = sound;
  loadTracks(urls);
  if (keepPosition && sound.tracks.size > 1) setMix(mix);
  timeline.now = keepPosition ? Math.min(timeline.now, piece.seconds) : 0;
  if (!keepPosition) timeline.loop = null;
  setPosition(timeline.now);
  byId("player").hidden = !(piece.notes.length || piece.images.waveform);
  byId("play").hidden = !sound.tracks.size;
  byId("seek").max = piece.seconds;
  showMix();
  showLoop();
  showTime();
}

// Connect the controls; once.
export function startPlayer() {
  sound.onChange = showState;
  // The end of the page is above the player, whatever its height.
  new ResizeObserver(() => document.documentElement.style.setProperty("--player", `${byId("player").offsetHeight}px`)).observe(byId("player"));
  sound.onFault = (text) => {
    byId("player-fault").textContent = text;
    byId("player-fault").hidden = false;
  };
  timeline.onSeek = seek;
  timeline.onSelect = setLoop;
  timeline.onRedraw.push(drawOverview);
  const on = (id, event, act) => byId(id).addEventListener(event, act);
  on("seek", "input", (event) => seek(Number(event.target.value)));
  on("play", "click", togglePlaying);
  on("crossfade", "input", (event) => mixTo(Number(event.target.value) / 100));
  on("only-recording", "click", () => mixTo(0));
  on("only-transcription", "click", () => mixTo(1));
  on("speed", "change", (event) => speedTo(Number(event.target.value)));
  on("loop", "click", toggleLoop);
  on("loop-start", "click", loopFromHere);
  on("loop-stop", "click", loopToHere);
  on("in", "click", () => zoom(0.5));
  on("out", "click", () => zoom(2));
  on("all", "click", () => showRange(0, piece.seconds));
}
