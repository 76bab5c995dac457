// The timeline: all plots show the same time range and one playhead, and can be clicked and dragged.

import { theme } from "./colours.js";
import { drawTimeAxis, prepareContext } from "./drawing.js";
import { clamp, element } from "./elements.js";
import { piece } from "./piece.js";

const LEFT = 46;
const RIGHT = 8;
const AXIS_HEIGHT = 18;
const MIN_VISIBLE_SECONDS = 1;

// start, stop: the visible time range; now: the position of the player; marks: occurrences of the
// selected motif; loop: the repeated range, if one is set; plots: by name; onSeek, onSelect: called
// when the user clicks a time, or selects a range; onRedraw: called with the colours of the theme;
// onMove: called when the position may have changed.
export const timeline = {
  start: 0,
  stop: 1,
  now: 0,
  marks: [],
  loop: null,
  following: true,
  plots: new Map(),
  onSeek: () => {},
  onSelect: () => {},
  onRedraw: [],
  onMove: [],
};
const onScreen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) target.closest("figure").onScreen = isIntersecting;
  redraw();
}, { rootMargin: "200px" });

export const visibleSeconds = () => timeline.stop - timeline.start;

// draw(area) draws the plot and may return a function that draws its side axis. Its caption
// becomes the description for screen readers. height: in pixels, or a function that returns it.
export function addPlot(name, height, draw, hasBeats = false) {
  const figure = document.querySelector(`figure[data-plot="${name}"]`);
  figure.hidden = false;
  const frame = figure.querySelector(".frame") ?? makeFrame(figure);
  const [canvas, playhead] = frame.children;
  timeline.plots.set(name, { name, figure, frame, canvas, playhead, height, draw, hasBeats });
}

function makeFrame(figure) {
  const title = figure.querySelector("h3").textContent;
  const canvas = element("canvas", { ariaLabel: `${title}: ${figure.querySelector("p").textContent.replace(/\s+/g, " ")}` });
  canvas.setAttribute("role", "img");
  const frame = element("div", { className: "frame" }, canvas, element("i", { className: "playhead" }));
  figure.append(frame);
  addPointerControls(frame);
  onScreen.observe(frame);
  return frame;
}

export function hidePlot(name) {
  timeline.plots.delete(name);
  document.querySelector(`figure[data-plot="${name}"]`).hidden = true;
}

// The time under a pointer.
export function secondsAt(event, frame) {
  const left = frame.getBoundingClientRect().left + frame.clientLeft + LEFT;
  return clamp(timeline.start + (event.clientX - left) / pixelsPerSecond(frame), 0, piece.seconds);
}

export const pixelsPerSecond = (frame) => (frame.clientWidth - LEFT - RIGHT) / visibleSeconds();

// A click seeks, dragging scrolls, dragging with the shift key selects a range.
function addPointerControls(frame) {
  let from = null;
  frame.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    from = { x: event.clientX, start: timeline.start, at: secondsAt(event, frame), moved: false, select: event.shiftKey };
    frame.setPointerCapture(event.pointerId);
  });
  frame.addEventListener("pointermove", (event) => {
    if (!from) return;
    from.moved ||= Math.abs(event.clientX - from.x) > 5;
    if (!from.moved) return;
    if (from.select) {
      const [start, stop] = [from.at, secondsAt(event, frame)].sort((a, b) => a - b);
      return timeline.onSelect(start, stop);
    }
    frame.classList.add("dragged");
    timeline.following = false;
    showRange(from.start - (event.clientX - from.x) / pixelsPerSecond(frame));
  });
  const end = () => {
    from = null;
    frame.classList.remove("dragged");
  };
  frame.addEventListener("pointerup", (event) => {
    if (from && !from.moved) timeline.onSeek(secondsAt(event, frame));
    end();
  });
  frame.addEventListener("pointercancel", end);
}

// Show `length` seconds from `start` on, within the piece.
export function showRange(start, length = visibleSeconds()) {
  length = clamp(length, Math.min(MIN_VISIBLE_SECONDS, piece.seconds), piece.seconds);
  timeline.start = clamp(start, 0, piece.seconds - length);
  timeline.stop = timeline.start + length;
  redraw();
}

// Scroll so that `seconds` is visible, near the left edge.
export function reveal(seconds) {
  if (seconds < timeline.start || seconds >= timeline.stop) showRange(seconds - 0.1 * visibleSeconds());
}

export function zoom(factor) {
  const inside = timeline.now >= timeline.start && timeline.now <= timeline.stop;
  const centre = inside ? timeline.now : timeline.start + visibleSeconds() / 2;
  showRange(centre - (centre - timeline.start) * factor, visibleSeconds() * factor);
}

// Go to a time; show all of a range from there on, if one is given.
export function goTo(start, stop = start) {
  timeline.onSeek(start);
  if (start < timeline.start || stop > timeline.stop) showRange(start - 0.08 * visibleSeconds());
}

let redrawPending = false;
export function redraw() {
  if (redrawPending) return;
  redrawPending = true;
  requestAnimationFrame(() => {
    redrawPending = false;
    const colours = theme();
    for (const plot of timeline.plots.values()) if (plot.figure.onScreen ?? true) paintPlot(plot, colours);
    for (const draw of timeline.onRedraw) draw(colours);
    placePlayhead();
  });
}

// The coordinates of a plot, for its drawing functions.
function paintPlot(plot, colours) {
  const width = plot.frame.clientWidth;
  if (!width) return;
  const height = typeof plot.height === "function" ? plot.height() : plot.height;
  const context = prepareContext(plot.canvas, width, height + AXIS_HEIGHT);
  const { start, stop } = timeline;
  const scale = (width - LEFT - RIGHT) / (stop - start);
  const area = {
    context, colours, start, stop, height, left: LEFT, right: width - RIGHT, width: width - LEFT - RIGHT,
    x: (seconds) => LEFT + (seconds - start) * scale,
  };
  drawTimeAxis(area, !plot.hasBeats);
  context.save();
  context.beginPath();
  context.rect(LEFT, 0, area.width, height);
  context.clip();
  drawLoop(area);
  drawMarks(area);
  const axis = plot.draw(area);
  context.restore();
  axis?.();
}

// Outside the loop the background is darker.
function drawLoop({ context, colours, x, left, right, height }) {
  if (!timeline.loop) return;
  context.fillStyle = colours.line;
  context.globalAlpha = 0.6;
  const [from, to] = [clamp(x(timeline.loop.start), left, right), clamp(x(timeline.loop.stop), left, right)];
  context.fillRect(left, 0, from - left, height);
  context.fillRect(to, 0, right - to, height);
  context.globalAlpha = 1;
}

// Occurrences of the selected motif, behind everything: a tint, and a bar at the top that does not
// depend on colour vision.
export function drawMarks(area) {
  const { context, colours, x, start: from, stop: to, height } = area;
  context.fillStyle = colours.mark;
  context.globalAlpha = 0.09;
  for (const [start, stop] of timeline.marks) {
    if (stop >= from && start <= to) context.fillRect(x(start), 0, Math.max(x(stop) - x(start), 2), height);
  }
  context.globalAlpha = 1;
  drawMarkBars(area);
}

// An image hides the tint of the marks below it: it repeats their bars on top.
export function drawMarkBars({ context, colours, x }) {
  context.fillStyle = colours.mark;
  for (const [start, stop] of timeline.marks) context.fillRect(x(start), 0, Math.max(x(stop) - x(start), 2), 3);
}

export function placePlayhead() {
  const share = (timeline.now - timeline.start) / visibleSeconds();
  for (const { playhead, canvas } of timeline.plots.values()) {
    playhead.hidden = share < 0 || share > 1;
    const width = canvas.clientWidth - LEFT - RIGHT;
    playhead.style.transform = `translateX(${LEFT + share * width}px)`;
  }
  for (const act of timeline.onMove) act();
}
