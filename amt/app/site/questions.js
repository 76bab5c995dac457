// Questions about the open recording, and their answers, which this browser keeps.

import { recordingPath, request, showFault } from "./api.js";
import { byId, clockText, element, typeset } from "./elements.js";
import { piece } from "./piece.js";
import { seek } from "./player.js";

const KEPT = 30;
const SUMMARY = "Summarise this piece"; // what is asked without a question
// 1:23, 1:23.4 or 1:02:03, and "at 12.3 s".
const TIMES = /\b(?:(\d+):)?(\d{1,3}):(\d\d(?:\.\d+)?)\b|\b(?:at|from|to|until|around|near) (\d+(?:\.\d+)?) s\b/g;
let open = "";

export function startQuestions(suggestions) {
  byId("ask-form").addEventListener("submit", (event) => {
    event.preventDefault();
    ask(byId("prompt").value.trim() || SUMMARY);
  });
  byId("suggestions").replaceChildren(...suggestions.map((prompt) => {
    const button = element("button", { type: "button" }, prompt);
    button.addEventListener("click", () => ask(prompt));
    return element("li", {}, button);
  }));
}

export function showQuestions(id) {
  open = id;
  byId("prompt").value = "";
  showFault("ask-fault");
  byId("answers").replaceChildren(...kept(id).map(answerElement));
}

const kept = (id) => JSON.parse(localStorage.getItem(`answers ${id}`) ?? "[]");

export const forgetAnswers = (id) => localStorage.removeItem(`answers ${id}`);

async function ask(prompt) {
  const id = open;
  showFault("ask-fault");
  const waiting = element("div", { className: "answer waiting" }, element("p", { className: "question" }, prompt), element("p", {}, "…"));
  byId("answers").prepend(waiting);
  byId("ask-button").disabled = true;
  try {
    const { response, source, notice } = await request(recordingPath(id, "/questions"), { method: "POST", body: { prompt } });
    const answer = { prompt, response, source, notice };
    keep(id, answer);
    waiting.replaceWith(answerElement(answer));
    if (byId("prompt").value.trim() === prompt) byId("prompt").value = "";
  } catch (error) {
    waiting.remove();
    showFault("ask-fault", error.message);
  } finally {
    byId("ask-button").disabled = false;
  }
}

function keep(id, answer) {
  localStorage.setItem(`answers ${id}`, JSON.stringify([answer, ...kept(id)].slice(0, KEPT)));
}

function answerElement({ prompt, response, source, notice }) {
  const remark = notice || (source === "gemini" ? "Worded by Gemini, from the notes." : "");
  return element("div", { className: "answer" },
    element("p", { className: "question" }, prompt),
    element("p", {}, ...withTimes(typeset(response))),
    ...(remark ? [element("p", { className: "hint" }, remark)] : []));
}

// A text whose times are buttons that go there.
function withTimes(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(TIMES)) {
    const [found, hours, minutes, seconds, plain] = match;
    const time = plain !== undefined ? Number(plain) : 3600 * Number(hours ?? 0) + 60 * Number(minutes) + Number(seconds);
    if (time > piece.seconds + 1) continue;
    const word = plain !== undefined ? found.slice(0, found.indexOf(plain)) : "";
    parts.push(text.slice(end, match.index) + word, timeButton(found.slice(word.length), time));
    end = match.index + found.length;
  }
  return [...parts, text.slice(end)];
}

function timeButton(text, seconds) {
  const button = element("button", { type: "button", className: "time" }, text);
  button.setAttribute("aria-label", `${text}: go to ${clockText(seconds)}`);
  button.addEventListener("click", () => seek(seconds));
  return button;
}
