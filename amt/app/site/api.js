// Requests to the server. A lost connection is said, and tried again until it is back.

import { byId } from "./elements.js";

const LONGEST_WAIT = 8000;

// An answer of the server that says what is wrong, in one sentence.
export class Failure extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export const recordingPath = (id, rest = "") => `api/recordings/${encodeURIComponent(id)}${rest}`;

// The JSON that the server answers. Options as for `answer`.
export async function request(path, options) {
  const response = await answer(path, options);
  return response.status === 204 ? null : response.json();
}

// What the server answers. body: an object, sent as JSON. signal: ends the attempts.
export async function answer(path, { method = "GET", body, signal, accept = "application/json" } = {}) {
  const options = { method, signal, headers: { Accept: accept } };
  if (body) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const response = await connected(() => fetch(path, options), signal);
  if (!response.ok) throw await failure(response);
  return response;
}

// Try until the server answers.
async function connected(attempt, signal) {
  for (let wait = 500; ; wait = Math.min(2 * wait, LONGEST_WAIT)) {
    const response = await attempt().catch((error) => {
      if (error.name === "AbortError") throw error;
      return null;
    });
    if (response && ![429, 502, 503, 504].includes(response.status)) {
      showConnection(true);
      return response;
    }
    if (response?.status === 429) showConnection(false, "The server has much to do. Trying again in a moment …");
    else showConnection(false);
    await pause(1000 * Number(response?.headers.get("Retry-After")) || wait, signal);
  }
}

// Wait, at most until the network is back.
export function pause(milliseconds, signal) {
  return new Promise((done, fail) => {
    const timer = setTimeout(done, milliseconds);
    addEventListener("online", done, { once: true });
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      fail(signal.reason);
    });
  });
}

export async function failure(response) {
  const document = await response.json().catch(() => ({}));
  return new Failure(document.error ?? `The server answered ${response.status}. Try again.`, response.status);
}

let lost = false;
export function showConnection(isThere, text = "No connection to the server. Trying again …") {
  const line = byId("connection");
  if (!isThere) line.textContent = text;
  else if (lost) {
    line.textContent = "Connected again.";
    setTimeout(() => {
      if (!lost) line.textContent = "";
    }, 2500);
  }
  lost = !isThere;
  line.classList.toggle("lost", lost);
}

// Show a sentence that says what is wrong; none: hide it.
export function showFault(id, text = "") {
  byId(id).textContent = text;
  byId(id).hidden = !text;
}
