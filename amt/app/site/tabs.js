// Which recordings are open, in all tabs of this browser: uploads must not remove them.

const PREFIX = "open ";
let own = "";
let close = () => {};

// This tab shows a recording, and the former one no longer; an empty id: none. The browser frees the
// lock of a tab that ends. Without https, and not on this computer, it has no locks.
export function markOpenHere(id) {
  close();
  own = id;
  const closed = new Promise((done) => (close = done));
  if (id) navigator.locks?.request(PREFIX + id, { mode: "shared" }, () => closed);
}

// The ids of all open recordings.
export async function openIds() {
  const { held } = (await navigator.locks?.query()) ?? { held: [] };
  const names = held.map(({ name }) => name).filter((name) => name.startsWith(PREFIX));
  return [...new Set([own, ...names.map((name) => name.slice(PREFIX.length))])].filter(Boolean);
}
