// The data of the page, and helpers for texts and elements.
//
// The page must work as one file without a network, so it uses no library: plotting libraries such as
// Plotly or D3 would add megabytes to every page, or would have to be loaded.

const byId = (id) => document.getElementById(id);
const description = JSON.parse(byId("document").textContent);
const { analysis, images } = description;
const LETTERS = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];

// One typed array per column: faster than objects for the many notes of a long recording.
const notes = {
  count: description.notes.length,
  onset: Float64Array.from(description.notes, (note) => note.onset),
  offset: Float64Array.from(description.notes, (note) => note.offset),
  pitch: Uint8Array.from(description.notes, (note) => note.pitch),
  // With the sustain pedal.
  soundingUntil: Float64Array.from(description.sounding_until),
  velocity: Uint8Array.from(description.notes, (note) => note.velocity),
};

const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

// An image with its bytes, and `at`, its value at a row and column in its own unit.
function unpack(image) {
  const data = bytes(image.data);
  const scale = (image.high - image.low) / 255;
  return { ...image, data, at: (row, column) => image.low + scale * data[row * image.columns + column] };
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const pitchName = (pitch) => `${LETTERS[pitch % 12]}${Math.floor(pitch / 12) - 1}`;
const typeset = (name) => name.replace(/^([A-G])#/, "$1♯").replace(/^([A-G])b/, "$1♭").replace("7b5", "7♭5");
const percent = (share) => `${Math.round(100 * share)} %`;
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

function clockText(seconds, digits = 0) {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 60) % 60, whole % 60];
  if (whole >= 3600) parts.unshift(Math.floor(whole / 3600));
  const text = parts.map((part, index) => (index ? String(part).padStart(2, "0") : part)).join(":");
  return digits ? `${text}.${Math.floor((seconds % 1) * 10 ** digits)}` : text;
}

// An HTML element with properties and children; strings become text, never markup.
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  Object.assign(made, properties);
  made.append(...children);
  return made;
}

// An SVG element with attributes and children.
function svgElement(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
