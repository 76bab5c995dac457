// Uploads: files that are dropped or chosen, one after another, each with its progress.

import { Failure, pause, request, showConnection, showFault } from "./api.js";
import { byId, element } from "./elements.js";
import { openIds } from "./tabs.js";

let queue = Promise.resolve();
const limits = { bytes: Infinity };

// onUploaded: called with the new recording, and whether it is the first of several.
export function startUploads({ upload_bytes: bytes }, onUploaded) {
  limits.bytes = bytes;
  const add = (files) => addFiles(files, onUploaded);
  byId("choose").addEventListener("click", () => byId("files").click());
  byId("files").addEventListener("change", (event) => {
    add(event.target.files);
    event.target.value = "";
  });
  acceptDrops(add);
}

function acceptDrops(add) {
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  const mark = (isOver) => document.body.classList.toggle("dropping", isOver);
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(true);
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) mark(false);
  });
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(false);
    add(event.dataTransfer.files);
  });
}

export function addFiles(files, onUploaded) {
  showFault("add-fault");
  byId("add-status").textContent = "";
  [...files].forEach((file, index) => {
    const item = uploadItem(file.name);
    queue = queue.then(() => upload(file, item)).then(
      (recording) => recording && onUploaded(recording, index === 0),
      (error) => showFault("add-fault", `${byId("add-fault").textContent}\n“${file.name}” ${error.message}`.trim()),
    ).finally(() => item.line.remove());
  });
}

// The line that shows an upload. cancelled: whether the user does not want it any more.
function uploadItem(name) {
  const bar = element("progress", { max: 1, value: 0 });
  bar.setAttribute("aria-label", `Upload of ${name}`);
  const cancel = element("button", { type: "button", className: "quiet" }, "Cancel");
  cancel.setAttribute("aria-label", `Cancel the upload of ${name}`);
  const line = element("li", {}, element("span", { className: "name" }, name), bar, cancel);
  const item = { line, bar, cancelled: false, abort: () => {} };
  cancel.addEventListener("click", () => {
    item.cancelled = true;
    item.abort();
  });
  byId("uploads").append(line);
  byId("recent").hidden = false;
  return item;
}

// The new recording; null if the user cancelled it.
async function upload(file, item) {
  const fault = await unfit(file);
  if (fault) throw new Failure(fault);
  const known = new Set((await request("api/recordings")).recordings.map(({ id }) => id));
  for (let wait = 1000; !item.cancelled; wait = Math.min(2 * wait, 8000)) {
    const answer = await send(file, item);
    if (answer || item.cancelled) return answer;
    showConnection(false);
    await pause(wait);
    // The answer may have been lost after the file had arrived.
    const { recordings } = await request("api/recordings");
    const arrived = recordings.find(({ id, name }) => !known.has(id) && file.name.startsWith(name));
    if (arrived) return arrived;
  }
  return null;
}

// Why a file is not worth an upload; empty if it may be.
async function unfit(file) {
  const begin = await file.slice(0, 4).text().catch(() => null);
  if (begin === null) return "cannot be read: it is a folder, or is no longer there.";
  if (!begin) return "is empty. Choose another file.";
  if (begin === "MThd") return "is a MIDI file, which has notes but no sound. Choose a recording, such as MP3 or WAV.";
  if (file.size > limits.bytes) return `has ${megabytes(file.size)}, at most ${megabytes(limits.bytes)} are accepted.`;
  return "";
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

// The answer of the server; null where the connection was lost, or the user cancelled.
async function send(file, item) {
  const keep = await openIds();
  return new Promise((done, fail) => {
    const sent = new XMLHttpRequest(); // fetch does not tell how much was sent
    item.abort = () => sent.abort();
    sent.upload.addEventListener("progress", ({ loaded, total }) => (item.bar.value = loaded / total));
    sent.addEventListener("error", () => done(null));
    sent.addEventListener("abort", () => done(null));
    sent.addEventListener("load", () => {
      if ([429, 502, 503, 504].includes(sent.status)) return done(null);
      const answer = parsed(sent.responseText);
      if (sent.status < 300) done(answer);
      else fail(new Failure(`was not accepted: ${answer.error ?? `the server answered ${sent.status}. Try again`}.`, sent.status));
    });
    const form = new FormData();
    form.append("file", file);
    form.append("name", file.name); // as it is: that of the file is sent with %22 for a quote
    form.append("keep", keep.join(","));
    sent.open("POST", "api/recordings");
    sent.setRequestHeader("Accept", "application/json");
    sent.send(form);
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
