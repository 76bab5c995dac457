// The list of recent recordings.

import { recordingPath, request, showFault } from "./api.js";
import { byId, clockText, element, percent, plural, readable, typeset } from "./elements.js";
import { forgetAnswers } from "./questions.js";

const REFRESH = 2000;
let timer = 0;
let beforeDelete = () => {};

// leave: called with the id of a recording that will be deleted.
export function startLibrary(leave) {
  beforeDelete = leave;
  return refreshLibrary();
}

// Ask for the list, and again while a recording is unfinished.
export async function refreshLibrary() {
  clearTimeout(timer);
  const { recordings } = await request("api/recordings");
  showLibrary(recordings);
  clearTimeout(timer);
  if (recordings.some(isUnfinished)) timer = setTimeout(refreshLibrary, REFRESH);
  return recordings;
}

const isUnfinished = ({ status }) => status === "waiting" || status === "transcribing";
export const idInAddress = () => location.hash.match(/^#\/([\w-]+)$/)?.[1] ?? "";

function showLibrary(recordings) {
  const focused = document.activeElement?.closest("#recordings li")?.dataset.id;
  const isDelete = document.activeElement?.tagName === "BUTTON";
  byId("recordings").replaceChildren(...recordings.map(line));
  byId("recent").hidden = !recordings.length && !byId("uploads").children.length;
  markOpen();
  // The list is made anew: the keyboard focus stays where it was.
  byId("recordings").querySelector(`[data-id="${focused}"] ${isDelete ? "button" : "a"}`)?.focus();
}

function line(recording) {
  const link = element("a", { href: `#/${recording.id}` },
    element("span", { className: "name" }, readable(recording.name)), element("small", {}, summaryOf(recording)));
  const remove = element("button", { type: "button", className: "quiet" }, "×");
  remove.setAttribute("aria-label", `Delete ${readable(recording.name)}`);
  remove.addEventListener("click", () => deleteRecording(recording));
  const item = element("li", {}, link, remove);
  item.dataset.id = recording.id;
  item.dataset.status = recording.status;
  return item;
}

function summaryOf({ status, seconds, note_count: count, key, corrected, progress }) {
  if (status === "waiting") return "waiting";
  if (status === "transcribing") return progress?.seconds ? `transcribing, ${percent(progress.done / progress.seconds)}` : "transcribing";
  if (status === "failed") return "could not be transcribed";
  const parts = [clockText(Math.round(seconds)), plural(count, "note"), ...(key ? [typeset(key)] : []), ...(corrected ? ["corrected"] : [])];
  return parts.join(" · ");
}

export function markOpen() {
  for (const item of byId("recordings").children) {
    const link = item.querySelector("a");
    if (item.dataset.id === idInAddress()) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

async function deleteRecording({ id, name, corrected }) {
  const kept = corrected ? " The corrected notes that you saved stay, with the audio, as a pair for training." : "";
  if (!confirm(`Delete “${readable(name)}”, its notes and its audio? This cannot be undone.${kept}`)) return;
  // Before, since what is being loaded of it would fail.
  await beforeDelete(id);
  try {
    await request(recordingPath(id), { method: "DELETE" });
  } catch (error) {
    // 404: it was deleted in another window.
    if (error.status !== 404) return showFault("add-fault", `Not deleted: ${error.message}`);
  }
  forgetAnswers(id);
  await refreshLibrary();
  byId("choose").focus();
}
