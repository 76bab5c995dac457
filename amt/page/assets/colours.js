// Colours: two scales that colour-blind eyes can read too, dark on light paper and light on dark.

const SCALES = {
  // viridis (Smith and van der Walt 2015), for velocities
  viridis: ["#440154", "#482878", "#3e4a89", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6dcd59", "#b4de2c", "#fde725"],
  // mako (Waskom 2021), for what sounds
  mako: ["#0b0405", "#28192f", "#3b2f5e", "#40498e", "#366a9f", "#348ba6", "#38aaac", "#54c9ad", "#a0dfb9", "#def5e5"],
};
const darkScreen = matchMedia("(prefers-color-scheme: dark)");

// 256 colours of a scale as [red, green, blue], the strongest last: it must stand out on the paper.
function ramp(name, from = 0, to = 1) {
  const anchors = SCALES[name].map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  return Array.from({ length: 256 }, (_, index) => {
    const part = from + ((to - from) * index) / 255;
    const place = (darkScreen.matches ? part : 1 - part) * (anchors.length - 1);
    const below = Math.min(Math.floor(place), anchors.length - 2);
    return anchors[below].map((value, channel) =>
      Math.round(value + (place - below) * (anchors[below + 1][channel] - value)));
  });
}

const css = ([red, green, blue]) => `rgb(${red} ${green} ${blue})`;
// The faintest tenth of viridis would be lost on the paper.
const velocityRamp = () => ramp("viridis", 0.1);

// The page's own colours, as the style sheet has them now.
function theme() {
  const style = getComputedStyle(document.documentElement);
  const names = ["card", "ink", "muted", "line", "stripe", "accent", "mark", "bar"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}
