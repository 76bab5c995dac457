// The piece that is shown: its notes, pedal, analysis and the images of its audio.

const SHARPS = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
const SUSTAIN = 64;
const EMPTY = { key: null, key_changes: [], tempo: null, beats: [], metre: null, chords: [], melodic_motifs: [],
  rhythmic_motifs: [], sections: [], pitch_classes: {}, intervals: {}, spelling: SHARPS };

// notes: in order of onset, each { onset, offset, pitch, velocity, soundingUntil }, where
// soundingUntil is the offset with the sustain pedal. presses: [press, release] of that pedal.
// images: unpacked. isArriving: whether more notes are expected.
export const piece = { seconds: 0.1, notes: [], presses: [], analysis: EMPTY, hasAnalysis: false,
  isArriving: false, images: {}, descriptors: {}, origin: "", notice: "" };

// Make a document of `amt describe` the piece that is shown.
export function setPiece(description) {
  const { notes, seconds, pedal = [], sounding_until: until, analysis, images = {} } = description;
  piece.seconds = Math.max(seconds, 0.1);
  piece.notes = notes.map((note, index) => ({ ...note, soundingUntil: until?.[index] ?? note.offset }));
  piece.presses = pressesOf(pedal, piece.seconds);
  piece.hasAnalysis = Boolean(analysis) && notes.length > 0;
  piece.isArriving = Boolean(description.isArriving);
  piece.analysis = { ...EMPTY, ...analysis };
  piece.images = Object.fromEntries(Object.entries(images).map(([name, image]) => [name, unpack(image)]));
  piece.descriptors = description.descriptors ?? {};
  piece.origin = description.origin ?? "";
  piece.notice = description.notice ?? "";
}

// [press, release] of the sustain pedal in seconds.
function pressesOf(pedal, end) {
  const found = [];
  let pressed = null;
  for (const { time, controller, value } of pedal) {
    if (controller !== SUSTAIN) continue;
    if (value >= 64) pressed ??= time;
    else if (pressed !== null) {
      found.push([pressed, time]);
      pressed = null;
    }
  }
  if (pressed !== null) found.push([pressed, end]);
  return found;
}

export const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

// An image with its bytes, and `at`, its value at a row and column in its own unit.
function unpack(image) {
  const data = bytes(image.data);
  const scale = (image.high - image.low) / 255;
  return { ...image, data, at: (row, column) => image.low + scale * data[row * image.columns + column] };
}

// Name of a pitch class (0 is C), and of a pitch (60 is C4), as the key of the piece spells it.
export const className = (pitchClass) =>
  piece.analysis.spelling[pitchClass].replaceAll("#", "♯").replaceAll("b", "♭");

export function pitchName(pitch) {
  const name = className(pitch % 12);
  // C flat and B sharp belong to the octaves of C and B.
  const octave = Math.floor(pitch / 12) - 1 + (name === "C♭") - (name === "B♯");
  return `${name}${octave}`;
}
