// Finding and making elements, and texts for numbers and times.
//
// The pages use no library: plotting libraries such as Plotly or D3 would add megabytes to every
// file that `amt describe` writes, or would have to be loaded.

export const byId = (id) => document.getElementById(id);

// An HTML element with properties and children; strings become text, never markup.
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  Object.assign(made, properties);
  made.append(...children);
  return made;
}

// An SVG element with attributes and children.
export function svgElement(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Say something to users of screen readers, and nothing else.
export const announce = (text) => (byId("status").textContent = text);

export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// Lowest and highest value. Math.min(...values) would overflow the stack for a long recording.
export const range = (values) => [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];

const SIGNS = /\b([A-G])(##?|bb?)(?=m?\d|m\b|maj|dim|aug|[^A-Za-z#\d]|$)/g;
// A text with the signs of pitches, keys and chords: Bb minor, G#4, Ebm7b5.
export const typeset = (text) =>
  text.replace(SIGNS, (_, letter, sign) => letter + sign.replaceAll("#", "♯").replaceAll("b", "♭")).replaceAll("m7b5", "m7♭5");

// A file name as a title.
export const readable = (name) => name.replace(/\.\w{2,5}$/, "").replaceAll("_", " ").trim() || name;

export const prime = (label) => label.replaceAll("'", "′");
export const minus = (number) => String(number).replace("-", "−");
export const percent = (share) => `${Math.round(100 * share)} %`;
export const plural = (count, word, many = `${word}s`) => `${count} ${count === 1 ? word : many}`;

export function clockText(seconds, digits = 0) {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 60) % 60, whole % 60];
  if (whole >= 3600) parts.unshift(Math.floor(whole / 3600));
  const text = parts.map((part, index) => (index ? String(part).padStart(2, "0") : part)).join(":");
  return digits ? `${text}.${String(Math.floor((seconds % 1) * 10 ** digits)).padStart(digits, "0")}` : text;
}
