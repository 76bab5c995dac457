// The stage: all views show the same seconds, share one playhead and can be clicked and dragged.

const LEFT = 46;
const RIGHT = 8;
const AXIS = 18;
const SHORTEST = 1;

const stage = {
  seconds: Math.max(portrait.seconds, 0.1),
  start: 0,
  stop: 1,
  now: 0,
  marks: [],
  views: [],
  onSeek: () => {},
};

// draw(pen) paints one view; text is what it is called for those who cannot see it.
function addView(name, height, draw, hasBeats = false) {
  const figure = document.querySelector(`figure[data-view="${name}"]`);
  const title = figure.querySelector("h3").textContent;
  const canvas = element("canvas", { role: "img", ariaLabel: `${title}: ${figure.querySelector("p").textContent}` });
  canvas.setAttribute("role", "img");
  const playhead = element("i", { className: "playhead" });
  const frame = element("div", { className: "frame" }, canvas, playhead);
  figure.append(frame);
  stage.views.push({ canvas, playhead, height, draw, hasBeats });
  listen(frame);
}

const removeView = (name) => document.querySelector(`figure[data-view="${name}"]`).remove();

// A press without moving seeks; with moving it turns the pages.
function listen(frame) {
  let from = null;
  const toSeconds = (event) => {
    const box = frame.getBoundingClientRect();
    const share = (event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT);
    return stage.start + share * (stage.stop - stage.start);
  };
  frame.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    from = { x: event.clientX, start: stage.start, moved: false };
    frame.setPointerCapture(event.pointerId);
  });
  frame.addEventListener("pointermove", (event) => {
    if (!from) return;
    const distance = event.clientX - from.x;
    from.moved ||= Math.abs(distance) > 5;
    if (!from.moved) return;
    frame.classList.add("dragged");
    const width = frame.clientWidth - LEFT - RIGHT;
    show(from.start - (distance / width) * (stage.stop - stage.start));
  });
  frame.addEventListener("pointerup", (event) => {
    if (from && !from.moved) stage.onSeek(clamp(toSeconds(event), 0, stage.seconds));
    from = null;
    frame.classList.remove("dragged");
  });
  frame.addEventListener("pointercancel", () => {
    from = null;
    frame.classList.remove("dragged");
  });
}

// Show `length` seconds from `start` on, inside the piece.
function show(start, length = stage.stop - stage.start) {
  length = clamp(length, Math.min(SHORTEST, stage.seconds), stage.seconds);
  stage.start = clamp(start, 0, stage.seconds - length);
  stage.stop = stage.start + length;
  redraw();
}

// Make `seconds` visible, a little after the left edge.
function reveal(seconds) {
  const length = stage.stop - stage.start;
  if (seconds < stage.start || seconds >= stage.stop) show(seconds - 0.1 * length);
}

function zoom(factor) {
  const length = stage.stop - stage.start;
  const inside = stage.now >= stage.start && stage.now <= stage.stop;
  const centre = inside ? stage.now : stage.start + length / 2;
  show(centre - (centre - stage.start) * factor, length * factor);
}

let waiting = false;
function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    const colours = theme();
    for (const view of stage.views) paint(view, colours);
    drawOverview(colours);
    placePlayhead();
  });
}

// A context whose unit is a CSS pixel, whatever the screen.
function contextOf(canvas, width, height) {
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

function paint(view, colours) {
  const width = view.canvas.parentElement.clientWidth;
  const context = contextOf(view.canvas, width, view.height + AXIS);
  const scale = (width - LEFT - RIGHT) / (stage.stop - stage.start);
  const pen = {
    context, colours, left: LEFT, right: width - RIGHT, width: width - LEFT - RIGHT, height: view.height,
    x: (seconds) => LEFT + (seconds - stage.start) * scale,
  };
  drawTimeAxis(pen, !view.hasBeats);
  context.save();
  context.beginPath();
  context.rect(LEFT, 0, pen.width, view.height);
  context.clip();
  drawMarks(pen);
  const axis = view.draw(pen);
  context.restore();
  axis?.();
}

// Where the chosen figure stands, behind everything: a tint, and a bar on top for those who see no hue.
function drawMarks({ context, colours, x, height }) {
  context.fillStyle = colours.mark;
  for (const [start, stop] of stage.marks) {
    if (stop < stage.start || start > stage.stop) continue;
    const width = Math.max(x(stop) - x(start), 2);
    context.globalAlpha = 0.09;
    context.fillRect(x(start), 0, width, height);
    context.globalAlpha = 1;
    context.fillRect(x(start), 0, width, 3);
  }
}

function placePlayhead() {
  const share = (stage.now - stage.start) / (stage.stop - stage.start);
  for (const { playhead, canvas } of stage.views) {
    playhead.hidden = share < 0 || share > 1;
    const width = canvas.clientWidth - LEFT - RIGHT;
    playhead.style.transform = `translateX(${LEFT + share * width}px)`;
  }
}
