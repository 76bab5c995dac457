// The timeline: all plots show the same time range and one playhead, and can be clicked and dragged.

const LEFT = 46;
const RIGHT = 8;
const AXIS_HEIGHT = 18;
const MIN_VISIBLE_SECONDS = 1;

const timeline = {
  seconds: Math.max(description.seconds, 0.1),
  start: 0,
  stop: 1,
  now: 0,
  marks: [],
  plots: [],
  onSeek: () => {},
};

// draw(area) draws the plot; its caption becomes the description for screen readers.
function addPlot(name, height, draw, hasBeats = false) {
  const figure = document.querySelector(`figure[data-plot="${name}"]`);
  const title = figure.querySelector("h3").textContent;
  const canvas = element("canvas", { role: "img", ariaLabel: `${title}: ${figure.querySelector("p").textContent}` });
  canvas.setAttribute("role", "img");
  const playhead = element("i", { className: "playhead" });
  const frame = element("div", { className: "frame" }, canvas, playhead);
  figure.append(frame);
  timeline.plots.push({ canvas, playhead, height, draw, hasBeats });
  addPointerControls(frame);
}

const removePlot = (name) => document.querySelector(`figure[data-plot="${name}"]`).remove();

// A click seeks, dragging scrolls.
function addPointerControls(frame) {
  let from = null;
  const toSeconds = (event) => {
    const box = frame.getBoundingClientRect();
    const share = (event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT);
    return timeline.start + share * (timeline.stop - timeline.start);
  };
  frame.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    from = { x: event.clientX, start: timeline.start, moved: false };
    frame.setPointerCapture(event.pointerId);
  });
  frame.addEventListener("pointermove", (event) => {
    if (!from) return;
    const distance = event.clientX - from.x;
    from.moved ||= Math.abs(distance) > 5;
    if (!from.moved) return;
    frame.classList.add("dragged");
    const width = frame.clientWidth - LEFT - RIGHT;
    showRange(from.start - (distance / width) * (timeline.stop - timeline.start));
  });
  frame.addEventListener("pointerup", (event) => {
    if (from && !from.moved) timeline.onSeek(clamp(toSeconds(event), 0, timeline.seconds));
    from = null;
    frame.classList.remove("dragged");
  });
  frame.addEventListener("pointercancel", () => {
    from = null;
    frame.classList.remove("dragged");
  });
}

// Show `length` seconds from `start` on, within the piece.
function showRange(start, length = timeline.stop - timeline.start) {
  length = clamp(length, Math.min(MIN_VISIBLE_SECONDS, timeline.seconds), timeline.seconds);
  timeline.start = clamp(start, 0, timeline.seconds - length);
  timeline.stop = timeline.start + length;
  redraw();
}

// Scroll so that `seconds` is visible, near the left edge.
function reveal(seconds) {
  const length = timeline.stop - timeline.start;
  if (seconds < timeline.start || seconds >= timeline.stop) showRange(seconds - 0.1 * length);
}

function zoom(factor) {
  const length = timeline.stop - timeline.start;
  const inside = timeline.now >= timeline.start && timeline.now <= timeline.stop;
  const centre = inside ? timeline.now : timeline.start + length / 2;
  showRange(centre - (centre - timeline.start) * factor, length * factor);
}

let redrawPending = false;
function redraw() {
  if (redrawPending) return;
  redrawPending = true;
  requestAnimationFrame(() => {
    redrawPending = false;
    const colours = theme();
    for (const plot of timeline.plots) paintPlot(plot, colours);
    drawOverview(colours);
    placePlayhead();
  });
}

// A cleared drawing context whose unit is a CSS pixel on any screen.
function prepareContext(canvas, width, height) {
  const density = Math.min(devicePixelRatio || 1, 2);
  canvas.width = Math.round(width * density);
  canvas.height = Math.round(height * density);
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(density, density);
  context.clearRect(0, 0, width, height);
  context.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  return context;
}

// area: the context and the coordinates of the plot, for its drawing functions.
function paintPlot(plot, colours) {
  const width = plot.canvas.parentElement.clientWidth;
  const context = prepareContext(plot.canvas, width, plot.height + AXIS_HEIGHT);
  const scale = (width - LEFT - RIGHT) / (timeline.stop - timeline.start);
  const area = {
    context, colours, left: LEFT, right: width - RIGHT, width: width - LEFT - RIGHT, height: plot.height,
    x: (seconds) => LEFT + (seconds - timeline.start) * scale,
  };
  drawTimeAxis(area, !plot.hasBeats);
  context.save();
  context.beginPath();
  context.rect(LEFT, 0, area.width, plot.height);
  context.clip();
  drawMarks(area);
  const axis = plot.draw(area);
  context.restore();
  axis?.();
}

// Occurrences of the selected motif, behind everything: a tint, and a bar at the top that does not
// depend on colour vision.
function drawMarks({ context, colours, x, height }) {
  context.fillStyle = colours.mark;
  for (const [start, stop] of timeline.marks) {
    if (stop < timeline.start || start > timeline.stop) continue;
    const width = Math.max(x(stop) - x(start), 2);
    context.globalAlpha = 0.09;
    context.fillRect(x(start), 0, width, height);
    context.globalAlpha = 1;
    context.fillRect(x(start), 0, width, 3);
  }
}

function placePlayhead() {
  const share = (timeline.now - timeline.start) / (timeline.stop - timeline.start);
  for (const { playhead, canvas } of timeline.plots) {
    playhead.hidden = share < 0 || share > 1;
    const width = canvas.clientWidth - LEFT - RIGHT;
    playhead.style.transform = `translateX(${LEFT + share * width}px)`;
  }
}
