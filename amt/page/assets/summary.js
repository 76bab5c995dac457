// Key facts, and buttons for sections and motifs.

// The selected motif, and the occurrence that is shown.
let selection = { button: null, times: [], index: 0 };

function showFacts() {
  const { key, tempo, metre, range: reach, dynamics, pedalling, density } = analysis;
  const facts = [["Length", clockText(description.seconds), ""]];
  if (key) facts.push(["Key", typeset(key.name), `${percent(Math.max(key.correlation, 0))} match`]);
  if (tempo) facts.push(["Tempo", `♩ = ${Math.round(tempo.bpm)}`, `mostly ${Math.round(tempo.slow)} to ${Math.round(tempo.fast)} per minute`]);
  if (metre) facts.push(["Metre", metre.signature, "estimated from accents"]);
  if (density) facts.push(["Notes", String(analysis.notes), `${density.notes_per_second.toFixed(1)} per second`]);
  if (reach) {
    facts.push(["Most common note", typeset(reach.most_common.name), plural(reach.most_common_count, "note")]);
    facts.push(["Range", `${typeset(reach.lowest.name)} – ${typeset(reach.highest.name)}`, plural(reach.semitones, "semitone")]);
  }
  if (dynamics) facts.push(["Velocity", String(Math.round(dynamics.mean)), `mostly ${Math.round(dynamics.soft)} to ${Math.round(dynamics.loud)} of 127`]);
  if (pedalling) facts.push(["Pedal", `${percent(pedalling.down)} down`, `${plural(pedalling.presses, "press").replace("presss", "presses")}`]);
  byId("facts").append(...facts.map(([name, value, more]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, value), ...(more ? [element("dd", {}, more)] : []))));
  byId("origin").textContent = description.origin;
  byId("notice").textContent = description.notice;
  byId("notice").hidden = !description.notice;
}

const removeList = (name) => document.querySelector(`[data-list="${name}"]`).remove();

function showSections() {
  if (!analysis.sections.length) return removeList("sections");
  byId("sections").append(...analysis.sections.map((section) => {
    const button = element("button", { type: "button" },
      element("b", {}, prime(section.label)), element("small", {}, `${clockText(section.start)} – ${clockText(section.stop)}`));
    button.addEventListener("click", () => goTo(section.start, section.stop));
    section.button = button;
    return element("li", {}, button);
  }));
}

// Highlight the section at the present position.
function highlightSection() {
  for (const { start, stop, button } of analysis.sections) {
    const current = String(timeline.now >= start && timeline.now < stop);
    if (button && button.getAttribute("aria-current") !== current) button.setAttribute("aria-current", current);
  }
}

function goTo(start, stop = start) {
  timeline.onSeek(start);
  const length = timeline.stop - timeline.start;
  if (start < timeline.start || stop > timeline.stop) showRange(start - 0.08 * length);
}

function showMotifs(name, motifs, dotsOf) {
  if (!motifs.length) return removeList(name);
  byId(name).append(...motifs.map((motif) => {
    const small = element("small", {}, `${plural(motif.steps.length + (name === "rhythmic" ? 2 : 1), "note")}, ${motif.count} times`);
    const share = element("small", {}, `${percent(motif.explained)} of the melody`);
    const button = element("button", { type: "button" }, contour(dotsOf(motif.steps)), small, share);
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => selectMotif(button, motif.times));
    return button;
  }));
}

// Points of a melody: notes at equal distances, by pitch.
function melodyDots(steps) {
  let height = 0;
  return [[0, 0], ...steps.map((step, index) => [index + 1, (height += step)])];
}

// Points of a rhythm: onsets on one line. A step is a power of the square root of 2.
function rhythmDots(steps) {
  let length = 1;
  let time = 1;
  return [[0, 0], [1, 0], ...steps.map((step) => [(time += length *= 2 ** (step / 2)), 0])];
}

function contour(dots) {
  const [left, right] = range(dots.map(([x]) => x));
  const [low, high] = range(dots.map(([, y]) => y));
  const toSvg = ([x, y]) => [
    6 + (148 * (x - left)) / (right - left || 1),
    high > low ? 48 - (42 * (y - low)) / (high - low) : 27,
  ];
  const points = dots.map(toSvg);
  const radius = dots.length > 24 ? 2 : 3.5;
  return svgElement("svg", { viewBox: "0 0 160 54", "aria-hidden": "true", preserveAspectRatio: "none" },
    svgElement("polyline", { points: points.map((xy) => xy.map((value) => value.toFixed(1)).join(",")).join(" ") }),
    ...points.map(([cx, cy]) => svgElement("circle", { cx: cx.toFixed(1), cy: cy.toFixed(1), r: radius })));
}

// Mark the occurrences of a motif and go to the first one; a second click goes to the next one.
function selectMotif(button, times) {
  if (selection.button === button) return nextOccurrence();
  clearSelection();
  selection = { button, times, index: -1 };
  button.setAttribute("aria-pressed", "true");
  timeline.marks = times;
  nextOccurrence();
}

function nextOccurrence() {
  if (!selection.button) return;
  selection.index = (selection.index + 1) % selection.times.length;
  const [start, stop] = selection.times[selection.index];
  goTo(start, stop);
  byId("status").textContent = `Occurrence ${selection.index + 1} of ${selection.times.length}, at ${clockText(start)}`;
  redraw();
}

function clearSelection() {
  selection.button?.setAttribute("aria-pressed", "false");
  selection = { button: null, times: [], index: 0 };
  timeline.marks = [];
  byId("status").textContent = "";
  redraw();
}

function showChords() {
  const seconds = new Map();
  for (const { start, stop, name } of analysis.chords) seconds.set(name, (seconds.get(name) ?? 0) + stop - start);
  if (!seconds.size) return removeList("chords");
  const most = [...seconds].sort(([, a], [, b]) => b - a).slice(0, 8);
  byId("common-chords").append(...most.map(([name, time]) => {
    const bar = element("i");
    bar.style.width = `${(100 * time) / most[0][1]}%`;
    return element("div", {}, element("span", {}, typeset(name)), bar, element("span", {}, percent(time / description.seconds)));
  }));
}
