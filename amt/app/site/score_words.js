// The score in words, for those who do not see it.

import { element } from "./elements.js";

const VALUES = { 8: "double whole", 6: "dotted whole", 4: "whole", 3: "dotted half", 2: "half", "3/2": "dotted quarter", 1: "quarter",
  "3/4": "dotted eighth", "1/2": "eighth", "3/8": "dotted sixteenth", "1/4": "sixteenth", "1/8": "thirty-second", "1/16": "sixty-fourth",
  "1/3": "triplet eighth", "2/3": "triplet quarter", "1/6": "triplet sixteenth", "1/12": "triplet thirty-second",
  "2/5": "quintuplet eighth", "1/5": "quintuplet sixteenth", "1/10": "quintuplet thirty-second" };

// Name of a note: B♭3.
export const spelled = ({ name }) => name[0] + name.slice(1).replaceAll("#", "♯").replaceAll("b", "♭");

const valueInWords = ({ grace, value }) => (grace ? "grace note" : VALUES[value] ?? tied(value));
// What is written with several tied notes: 5 quarters, 5/8 of a quarter.
const tied = (value) => (number(value) > 1 ? `${value} quarters` : `${value} of a quarter`);
const number = (fraction) => {
  const [above, below = 1] = fraction.split("/").map(Number);
  return above / below;
};
// Quarter notes from the start of the bar, counted from 1: 1, 2½.
const placeOf = ({ position }) => String(Math.round(100 * (1 + number(position))) / 100);

export const placeInWords = (note) => `bar ${note.number}, quarter ${placeOf(note)}, ${note.hand} hand, ${valueInWords(note)}`;

// A list item for each bar.
export function scoreInWords({ bars, notes }) {
  return bars.map((bar, index) => {
    const inBar = notes.filter((note) => note.bar === index);
    const before = bars[index - 1];
    const signs = [...(bar.metre !== before?.metre ? [bar.metre] : []), ...(bar.key !== before?.key ? [bar.key] : [])];
    return element("li", {}, ...(signs.length ? [element("p", {}, signs.join(", "))] : []),
      ...["right", "left"].map((hand) => element("p", {}, `${hand === "right" ? "Right" : "Left"} hand: ${handInWords(inBar, hand)}`)));
  });
}

function handInWords(notes, hand) {
  const own = notes.filter((note) => note.hand === hand).toSorted((a, b) => number(a.position) - number(b.position) || a.pitch - b.pitch);
  if (!own.length) return "rests";
  const places = Map.groupBy(own, placeOf);
  return [...places].map(([place, chord]) => `${place}: ${chord.map((note) => `${spelled(note)} ${valueInWords(note)}`).join(", ")}`).join("; ");
}
