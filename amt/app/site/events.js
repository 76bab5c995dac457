// The events of a transcription. A lost connection is said, and made again.

import { recordingPath, showConnection } from "./api.js";

const RETRY = 2000;

// on: functions by event (progress, notes, done, failed) that get its data. The first event is
// progress with nothing done: where it comes again, everything is sent a second time. The returned
// function ends the connection.
export function watch(id, on) {
  let source = null;
  let timer = 0;
  const close = () => {
    clearTimeout(timer);
    source?.close();
  };
  const connect = () => {
    source = new EventSource(recordingPath(id, "/events"));
    source.onopen = () => showConnection(true);
    source.onerror = () => {
      showConnection(false);
      // The browser goes on where it was, but gives up where a server refuses.
      if (source.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(connect, RETRY);
    };
    for (const name of ["progress", "notes", "done", "failed"]) {
      source.addEventListener(name, (event) => {
        if (name === "done" || name === "failed") close();
        on[name](JSON.parse(event.data));
      });
    }
  };
  connect();
  return close;
}
