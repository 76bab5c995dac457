// The page of the app: connects its parts, and shows the recording that the address names.

import { request, showFault } from "./api.js";
import { wouldBeLost } from "./corrections.js";
import { startEditor } from "./editor.js";
import { byId, element, plural, readable } from "./elements.js";
import { KEYS } from "./keys.js";
import { idInAddress, markOpen, refreshLibrary, startLibrary } from "./library.js";
import { startMicrophone } from "./microphone.js";
import { forgetAnswers, startQuestions } from "./questions.js";
import { open, openRecording } from "./recording.js";
import { saveCorrection, startSaving } from "./saving.js";
import { startScore } from "./score.js";
import { startPage } from "./show.js";
import { addFiles, startUploads } from "./upload.js";

const KEY_TEXTS = [
  ["space", "play or pause"], ["← →", "5 seconds back or on"], ["shift ← →", "previous or next section"],
  ["s", "switch between recording and transcription"], ["< >", "slower, faster"],
  ["l", "repeat what is visible"], ["[ ]", "repeat from here, to here"], ["+ −", "zoom"], ["0", "the whole piece"],
  ["n", "next occurrence of the motif"], ["v", "piano roll, score or both"], ["a", "ask a question"], ["e", "open or close the editor"],
  [", .", "editor: previous, next note"], ["← → ↑ ↓", "selected note: earlier, later, higher, lower"],
  ["shift ← →", "selected note: shorter, longer"], ["shift ↑ ↓", "selected note: louder, softer"],
  ["i", "editor: add a note at the position"], ["delete", "delete the selected note"], ["enter", "go to the selected note"],
  ["ctrl z ctrl y", "undo, redo"], ["ctrl s", "save the correction"], ["esc", "clear the selection"], ["?", "this list"],
];

function startDialog() {
  const rows = KEY_TEXTS.map(([keys, text]) => element("tr", {},
    element("th", { scope: "row" }, ...keys.split(" ").flatMap((key) => [element("kbd", {}, key), " "])), element("td", {}, text)));
  byId("keys-list").append(element("table", {}, element("tbody", {}, ...rows)));
  const show = () => {
    if (byId("keys").open) return;
    byId("keys").showModal();
    byId("keys").scrollTop = 0; // the focused button is at its end
  };
  byId("help").addEventListener("click", show);
  KEYS["?"] = show;
  KEYS.a = () => !byId("ask").hidden && byId("prompt").focus();
}

const mayLeave = () => !wouldBeLost() || confirm("Leave this recording? Its changes are not saved and will be lost.");

// Show the recording that the address names; the user may decide to stay.
async function followAddress() {
  const id = idInAddress();
  if (location.hash && !location.hash.startsWith("#/")) return; // a link within the page
  if (id === open.id) return;
  if (!mayLeave()) return history.replaceState(null, "", `#/${open.id}`);
  markOpen();
  scrollTo(0, 0);
  await openRecording(id);
  if (id) byId("title").focus({ preventScroll: true });
}

async function uploaded({ id, removed }, isFirst) {
  await refreshLibrary();
  showRemoved(removed);
  if (isFirst && !wouldBeLost()) location.hash = `#/${id}`;
}

function showRemoved(removed = []) {
  if (!removed.length) return;
  removed.forEach(({ id }) => forgetAnswers(id));
  const names = removed.map(({ name }) => `“${readable(name)}”`).join(", ");
  byId("add-status").textContent = `To make room, ${names} ${removed.length > 1 ? "were" : "was"} removed: the oldest without corrections.`;
}

async function leave(id) {
  if (id !== open.id) return;
  history.replaceState(null, "", "#/");
  await openRecording("");
}

async function start() {
  startPage();
  startEditor(saveCorrection);
  startSaving();
  startScore();
  startDialog();
  const { limits, suggestions, score } = await request("api/session");
  byId("limits").textContent = `Up to ${Math.floor(limits.audio_seconds / 60)} minutes and ${Math.floor(limits.upload_bytes / 1e6)} MB each. MP3, WAV, FLAC, Ogg, M4A and others.`;
  byId("kept").textContent = `The newest ${limits.recordings} are kept, for ${plural(Math.floor(limits.days), "day")}; corrected ones stay.`;
  for (const item of document.querySelectorAll("[data-score]")) item.hidden = !score;
  startQuestions(suggestions);
  startUploads(limits, uploaded);
  startMicrophone(limits.audio_seconds, (file) => addFiles([file], uploaded));
  addEventListener("hashchange", followAddress);
  addEventListener("beforeunload", (event) => {
    if (wouldBeLost() || byId("uploads").children.length || !byId("recorder").hidden) event.preventDefault();
  });
  await startLibrary(leave);
  await followAddress();
  document.body.classList.add("ready");
}

start().catch((error) => showFault("add-fault", error.message));
