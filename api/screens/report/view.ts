// Which view this is: it stands behind the # of the address, so that the phone's own "back" goes a step back, and a
// report's key never leaves the browser with the page's address (no log and no referrer has what is behind the #).
import { signal } from "@preact/signals";

export type View = { name: "what" | "where" | "more" | "mine" } | { name: "follow"; uid: string };

const UID = /^#([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/i;

function read(): View {
  const uid = UID.exec(location.hash)?.[1];
  if (uid) return { name: "follow", uid: uid.toLowerCase() };
  const name = location.hash.slice(1);
  return name === "where" || name === "more" || name === "mine" ? { name } : { name: "what" };
}

export const view = signal<View>(read());
window.addEventListener("hashchange", () => {
  view.value = read();
});

export function go(to: "what" | "where" | "more" | "mine" | (string & {})): void {
  location.hash = to === "what" ? "" : to;
  view.value = read();
}

/** The same without a step in between: of what is done with, "back" leads nowhere. */
export function goInstead(to: string): void {
  history.replaceState(null, "", to === "what" ? location.pathname : `#${to}`);
  view.value = read();
}
