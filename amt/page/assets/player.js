// The player: the recording and the synthesized transcription, a switch between them, keyboard control.

const SKIP_SECONDS = 5;
const audioElements = {};
let current = null;
let animating = false;

function loadAudio() {
  for (const name of ["recording", "transcription"]) {
    const source = byId(name);
    if (!source) continue;
    // A blob: not every browser can seek in a data: URL.
    const url = URL.createObjectURL(new Blob([bytes(source.textContent.trim())], { type: "audio/mpeg" }));
    source.remove();
    audioElements[name] = element("audio", { src: url, preload: "auto" });
    for (const event of ["play", "pause", "ended"]) audioElements[name].addEventListener(event, showState);
    // A position that was set before the metadata was loaded may be lost.
    audioElements[name].addEventListener("loadedmetadata", () => (audioElements[name].currentTime = timeline.now));
    current ??= name;
  }
}

const audio = () => audioElements[current];
const playing = () => Boolean(audio() && !audio().paused && !audio().ended);

function seek(seconds) {
  timeline.now = clamp(seconds, 0, timeline.seconds);
  if (audio()) audio().currentTime = Math.min(timeline.now, audio().duration || timeline.now);
  reveal(timeline.now);
  showTime();
}

function toggle() {
  if (!audio()) return;
  if (playing()) return audio().pause();
  if (timeline.now >= timeline.seconds - 0.05) seek(0);
  audio().play().catch((error) => (byId("status").textContent = `Cannot play: ${error.message}`));
}

// Continue with the other audio at the same position.
function selectAudio(name) {
  if (!audioElements[name] || name === current) return;
  const wasPlaying = playing();
  const position = wasPlaying ? audio().currentTime : timeline.now;
  audio().pause();
  current = name;
  audio().currentTime = position;
  if (wasPlaying) audio().play();
  document.querySelector(`input[value="${name}"]`).checked = true;
  byId("status").textContent = `Playing the ${name}`;
}

function showState() {
  byId("play").classList.toggle("playing", playing());
  byId("play").ariaLabel = playing() ? "Pause" : "Play";
  if (playing() && !animating) followPlayback();
}

// During playback move the playhead; scroll on when it leaves the visible time range.
function followPlayback() {
  animating = playing();
  if (!animating) return showTime();
  const isVisible = timeline.now >= timeline.start && timeline.now <= timeline.stop;
  timeline.now = Math.min(audio().currentTime, timeline.seconds);
  if (isVisible && timeline.now > timeline.stop) showRange(timeline.now - 0.02 * (timeline.stop - timeline.start));
  showTime();
  requestAnimationFrame(followPlayback);
}

function showTime() {
  byId("time").textContent = `${clockText(timeline.now)} / ${clockText(timeline.seconds)}`;
  byId("seek").value = timeline.now;
  byId("seek").setAttribute("aria-valuetext", `${clockText(timeline.now)} of ${clockText(timeline.seconds)}`);
  placePlayhead();
  highlightSection();
}

// Go to the next section, or back to the beginning of this one, then to the previous one.
function jumpToSection(forward) {
  const starts = analysis.sections.map(({ start }) => start);
  const found = forward
    ? starts.find((start) => start > timeline.now + 0.05)
    : starts.findLast((start) => start < timeline.now - 1);
  seek(found ?? (forward ? timeline.seconds : 0));
}

const KEYS = {
  " ": toggle,
  ArrowLeft: (event) => (event.shiftKey ? jumpToSection(false) : seek(timeline.now - SKIP_SECONDS)),
  ArrowRight: (event) => (event.shiftKey ? jumpToSection(true) : seek(timeline.now + SKIP_SECONDS)),
  Home: () => seek(0),
  End: () => seek(timeline.seconds),
  s: () => selectAudio(current === "recording" ? "transcription" : "recording"),
  n: nextOccurrence,
  "+": () => zoom(0.5),
  "=": () => zoom(0.5),
  "-": () => zoom(2),
  0: () => showRange(0, timeline.seconds),
  Escape: clearSelection,
};

// A control that has the keyboard focus keeps its own keys.
function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  const focus = document.activeElement;
  const space = focus?.matches("button:focus-visible, summary:focus-visible") && event.key === " ";
  const arrows = focus?.matches("input[type=radio]:focus-visible") && event.key.startsWith("Arrow");
  if (space || arrows) return;
  event.preventDefault();
  KEYS[event.key](event);
}

function startPlayer() {
  loadAudio();
  byId("player").hidden = !(notes.count || images.waveform);
  byId("switch").hidden = Object.keys(audioElements).length < 2;
  byId("play").hidden = !current;
  if (current) document.querySelector(`input[value="${current}"]`).checked = true;
  timeline.onSeek = seek;
  byId("seek").max = timeline.seconds;
  byId("seek").addEventListener("input", (event) => seek(Number(event.target.value)));
  byId("play").addEventListener("click", toggle);
  byId("switch").addEventListener("change", (event) => selectAudio(event.target.value));
  byId("in").addEventListener("click", () => zoom(0.5));
  byId("out").addEventListener("click", () => zoom(2));
  byId("all").addEventListener("click", () => showRange(0, timeline.seconds));
  document.addEventListener("keydown", onKey);
  showTime();
}
