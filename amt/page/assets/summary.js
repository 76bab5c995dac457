// Key facts, sections and the most common chords.

import { byId, clockText, element, percent, plural, prime, typeset } from "./elements.js";
import { piece } from "./piece.js";
import { goTo, timeline } from "./timeline.js";

export function showFacts() {
  byId("facts").replaceChildren(...factsOf(piece).map(([name, value, more]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, value), ...(more ? [element("dd", {}, more)] : []))));
  byId("origin").textContent = piece.origin;
  byId("notice").textContent = piece.notice;
  byId("notice").hidden = !piece.notice;
}

// The sign of a note as long as a beat, by its length in quarter notes.
const BEATS = { 0.5: "♪", 0.75: "♪.", 1: "♩", 1.5: "♩.", 2: "half note", 3: "dotted half note" };
const variation = ({ slow, fast }) =>
  (Math.round(slow) === Math.round(fast) ? "steady" : `mostly ${Math.round(slow)} to ${Math.round(fast)}`);
const changes = ({ changes: all }) => (all.length > 1 ? `, ${plural(all.length - 1, "change")}` : "");
const doubt = (tempo) => (tempo?.certain ? "" : ", uncertain");

// [name, value, remark]
function factsOf({ seconds, analysis }) {
  const { key, tempo, metre, range: reach, dynamics, pedalling, density } = analysis;
  const facts = [["Length", clockText(Math.round(seconds)), ""]];
  if (key) facts.push(["Key", typeset(key.name), `${percent(Math.max(key.correlation, 0))} match`]);
  if (tempo) facts.push(["Tempo", `${BEATS[tempo.beat] ?? "beat"} = ${Math.round(tempo.bpm)}`, `${variation(tempo)}${doubt(tempo)}`]);
  if (metre) facts.push(["Metre", metre.signature, `${plural(metre.downbeats.length, "bar")}${changes(metre)}${doubt(tempo)}`]);
  if (density) facts.push(["Notes", String(analysis.notes), `${density.notes_per_second.toFixed(1)} per second`]);
  if (reach) {
    facts.push(["Most common", typeset(reach.most_common.name), plural(reach.most_common_count, "note")]);
    facts.push(["Range", `${typeset(reach.lowest.name)} – ${typeset(reach.highest.name)}`, plural(reach.semitones, "semitone")]);
  }
  if (dynamics) facts.push(["Velocity", String(Math.round(dynamics.mean)), `mostly ${Math.round(dynamics.soft)} to ${Math.round(dynamics.loud)}`]);
  if (pedalling) facts.push(["Pedal", `${percent(pedalling.down)} down`, plural(pedalling.presses, "press", "presses")]);
  return facts;
}

// Fill a list; hide it with its heading where it would be empty.
export function fillList(name, id, items) {
  document.querySelector(`[data-list="${name}"]`).hidden = !items.length;
  byId(id).replaceChildren(...items);
}

export function showSections() {
  fillList("sections", "sections", piece.analysis.sections.map((section) => {
    const button = element("button", { type: "button" },
      element("b", {}, prime(section.label)), element("small", {}, `${clockText(section.start)} – ${clockText(section.stop)}`));
    button.addEventListener("click", () => goTo(section.start, section.stop));
    section.button = button;
    return element("li", {}, button);
  }));
}

// Highlight the section at the present position.
export function highlightSection() {
  for (const { start, stop, button } of piece.analysis.sections) {
    const current = String(timeline.now >= start && timeline.now < stop);
    if (button && button.getAttribute("aria-current") !== current) button.setAttribute("aria-current", current);
  }
}

export function showChords() {
  const seconds = new Map();
  for (const { start, stop, name } of piece.analysis.chords) seconds.set(name, (seconds.get(name) ?? 0) + stop - start);
  const most = [...seconds].sort(([, a], [, b]) => b - a).slice(0, 8);
  fillList("chords", "common-chords", most.map(([name, time]) => {
    const bar = element("i");
    bar.style.width = `${(100 * time) / most[0][1]}%`;
    return element("div", {}, element("span", {}, typeset(name)), bar, element("span", {}, percent(time / piece.seconds)));
  }));
}
