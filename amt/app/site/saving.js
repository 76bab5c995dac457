// Saving corrected notes, also where they were changed in another window meanwhile.

import { recordingPath, request, showFault } from "./api.js";
import { corrections, hasChanges, sameNotes, undo } from "./corrections.js";
import { byId, typeset } from "./elements.js";
import { refreshLibrary } from "./library.js";
import { piece } from "./piece.js";
import { load, open, showNewer } from "./recording.js";

const CONFLICT = "Not saved: these notes were changed in another window. Yours are still here. Show the newer ones (Undo brings yours back), or save yours over them.";
let saving = false;
let newer = null; // the recording as another window has saved it

export function startSaving() {
  byId("show-newer").addEventListener("click", takeNewerNotes);
  byId("save-over").addEventListener("click", () => {
    takeNewerNotes();
    undo();
    saveCorrection();
  });
}

function takeNewerNotes() {
  showConflict(null);
  showNewer(newer);
  byId("edit-status").textContent = "These are the notes of the other window. Undo brings yours back.";
}

// Save the corrected notes; on the server they and the recording are a training pair from then on.
export async function saveCorrection() {
  if (saving) return;
  if (!hasChanges()) return (byId("edit-status").textContent = "Nothing is changed, so there is nothing to save.");
  saving = true;
  const { id } = open;
  const hadFocus = document.activeElement === byId("save");
  showConflict(null);
  byId("save").disabled = true;
  byId("edit-status").textContent = "Saving …";
  try {
    await save(id, piece.notes);
  } catch (error) {
    if (id !== open.id) return;
    corrections.onChange();
    showFault("edit-fault", `Not saved: ${typeset(error.message)}.`);
  } finally {
    saving = false;
    byId("save").disabled = !hasChanges();
    if (hadFocus) byId(hasChanges() ? "save" : "undo").focus({ preventScroll: true });
  }
}

async function save(id, sent) {
  const { changes, pair, conflict } = await send(id, sent);
  if (id !== open.id) return;
  if (conflict) {
    corrections.onChange();
    return showConflict(conflict);
  }
  corrections.saved = sent;
  await load(sent);
  const counts = changes ? `: ${changes.added} added, ${changes.removed} removed, ${changes.changed} changed` : "";
  const kept = pair === ""
    ? "The notes are again as transcribed, so nothing is kept for training."
    : "Recording and notes are kept as a pair for training.";
  byId("edit-status").textContent = `Saved${counts}. ${kept}`;
  refreshLibrary();
}

// The server's answer; conflict: the recording, if another window has saved other notes of it. If it
// has these very notes, the answer to an earlier attempt to save them was lost.
async function send(id, sent) {
  const notes = sent.map(({ onset, offset, pitch, velocity }) => ({ onset, offset, pitch, velocity }));
  try {
    return await request(recordingPath(id, "/notes"), { method: "PUT", body: { revision: open.revision, notes } });
  } catch (error) {
    if (error.status !== 409) throw error;
    const recording = await request(recordingPath(id));
    return sameNotes(recording.description.notes, sent) ? {} : { conflict: recording };
  }
}

function showConflict(recording) {
  newer = recording ?? newer;
  showFault("edit-fault", recording ? CONFLICT : "");
  byId("conflict").hidden = !recording;
}
