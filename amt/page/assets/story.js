// What is told in words and buttons: the facts, the parts, the figures that return.

let chosen = { button: null, times: [], place: 0 };

function tellFacts() {
  const { key, tempo, metre, range: reach, dynamics, pedalling, density } = patterns;
  const facts = [["Length", clockText(portrait.seconds), ""]];
  if (key) facts.push(["Key", pretty(key.name), `${percent(Math.max(key.correlation, 0))} match`]);
  if (tempo) facts.push(["Tempo", `♩ = ${Math.round(tempo.bpm)}`, `mostly ${Math.round(tempo.slow)} to ${Math.round(tempo.fast)} a minute`]);
  if (metre) facts.push(["Metre", metre.signature, "as it is felt"]);
  if (density) facts.push(["Notes", String(patterns.notes), `${density.notes_per_second.toFixed(1)} a second`]);
  if (reach) {
    facts.push(["Most common note", pretty(reach.most_common.name), `struck ${plural(reach.most_common_count, "time")}`]);
    facts.push(["Range", `${pretty(reach.lowest.name)} – ${pretty(reach.highest.name)}`, plural(reach.semitones, "semitone")]);
  }
  if (dynamics) facts.push(["Touch", String(Math.round(dynamics.mean)), `velocity, mostly ${Math.round(dynamics.soft)} to ${Math.round(dynamics.loud)} of 127`]);
  if (pedalling) facts.push(["Pedal", `${percent(pedalling.down)} down`, `${plural(pedalling.presses, "press").replace("presss", "presses")}`]);
  byId("facts").append(...facts.map(([name, value, more]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, value), ...(more ? [element("dd", {}, more)] : []))));
  byId("kind").textContent = portrait.origin;
  byId("notice").textContent = portrait.notice;
  byId("notice").hidden = !portrait.notice;
}

const emptied = (name) => document.querySelector(`[data-list="${name}"]`).remove();

function tellParts() {
  if (!patterns.sections.length) return emptied("sections");
  byId("sections").append(...patterns.sections.map((section) => {
    const button = element("button", { type: "button" },
      element("b", {}, prime(section.label)), element("small", {}, `${clockText(section.start)} – ${clockText(section.stop)}`));
    button.addEventListener("click", () => goTo(section.start, section.stop));
    section.button = button;
    return element("li", {}, button);
  }));
}

// Say which part is heard now.
function followParts() {
  for (const { start, stop, button } of patterns.sections) {
    const current = String(stage.now >= start && stage.now < stop);
    if (button && button.getAttribute("aria-current") !== current) button.setAttribute("aria-current", current);
  }
}

function goTo(start, stop = start) {
  stage.onSeek(start);
  const length = stage.stop - stage.start;
  if (start < stage.start || stop > stage.stop) show(start - 0.08 * length);
}

function tellMotifs(name, motifs, dotsOf) {
  if (!motifs.length) return emptied(name);
  byId(name).append(...motifs.map((motif) => {
    const small = element("small", {}, `${plural(motif.steps.length + (name === "rhythmic" ? 2 : 1), "note")}, ${motif.count} times`);
    const share = element("small", {}, `${percent(motif.explained)} of the melody`);
    const button = element("button", { type: "button" }, contour(dotsOf(motif.steps)), small, share);
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => choose(button, motif.times));
    return button;
  }));
}

// A melody's notes, evenly spaced, as high as they are.
function melodyDots(steps) {
  let height = 0;
  return [[0, 0], ...steps.map((step, index) => [index + 1, (height += step)])];
}

// A rhythm's onsets on one line; each step is a power of the root of 2.
function rhythmDots(steps) {
  let length = 1;
  let time = 1;
  return [[0, 0], [1, 0], ...steps.map((step) => [(time += length *= 2 ** (step / 2)), 0])];
}

function contour(dots) {
  const [left, right] = range(dots.map(([x]) => x));
  const [low, high] = range(dots.map(([, y]) => y));
  const place = ([x, y]) => [
    6 + (148 * (x - left)) / (right - left || 1),
    high > low ? 48 - (42 * (y - low)) / (high - low) : 27,
  ];
  const places = dots.map(place);
  const radius = dots.length > 24 ? 2 : 3.5;
  return drawing("svg", { viewBox: "0 0 160 54", "aria-hidden": "true", preserveAspectRatio: "none" },
    drawing("polyline", { points: places.map((xy) => xy.map((value) => value.toFixed(1)).join(",")).join(" ") }),
    ...places.map(([cx, cy]) => drawing("circle", { cx: cx.toFixed(1), cy: cy.toFixed(1), r: radius })));
}

// Light up the places of a figure and go to the first; another press goes to the next.
function choose(button, times) {
  if (chosen.button === button) return nextPlace();
  clearChoice();
  chosen = { button, times, place: -1 };
  button.setAttribute("aria-pressed", "true");
  stage.marks = times;
  nextPlace();
}

function nextPlace() {
  if (!chosen.button) return;
  chosen.place = (chosen.place + 1) % chosen.times.length;
  const [start, stop] = chosen.times[chosen.place];
  goTo(start, stop);
  byId("status").textContent = `Place ${chosen.place + 1} of ${chosen.times.length}, at ${clockText(start)}`;
  redraw();
}

function clearChoice() {
  chosen.button?.setAttribute("aria-pressed", "false");
  chosen = { button: null, times: [], place: 0 };
  stage.marks = [];
  byId("status").textContent = "";
  redraw();
}

function tellChords() {
  const seconds = new Map();
  for (const { start, stop, name } of patterns.chords) seconds.set(name, (seconds.get(name) ?? 0) + stop - start);
  if (!seconds.size) return emptied("chords");
  const most = [...seconds].sort(([, a], [, b]) => b - a).slice(0, 8);
  byId("common-chords").append(...most.map(([name, time]) => {
    const bar = element("i");
    bar.style.width = `${(100 * time) / most[0][1]}%`;
    return element("div", {}, element("span", {}, pretty(name)), bar, element("span", {}, percent(time / portrait.seconds)));
  }));
}
