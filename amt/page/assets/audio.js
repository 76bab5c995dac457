// The recording and its synthesized transcription, played in sync and mixed.

import { clamp, element } from "./elements.js";

// More than this is repaired by a jump, less by a slightly other speed (seconds).
const JUMP = 0.12;
const STALL = 700; // milliseconds

// tracks: audio elements by name; mix: 0 is the recording alone, 1 the transcription alone;
// at: the position while no track plays; onChange: called when playing begins or ends;
// onFault: called with a text.
export const sound = { tracks: new Map(), mix: 0, speed: 1, at: 0, onChange: () => {}, onFault: () => {} };

// urls: by name, `recording` and `transcription`, each optional.
export function loadTracks(urls) {
  for (const audio of sound.tracks.values()) {
    audio.pause();
    audio.removeAttribute("src");
    audio.load(); // Ends what is being loaded.
  }
  sound.tracks = new Map(Object.entries(urls).map(([name, url]) => [name, track(name, url)]));
  sound.at = 0;
  sound.mix = urls.recording ? 0 : 1;
  applyMix();
}

function track(name, url) {
  const audio = element("audio", { src: url, preload: "auto", preservesPitch: true });
  for (const event of ["play", "pause", "ended"]) audio.addEventListener(event, () => sound.onChange());
  // A position that was set before the metadata was loaded may be lost.
  audio.addEventListener("loadedmetadata", () => moveTo(audio, sound.at));
  audio.addEventListener("waiting", () => setTimeout(wake, STALL, audio));
  audio.addEventListener("error", () => {
    if (audio.getAttribute("src")) sound.onFault(`The ${name} cannot be played. Load the page again.`);
  });
  return audio;
}

// A jump to where it is already would interrupt an earlier one, at which Chromium may stall.
function moveTo(audio, seconds) {
  if (Math.abs(audio.currentTime - seconds) > 0.005) audio.currentTime = seconds;
}

// Chromium may also stall at data that it has: a jump makes it go on.
function wake(audio) {
  const hasAll = audio.networkState === HTMLMediaElement.NETWORK_IDLE;
  if (hasAll && !audio.paused && !audio.seeking && audio.readyState < HTMLMediaElement.HAVE_FUTURE_DATA) {
    audio.currentTime += 0.001;
  }
}

// Loudness of a track; the sum of the powers is constant.
function gain(name) {
  if (sound.tracks.size < 2) return 1;
  return name === "recording" ? Math.cos((sound.mix * Math.PI) / 2) : Math.sin((sound.mix * Math.PI) / 2);
}

const audible = () => [...sound.tracks].filter(([name]) => gain(name) > 0.01).map(([, audio]) => audio);
const loudest = () => [...sound.tracks].sort(([a], [b]) => gain(b) - gain(a))[0]?.[1];

export const playing = () => Boolean(loudest() && !loudest().paused && !loudest().ended);
export const position = () => (playing() ? loudest().currentTime : sound.at);

export function play() {
  for (const audio of audible()) {
    moveTo(audio, sound.at);
    audio.playbackRate = sound.speed;
    audio.play().catch((error) => {
      if (error.name !== "AbortError") sound.onFault(`Your browser does not play this: ${error.message}`);
    });
  }
}

export function pause() {
  sound.at = position();
  for (const audio of sound.tracks.values()) audio.pause();
}

export function setPosition(seconds) {
  sound.at = seconds;
  for (const audio of sound.tracks.values()) moveTo(audio, Math.min(seconds, audio.duration || seconds));
}

export function setMix(mix) {
  const [wasPlaying, at] = [playing(), position()];
  sound.mix = clamp(mix, 0, 1);
  applyMix();
  sound.at = at;
  for (const audio of sound.tracks.values()) {
    const heard = audible().includes(audio);
    if (!heard) audio.pause();
    if (heard && audio.paused) moveTo(audio, at);
    if (heard && audio.paused && wasPlaying) audio.play();
  }
}

// Some phones let no page set the volume: there the quieter track is muted.
function applyMix() {
  for (const [name, audio] of sound.tracks) {
    audio.volume = clamp(gain(name), 0, 1);
    audio.muted = Math.abs(audio.volume - gain(name)) > 0.01 && audio !== loudest();
    audio.playbackRate = sound.speed;
  }
}

export function setSpeed(speed) {
  sound.speed = speed;
  for (const audio of sound.tracks.values()) audio.playbackRate = speed;
}

// Keep the quieter track at the position of the louder one.
export function synchronise() {
  const leader = loudest();
  for (const audio of audible()) {
    if (audio === leader || audio.paused) continue;
    const late = leader.currentTime - audio.currentTime;
    if (Math.abs(late) > JUMP) audio.currentTime = leader.currentTime;
    audio.playbackRate = sound.speed * clamp(1 + late, 0.95, 1.05);
  }
}
