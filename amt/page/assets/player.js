// The player: two recordings of one time, a switch between them, and the keys.

const HOP = 5;
const sounds = {};
let current = null;
let following = false;

function loadSounds() {
  for (const name of ["recording", "transcription"]) {
    const source = byId(name);
    if (!source) continue;
    // A blob, since not every browser can seek in a data: address.
    const url = URL.createObjectURL(new Blob([bytes(source.textContent.trim())], { type: "audio/mpeg" }));
    source.remove();
    sounds[name] = element("audio", { src: url, preload: "auto" });
    for (const event of ["play", "pause", "ended"]) sounds[name].addEventListener(event, showState);
    // A position that is set before the file is read may be lost.
    sounds[name].addEventListener("loadedmetadata", () => (sounds[name].currentTime = stage.now));
    current ??= name;
  }
}

const audio = () => sounds[current];
const playing = () => Boolean(audio() && !audio().paused && !audio().ended);

function seek(seconds) {
  stage.now = clamp(seconds, 0, stage.seconds);
  if (audio()) audio().currentTime = Math.min(stage.now, audio().duration || stage.now);
  reveal(stage.now);
  showTime();
}

function toggle() {
  if (!audio()) return;
  if (playing()) return audio().pause();
  if (stage.now >= stage.seconds - 0.05) seek(0);
  audio().play().catch((error) => (byId("status").textContent = `Cannot play: ${error.message}`));
}

// The other sound goes on where this one was.
function listenTo(name) {
  if (!sounds[name] || name === current) return;
  const goesOn = playing();
  const position = goesOn ? audio().currentTime : stage.now;
  audio().pause();
  current = name;
  audio().currentTime = position;
  if (goesOn) audio().play();
  document.querySelector(`input[value="${name}"]`).checked = true;
  byId("status").textContent = `Now the ${name}`;
}

function showState() {
  byId("play").classList.toggle("playing", playing());
  byId("play").ariaLabel = playing() ? "Pause" : "Play";
  if (playing() && !following) follow();
}

// While it plays, the playhead moves, and the page is turned when it leaves the one in sight.
function follow() {
  following = playing();
  if (!following) return showTime();
  const inSight = stage.now >= stage.start && stage.now <= stage.stop;
  stage.now = Math.min(audio().currentTime, stage.seconds);
  if (inSight && stage.now > stage.stop) show(stage.now - 0.02 * (stage.stop - stage.start));
  showTime();
  requestAnimationFrame(follow);
}

function showTime() {
  byId("time").textContent = `${clockText(stage.now)} / ${clockText(stage.seconds)}`;
  byId("seek").value = stage.now;
  byId("seek").setAttribute("aria-valuetext", `${clockText(stage.now)} of ${clockText(stage.seconds)}`);
  placePlayhead();
  followParts();
}

// The part before or after; within a part, back to its beginning first.
function otherPart(forward) {
  const starts = patterns.sections.map(({ start }) => start);
  const found = forward
    ? starts.find((start) => start > stage.now + 0.05)
    : starts.findLast((start) => start < stage.now - 1);
  seek(found ?? (forward ? stage.seconds : 0));
}

const KEYS = {
  " ": toggle,
  ArrowLeft: (event) => (event.shiftKey ? otherPart(false) : seek(stage.now - HOP)),
  ArrowRight: (event) => (event.shiftKey ? otherPart(true) : seek(stage.now + HOP)),
  Home: () => seek(0),
  End: () => seek(stage.seconds),
  s: () => listenTo(current === "recording" ? "transcription" : "recording"),
  n: nextPlace,
  "+": () => zoom(0.5),
  "=": () => zoom(0.5),
  "-": () => zoom(2),
  0: () => show(0, stage.seconds),
  Escape: clearChoice,
};

// Space and arrows stay with what someone has chosen by keyboard, except the position's own slider.
function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  const focus = document.activeElement;
  const own = focus?.matches("button:focus-visible, summary:focus-visible") && event.key === " ";
  const arrows = focus?.matches("input[type=radio]:focus-visible") && event.key.startsWith("Arrow");
  if (own || arrows) return;
  event.preventDefault();
  KEYS[event.key](event);
}

function startPlayer() {
  loadSounds();
  byId("player").hidden = !(notes.count || views.waveform);
  byId("switch").hidden = Object.keys(sounds).length < 2;
  byId("play").hidden = !current;
  if (current) document.querySelector(`input[value="${current}"]`).checked = true;
  stage.onSeek = seek;
  byId("seek").max = stage.seconds;
  byId("seek").addEventListener("input", (event) => seek(Number(event.target.value)));
  byId("play").addEventListener("click", toggle);
  byId("switch").addEventListener("change", (event) => listenTo(event.target.value));
  byId("in").addEventListener("click", () => zoom(0.5));
  byId("out").addEventListener("click", () => zoom(2));
  byId("all").addEventListener("click", () => show(0, stage.seconds));
  document.addEventListener("keydown", onKey);
  showTime();
}
