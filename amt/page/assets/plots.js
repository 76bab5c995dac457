// Axes, curves and pictures: what the views are drawn with.

const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200];

function drawTimeAxis({ context, colours, x, left, right, height, width }, grid) {
  const scale = width / (stage.stop - stage.start);
  const step = STEPS.find((seconds) => seconds * scale >= 64) ?? 3600;
  for (let tick = Math.ceil(stage.start / step); tick * step <= stage.stop + 1e-9; tick++) {
    const place = x(tick * step);
    context.fillStyle = colours.line;
    context.fillRect(place, grid ? 0 : height, 1, height + 3);
    context.fillStyle = colours.muted;
    const edge = place < left + 12;
    context.textAlign = edge ? "left" : "center";
    if (place < right - 12) context.fillText(clockText(tick * step + 1e-9, step < 1 ? 1 : 0), edge ? left + 2 : place, height + 14);
  }
  context.fillStyle = colours.line;
  context.fillRect(left, height, width, 1);
}

// ticks: [place on the canvas, text]; the unit stands in the corner below.
function drawSideAxis({ context, colours, left, height }, ticks, unit = "") {
  context.fillStyle = colours.muted;
  context.textAlign = "right";
  for (const [y, text] of ticks) context.fillText(text, left - 6, clamp(y + 4, 10, height));
  context.fillText(unit, left - 6, height + 14);
}

// Round values between low and high, about `count` of them.
function ticksOf(low, high, count = 4) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw || 1));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= raw) ?? 1;
  const first = Math.ceil(low / step - 1e-9);
  const many = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: clamp(many, 0, 20) }, (_, index) => Number(((first + index) * step).toPrecision(6)));
}

// Points [seconds, value] as a line between the values low and high.
function drawCurve(pen, points, low, high, unit, fill = false) {
  const { context, colours, x, height } = pen;
  const y = (value) => height - 6 - ((value - low) / (high - low || 1)) * (height - 14);
  const ticks = ticksOf(low, high);
  context.fillStyle = colours.line;
  for (const value of ticks) context.fillRect(pen.left, y(value), pen.width, 1);
  const seen = visible(points);
  if (seen.length) {
    context.beginPath();
    for (const [seconds, value] of seen) context.lineTo(x(seconds), y(value));
    context.strokeStyle = colours.accent;
    context.lineWidth = 1.6;
    context.lineJoin = "round";
    context.stroke();
    if (fill) {
      context.lineTo(x(seen.at(-1)[0]), y(low));
      context.lineTo(x(seen[0][0]), y(low));
      context.globalAlpha = 0.16;
      context.fillStyle = colours.accent;
      context.fill();
      context.globalAlpha = 1;
    }
  }
  return () => drawSideAxis(pen, ticks.map((value) => [y(value), String(value)]), unit);
}

// The points in the window, and one on either side.
function visible(points) {
  const first = Math.max(points.findIndex(([seconds]) => seconds >= stage.start) - 1, 0);
  const last = points.findIndex(([seconds]) => seconds > stage.stop);
  return points.slice(first, last < 0 ? points.length : last + 1);
}

const pointsOf = (view, factor = 1) =>
  Array.from({ length: view.columns }, (_, column) =>
    [view.start + (column + 0.5) * view.step, view.at(0, column) * factor]);

// A picture of a view's rows, lowest at the bottom, painted once for each theme.
function raster(view, lowest = 0) {
  const canvas = element("canvas", { width: view.columns, height: view.rows });
  let painted = null;
  return () => {
    if (painted === darkScreen.matches) return canvas;
    painted = darkScreen.matches;
    const colours = ramp("mako");
    const context = canvas.getContext("2d");
    const image = context.createImageData(view.columns, view.rows);
    for (let row = 0; row < view.rows; row++) {
      for (let column = 0; column < view.columns; column++) {
        const value = Math.max((view.data[row * view.columns + column] - lowest) * 255 / (255 - lowest), 0);
        const at = 4 * ((view.rows - 1 - row) * view.columns + column);
        image.data.set(colours[Math.round(value)], at);
        image.data[at + 3] = 255;
      }
    }
    context.putImageData(image, 0, 0);
    return canvas;
  };
}

function drawRaster({ context, left, width, height }, view, image, smooth = true) {
  context.imageSmoothingEnabled = smooth;
  const column = (seconds) => (seconds - view.start) / view.step;
  const from = column(stage.start);
  context.drawImage(image(), from, 0, column(stage.stop) - from, view.rows, left, 0, width, height);
}

// A small strip that says which colour means what.
function drawScale(id, colours, low, high) {
  const canvas = element("canvas", { width: 256, height: 1 });
  const context = canvas.getContext("2d");
  colours.forEach((colour, index) => {
    context.fillStyle = css(colour);
    context.fillRect(index, 0, 1, 1);
  });
  canvas.setAttribute("aria-hidden", "true");
  byId(id)?.replaceChildren(low, canvas, high);
}
