// What the page is about, and how its parts are read and written down.

const byId = (id) => document.getElementById(id);
const portrait = JSON.parse(byId("document").textContent);
const { patterns, views } = portrait;
const LETTERS = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];

// Columns are quicker to draw than objects, and an hour has many notes.
const notes = {
  count: portrait.notes.length,
  onset: Float64Array.from(portrait.notes, (note) => note.onset),
  offset: Float64Array.from(portrait.notes, (note) => note.offset),
  pitch: Uint8Array.from(portrait.notes, (note) => note.pitch),
  ring: Float64Array.from(portrait.rings),
  velocity: Uint8Array.from(portrait.notes, (note) => note.velocity),
};

const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

// Values of row `row` of a view at column `column`, in its own unit.
function unpack(view) {
  const data = bytes(view.data);
  const scale = (view.high - view.low) / 255;
  return { ...view, data, at: (row, column) => view.low + scale * data[row * view.columns + column] };
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const pitchName = (pitch) => `${LETTERS[pitch % 12]}${Math.floor(pitch / 12) - 1}`;
const pretty = (name) => name.replace(/^([A-G])#/, "$1♯").replace(/^([A-G])b/, "$1♭").replace("7b5", "7♭5");
const percent = (share) => `${Math.round(100 * share)} %`;
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

function clockText(seconds, digits = 0) {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 60) % 60, whole % 60];
  if (whole >= 3600) parts.unshift(Math.floor(whole / 3600));
  const text = parts.map((part, index) => (index ? String(part).padStart(2, "0") : part)).join(":");
  return digits ? `${text}.${Math.floor((seconds % 1) * 10 ** digits)}` : text;
}

// An element with properties and children; strings become text, never markup.
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  Object.assign(made, properties);
  made.append(...children);
  return made;
}

function drawing(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
