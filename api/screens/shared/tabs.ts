// Pages of one browser tell each other that something of theirs has changed.
/** `left`: somebody signed out, and what pages show of him goes. */
type What = "outbox" | "account" | "left";

const channel = "BroadcastChannel" in window ? new BroadcastChannel("gisops.officer") : null;

export const tell = (what: What): void => channel?.postMessage(what);
export function told(what: What, act: () => void): void {
  channel?.addEventListener("message", (event: MessageEvent<unknown>) => {
    if (event.data === what) act();
  });
}
