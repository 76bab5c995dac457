// The open recording: its progress while notes arrive, then everything that is known of it.

import { recordingPath, request, showFault } from "./api.js";
import { continueCorrections, presentState, startCorrections, takeNewer } from "./corrections.js";
import { resetEditor } from "./editor.js";
import { byId, clockText, element, percent, plural, readable } from "./elements.js";
import { watch } from "./events.js";
import { refreshLibrary } from "./library.js";
import { piece } from "./piece.js";
import { showQuestions } from "./questions.js";
import { showScore } from "./score.js";
import { showPiece } from "./show.js";
import { markOpenHere } from "./tabs.js";
import { showRange, timeline } from "./timeline.js";

// id, revision: of the open recording; leave: ends what waits for it.
export const open = { id: "", revision: 0, leave: () => {} };

// Show a recording from its beginning; an empty id: none.
export async function openRecording(id) {
  open.leave();
  Object.assign(open, { id, revision: 0, leave: () => {} });
  markOpenHere(id);
  document.body.classList.toggle("is-open", Boolean(id));
  byId("intro").hidden = Boolean(id);
  byId("open").hidden = !id;
  clear();
  if (id) await load();
}

// Nothing of the former recording stays.
function clear() {
  for (const part of ["progress", "warnings", "downloads", "ask", "editor", "conflict"]) byId(part).hidden = true;
  for (const fault of ["failure", "edit-fault", "player-fault"]) showFault(fault);
  byId("title").textContent = "";
  document.title = "Piano recordings to notes";
  resetEditor(false);
  showScore("", 0);
  present();
  byId("facts").replaceChildren();
}

// Show a piece, without changes so far. Arguments as for showPiece.
function present(...piece) {
  showPiece(...piece);
  startCorrections();
}

// sent: the notes that were saved, if the recording is shown again after a save.
export async function load(sent = null) {
  const controller = new AbortController();
  open.leave = () => controller.abort();
  try {
    const recording = await request(recordingPath(open.id), { signal: controller.signal });
    if (recording.id === open.id) show(recording, sent);
  } catch (error) {
    if (error.name === "AbortError") return;
    byId("title").textContent ||= "Not found";
    showFault("failure", error.status === 404 ? "This recording does not exist, or was deleted." : error.message);
  }
}

function show(recording, sent) {
  byId("title").textContent = readable(recording.name);
  document.title = `${readable(recording.name)} – notes`;
  open.revision = recording.revision;
  if (recording.status === "failed") return showFailed(recording.error);
  if (recording.status === "done") return showFinished(recording, sent);
  follow(recording);
}

function showFailed(error) {
  byId("progress").hidden = true;
  present();
  byId("facts").replaceChildren();
  showFault("failure", `This could not be transcribed: ${error.replace(/^cannot decode the audio: /, "")}`);
}

function showFinished(recording, sent) {
  byId("progress").hidden = true;
  const before = presentState();
  showPiece(recording.description, audioOf(recording), Boolean(sent));
  if (sent) continueCorrections(sent, before);
  else startCorrections();
  showAround(recording, Boolean(sent));
  if (!sent) showQuestions(recording.id);
}

// Show the notes that were saved in another window. The own ones are a step before.
export function showNewer(recording) {
  const before = presentState();
  showPiece(recording.description, audioOf(recording), true);
  takeNewer(before);
  open.revision = recording.revision;
  showAround(recording, true);
}

function showAround(recording, isEditing) {
  resetEditor(isEditing);
  showWarnings(recording.warnings);
  showDownloads(recording.id);
  byId("editor").hidden = !piece.notes.length;
  showScore(piece.notes.length ? recording.id : "", recording.revision);
  byId("ask").hidden = false;
}

// The revision keeps a browser from playing what it has kept of an earlier one.
const audioOf = ({ id, audio, revision }) =>
  Object.fromEntries(audio.map((name) => [name, recordingPath(id, `/audio/${name}?revision=${revision}`)]));

function showWarnings(warnings = []) {
  byId("warnings").hidden = !warnings.length;
  byId("warnings").replaceChildren(...warnings.map((text) => element("li", {}, text)));
}

function showDownloads(id) {
  byId("downloads").hidden = byId("downloads").open = false;
  for (const link of byId("downloads").querySelectorAll("a")) {
    link.href = recordingPath(id, `/${link.dataset.file}?revision=${open.revision}`);
    link.download = "";
  }
}

// Show the notes as they arrive.
function follow(recording) {
  const live = { seconds: recording.progress?.seconds ?? 0, notes: [], isArriving: true };
  showProgress(recording.status === "waiting" ? null : recording.progress, 0);
  open.leave = watch(recording.id, {
    progress: (progress) => {
      live.seconds = Math.max(live.seconds, progress.seconds);
      if (progress.done === 0) {
        live.notes = [];
        showArrived(live, 0);
      }
      showProgress(progress, live.notes.length);
    },
    notes: ({ notes, until }) => {
      live.notes.push(...notes.map(([onset, offset, pitch, velocity]) => ({ onset, offset, pitch, velocity })));
      live.seconds = Math.max(live.seconds, until);
      showArrived(live, until);
      showProgress({ done: until, seconds: live.seconds }, live.notes.length);
    },
    done: async () => {
      await load();
      await refreshLibrary();
    },
    failed: ({ error }) => {
      showFailed(error);
      refreshLibrary();
    },
  });
}

// The latest notes are visible, unless the user looks elsewhere.
function showArrived(live, until) {
  const { start, stop, following } = timeline;
  const length = until ? stop - start : Math.min(live.seconds, innerWidth < 640 ? 8 : 20);
  present(live, {}, true);
  byId("player").hidden = true;
  byId("facts").replaceChildren();
  if (following || !until) showRange(Math.max(0, until - length), length);
}

function showProgress(progress, count) {
  byId("progress").hidden = false;
  const bar = byId("progress-bar");
  if (progress?.seconds) bar.value = progress.done / progress.seconds;
  else bar.removeAttribute("value");
  const text = !progress ? "Waiting for its turn …"
    : !progress.seconds ? "Reading the recording …"
    : `Transcribing: ${percent(Math.floor(10 * progress.done / progress.seconds) / 10)} of ${clockText(progress.seconds)}, ${plural(count, "note")}`;
  if (byId("progress-text").textContent !== text) byId("progress-text").textContent = text;
}
