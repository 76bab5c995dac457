// Colour maps that are readable with colour blindness: dark on a light page, light on a dark one.

const SCALES = {
  // viridis (Smith and van der Walt 2015), for velocities
  viridis: ["#440154", "#482878", "#3e4a89", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6dcd59", "#b4de2c", "#fde725"],
  // mako (Waskom 2021), for spectrograms
  mako: ["#0b0405", "#28192f", "#3b2f5e", "#40498e", "#366a9f", "#348ba6", "#38aaac", "#54c9ad", "#a0dfb9", "#def5e5"],
};
export const darkScreen = matchMedia("(prefers-color-scheme: dark)");

// 256 colours of a map as [red, green, blue]; the last one has the most contrast with the page.
export function colourMap(name, from = 0, to = 1) {
  const anchors = SCALES[name].map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  return Array.from({ length: 256 }, (_, index) => {
    const share = from + ((to - from) * index) / 255;
    const position = (darkScreen.matches ? share : 1 - share) * (anchors.length - 1);
    const below = Math.min(Math.floor(position), anchors.length - 2);
    return anchors[below].map((value, channel) =>
      Math.round(value + (position - below) * (anchors[below + 1][channel] - value)));
  });
}

export const css = ([red, green, blue]) => `rgb(${red} ${green} ${blue})`;
// Without the tenth of viridis that has the least contrast with the page.
export const velocityColours = () => colourMap("viridis", 0.1);

// Colours of the style sheet, for the present theme.
export function theme() {
  const style = getComputedStyle(document.documentElement);
  const names = ["card", "ink", "muted", "line", "stripe", "accent", "mark", "bar"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}
