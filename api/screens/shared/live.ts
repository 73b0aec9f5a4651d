// The live stream of cases. The browser resumes a broken EventSource by itself with Last-Event-ID; what it does not do
// is come back from a refusal (a restarting server behind a proxy answers 502), so that is done here.
import { signal } from "@preact/signals";
import type { Bbox, LayerChange, LiveCase } from "./types";

export interface LiveState {
  state: "off" | "connecting" | "live" | "reconnecting" | "stale";
  /** Since when nothing can have arrived (ms), while not live. */
  since: number;
}
export const liveState = signal<LiveState>({ state: "off", since: 0 });

const STALE_AFTER_MS = 10_000;

export interface LiveListener {
  onCase: (event: LiveCase) => void;
  /** A case that could be seen until now: nothing more is told of it. */
  onGone: (caseNo: string) => void;
  /** The content of a layer open to us is another one, or the layer itself has come or gone. */
  onLayer: (change: LayerChange) => void;
  /** The server does not know where we stopped, or we may see something else now: read the present state again. Also called after a refusal. */
  onResync: () => void;
}

/** Listens until the returned function is called. */
export function listen(bbox: Bbox, listener: LiveListener): () => void {
  let source: EventSource | null = null;
  let retry: number | undefined;
  let stale: number | undefined;
  let wait_ms = 1_000;
  let refused = false;

  const lost = (): void => {
    if (liveState.peek().state !== "live" && liveState.peek().state !== "connecting") return;
    liveState.value = { state: "reconnecting", since: Date.now() };
    stale = window.setTimeout(() => {
      liveState.value = { ...liveState.peek(), state: "stale" };
    }, STALE_AFTER_MS);
  };
  const found = (): void => {
    window.clearTimeout(stale);
    wait_ms = 1_000;
    liveState.value = { state: "live", since: 0 };
    if (refused) listener.onResync();
    refused = false;
  };
  const open = (): void => {
    source = new EventSource(`/api/live?bbox=${bbox.join(",")}`);
    // Not at "open": a server in trouble may answer 200 and then say nothing. Its hello is the first thing that counts.
    source.addEventListener("hello", found);
    source.addEventListener("case", (event) => {
      if (liveState.peek().state !== "live") found();
      listener.onCase(JSON.parse((event as MessageEvent<string>).data) as LiveCase);
    });
    source.addEventListener("gone", (event) => {
      listener.onGone((JSON.parse((event as MessageEvent<string>).data) as { case_no: string }).case_no);
    });
    source.addEventListener("layer", (event) => {
      listener.onLayer(JSON.parse((event as MessageEvent<string>).data) as LayerChange);
    });
    source.addEventListener("resync", listener.onResync);
    source.addEventListener("error", () => {
      lost();
      if (source?.readyState !== EventSource.CLOSED) return;
      refused = true;
      retry = window.setTimeout(open, wait_ms);
      wait_ms = Math.min(wait_ms * 2, 30_000);
    });
  };

  liveState.value = { state: "connecting", since: Date.now() };
  open();
  return () => {
    source?.close();
    window.clearTimeout(retry);
    window.clearTimeout(stale);
    liveState.value = { state: "off", since: 0 };
  };
}
