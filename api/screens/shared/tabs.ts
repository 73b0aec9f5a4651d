// Pages of one browser tell each other that something of theirs has changed.
type What = "outbox" | "account";

const channel = "BroadcastChannel" in window ? new BroadcastChannel("gisops.officer") : null;

export const tell = (what: What): void => channel?.postMessage(what);
export function told(what: What, act: () => void): void {
  channel?.addEventListener("message", (event: MessageEvent<unknown>) => {
    if (event.data === what) act();
  });
}
