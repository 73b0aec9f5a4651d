// What makes the phone ask again: events where he looks, the network's return, another look at the page.
import { effect } from "@preact/signals";
import { city } from "../shared/catalog";
import { listen } from "../shared/live";
import { me } from "../shared/session";
import { flushNow } from "./sender";
import { contact, readAll } from "./state";

const TOGETHER_MS = 300;

/** Listens while the page is looked at; whatever happens where he looks may be a task of his. */
effect(() => {
  const box = city.value?.bbox;
  if (!me.value || !box) return;
  let timer: number | undefined;
  let last = 0;
  const look = (): void => {
    if (timer !== undefined) return;
    timer = window.setTimeout(() => {
      timer = undefined;
      last = Date.now();
      void readAll();
    }, Math.max(0, last + TOGETHER_MS - Date.now()));
  };
  let stop: (() => void) | null = null;
  const seen = (): void => {
    if (document.visibilityState === "visible") {
      stop ??= listen(box, { onCase: look, onGone: look, onLayer: () => undefined, onResync: look });
    } else {
      stop?.();
      stop = null;
    }
  };
  seen();
  document.addEventListener("visibilitychange", seen);
  return () => {
    stop?.();
    window.clearTimeout(timer);
    document.removeEventListener("visibilitychange", seen);
  };
});

const back = (): void => {
  if (document.visibilityState !== "visible") return;
  void readAll();
  flushNow();
};
addEventListener("online", back);
addEventListener("offline", () => (contact.value = "offline"));
document.addEventListener("visibilitychange", back);
