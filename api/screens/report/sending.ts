// From the last tap to the server's answer. The body is made once and kept, byte for byte, until the server has said what
// became of it: over lost answers, no network, and a reload. The same number with the same body is the same report.
import { computed, signal } from "@preact/signals";
import { NoAnswer, Refused } from "../shared/client";
import { remember, remembered } from "../shared/remember";
import type { Problem, ReportAnswer, ReportBody } from "../shared/types";
import { newUid } from "../shared/uid";
import { calls } from "./calls";
import { category, change, draft, startAnew } from "./draft";
import { readNear } from "./near";
import { addMine, clearMine, type Mine } from "./mine";
import { forgetPhotos, photos, sendPhotos } from "./photos";
import { go, goInstead, view } from "./view";

interface Pending {
  body: ReportBody;
  mine: Mine;
}

export type Sending = { status: "idle"; problem?: Problem } | { status: "photos" } | { status: "sending" } | { status: "waiting" };

function keptPending(): Pending | null {
  try {
    return JSON.parse(remembered("report.pending") ?? "null") as Pending | null;
  } catch {
    return null;
  }
}

export const pending = signal<Pending | null>(keptPending());
export const sending = signal<Sending>({ status: "idle" });
export const online = signal(navigator.onLine);
/** The answer to the report that was sent just now, for the first look at what became of it. */
export const lastAnswer = signal<{ uid: string; answer: ReportAnswer } | null>(null);
/** Under way or waiting: nothing of it may be changed any more. */
export const frozen = computed(() => pending.value !== null || draft.value.wanted);

const keepPending = (one: Pending | null): void => {
  pending.value = one;
  remember("report.pending", one && JSON.stringify(one));
};

export function send(): void {
  change({ wanted: true });
  void pump();
}

/** Nobody knows whether the server has it: it stays in the list, where it will be found if it has. */
export function giveUp(): void {
  const one = pending.peek();
  if (one) {
    addMine(one.mine);
    keepPending(null);
    change({ uid: newUid() });
  }
  change({ wanted: false });
  sending.value = { status: "idle" };
}

/** Everything of this device: the keys, what is being written with its photographs, and what waits to be sent. */
export function clearAll(): void {
  window.clearTimeout(timer);
  clearMine();
  keepPending(null);
  startAnew();
  forgetPhotos();
  lastAnswer.value = null;
  sending.value = { status: "idle" };
}

const RETRIES_S = [3, 5, 10, 20, 30];
let tries = 0;
let timer: number | undefined;
let running = false;

/** Goes as far as it can: photographs, then the report; what fails on the way is tried again by itself. */
export async function pump(): Promise<void> {
  if (running || (!pending.peek() && !draft.peek().wanted)) return;
  running = true;
  window.clearTimeout(timer);
  try {
    if (!pending.peek()) {
      sending.value = { status: "photos" };
      await sendPhotos();
      if (!draft.peek().wanted) return;
      const spoiled = photos.peek().find((one) => one.state === "refused");
      if (spoiled) {
        change({ wanted: false });
        sending.value = { status: "idle" };
        return;
      }
      keepPending(composed());
    }
    sending.value = { status: "sending" };
    await deliver();
    tries = 0;
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    if (!pending.peek() && !draft.peek().wanted) return void (sending.value = { status: "idle" });
    sending.value = { status: "waiting" };
    timer = window.setTimeout(() => void pump(), 1000 * (RETRIES_S[Math.min(tries++, RETRIES_S.length - 1)] ?? 30));
  } finally {
    running = false;
  }
}

function composed(): Pending {
  const { uid, category: code, place, text, joins } = draft.peek();
  if (!place) throw new Error("a report was sent without a place");
  const body: ReportBody = {
    client_uid: uid, channel: "citizen", category: code, ...place.told, text: text.trim(),
    photos: photos.peek().map((one) => one.sha256).filter((one) => one !== undefined),
    ...(place.captured_at ? { captured_at: place.captured_at } : {}),
    ...(joins ? { joins: joins.word } : {}),
  } as ReportBody;
  const known = category.peek();
  const mine = {
    uid, category: known ? { name_zh: known.name_zh, name_en: known.name_en } : { name_zh: code, name_en: code },
    at: new Date().toISOString(), where: place.name ?? "",
  };
  return { body, mine };
}

async function deliver(): Promise<void> {
  const one = pending.peek();
  if (!one) return;
  const uid = one.body.client_uid;
  try {
    const answer = await calls.report(one.body);
    if (pending.peek() !== one) return;
    lastAnswer.value = { uid, answer };
    addMine(one.mine);
    keepPending(null);
    if (draft.peek().uid === uid) {
      startAnew();
      forgetPhotos();
    }
    sending.value = { status: "idle" };
    const { name } = view.peek();
    // Whoever looks at something else meanwhile is not torn away from it.
    if (name === "more") goInstead(uid);
    else if (name === "what" || name === "where") go(uid);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (pending.peek() !== one) return;
    keepPending(null);
    change({ wanted: false, ...(error.problem.code === "client_uid_reused" ? { uid: newUid() } : {}) });
    sending.value = { status: "idle", problem: error.problem };
    if (error.problem.code === "not_joinable") {
      change({ joins: null });
      void readNear();
    }
  }
}

window.addEventListener("online", () => {
  online.value = true;
  tries = 0;
  void pump();
});
window.addEventListener("offline", () => {
  online.value = false;
});
