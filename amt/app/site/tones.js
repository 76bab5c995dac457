// A short tone for a note that is selected or changed, so that corrections can be heard.

import { playing } from "./audio.js";

const SECONDS = 0.5;
let context = null;

export function playTone({ pitch, velocity }) {
  if (playing()) return;
  context ??= new AudioContext();
  const now = context.currentTime;
  const oscillator = new OscillatorNode(context, { type: "triangle", frequency: 440 * 2 ** ((pitch - 69) / 12) });
  const gain = new GainNode(context, { gain: 0 });
  gain.gain.setValueAtTime(0, now);
  gain.gain.linearRampToValueAtTime(0.25 * (velocity / 127), now + 0.008);
  gain.gain.exponentialRampToValueAtTime(0.0005, now + SECONDS);
  oscillator.connect(gain).connect(context.destination);
  oscillator.start(now);
  oscillator.stop(now + SECONDS);
}
