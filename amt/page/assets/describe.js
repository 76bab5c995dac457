// The page of `amt describe`: its piece and audio are in the page itself.

import { byId } from "./elements.js";
import { bytes } from "./piece.js";
import { showPiece, startPage } from "./show.js";

// A blob: not every browser can seek in a data: URL.
function urlOf(source) {
  const url = URL.createObjectURL(new Blob([bytes(source.textContent.trim())], { type: "audio/mpeg" }));
  source.remove();
  return url;
}

const sources = ["recording", "transcription"].filter(byId);
startPage();
showPiece(JSON.parse(byId("document").textContent), Object.fromEntries(sources.map((name) => [name, urlOf(byId(name))])));
