// Recording from the microphone, with its level.

import { showFault } from "./api.js";
import { byId, clockText } from "./elements.js";
import { wavOf } from "./wav.js";

// The rate of the model; a higher one would only make the upload larger.
const SAMPLE_RATE = 16000;
const FAULTS = {
  NotAllowedError: "The browser may not use the microphone. Allow it in the settings of this page, then try again.",
  NotFoundError: "There is no microphone. Connect one, or choose a file.",
  NotReadableError: "Another program uses the microphone. Close it, then try again.",
};

// onRecorded: called with a file. limit: in seconds.
export function startMicrophone(limit, onRecorded) {
  byId("record").addEventListener("click", () => record(limit, onRecorded).catch(showRefusal));
}

function showRefusal(error) {
  showFault("add-fault", FAULTS[error.name] ?? `The microphone cannot be used: ${error.message}`);
}

async function record(limit, onRecorded) {
  showFault("add-fault");
  if (!navigator.mediaDevices) throw new Error("browsers allow it on https:// and on this computer only.");
  // What helps speech spoils music.
  const wanted = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: wanted });
  const recorder = new MediaRecorder(stream);
  const parts = [];
  let wantedAfterwards = true;
  const stop = (keep) => {
    wantedAfterwards = keep;
    if (recorder.state !== "inactive") recorder.stop();
  };
  const stopMeter = showLevel(stream, limit, () => stop(true));
  recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
  recorder.addEventListener("stop", async () => {
    stream.getTracks().forEach((track) => track.stop());
    stopMeter();
    showRecorder(false);
    if (wantedAfterwards) onRecorded(await fileOf(new Blob(parts)));
  });
  byId("recorder-stop").onclick = () => stop(true);
  byId("recorder-discard").onclick = () => stop(false);
  recorder.start(1000);
  showRecorder(true);
}

function showRecorder(isRecording) {
  byId("recorder").hidden = !isRecording;
  byId("add-files").hidden = isRecording;
  byId(isRecording ? "recorder-stop" : "record").focus();
}

// Show level and time until the returned function is called.
function showLevel(stream, limit, onLimit) {
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 2048 });
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const begin = performance.now();
  let loudest = 0;
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const peak = samples.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    loudest = Math.max(loudest, peak);
    const seconds = (performance.now() - begin) / 1000;
    byId("level").value = Math.sqrt(peak);
    byId("recorder-time").textContent = clockText(seconds);
    showLevelText(levelText(peak, loudest, seconds));
    if (seconds >= limit) onLimit();
  }, 80);
  return () => {
    clearInterval(timer);
    context.close();
  };
}

function levelText(peak, loudest, seconds) {
  if (peak > 0.98) return "Too loud: the sound is cut off. Move the microphone away.";
  if (seconds > 3 && loudest < 0.01) return "Nothing is heard. Is the microphone switched on?";
  return "Play. The recording stays here until you stop.";
}

function showLevelText(text) {
  if (byId("level-text").textContent !== text) byId("level-text").textContent = text;
}

// As WAV, which every server reads, whatever format this browser records.
async function fileOf(blob) {
  const context = new AudioContext({ sampleRate: SAMPLE_RATE });
  const audio = await context.decodeAudioData(await blob.arrayBuffer());
  context.close();
  const time = new Date().toLocaleString("sv-SE").replace(/:\d\d$/, "").replace(":", ".");
  return new File([wavOf(audio)], `Recording ${time}.wav`, { type: "audio/wav" });
}
