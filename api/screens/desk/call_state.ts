// A call that a clerk writes down. One number for one call, kept until the server has answered.
import { computed, effect, signal } from "@preact/signals";
import { api, NoAnswer, Refused } from "../shared/api";
import { remember, remembered } from "../shared/remember";
import { me } from "../shared/session";
import type { Problem, ReportAnswer, ReportBody } from "../shared/types";
import { newUid } from "../shared/uid";
import { calls, type Hit } from "./calls";
import { readInbox } from "./inbox_state";

export interface Place {
  lon: number;
  lat: number;
  accuracy_m: number;
  /** What it is called, where it was found by name. */
  label: string | null;
}
/** `unknown`: sent, but no answer came; the same bytes are sent again, because the server may have taken them. */
export type CallSent =
  | { status: "editing"; problem?: Problem }
  | { status: "sending"; body: ReportBody }
  | { status: "unknown"; body: ReportBody }
  | { status: "answered"; answer: ReportAnswer };

const KEPT = "desk.call";
/** The call that nobody knows the fate of, and whose it is. */
interface Kept {
  login: string;
  body: ReportBody;
}
function keptOf(login: string): ReportBody | null {
  try {
    const kept = JSON.parse(remembered(KEPT, "session") ?? "null") as Kept | null;
    return kept?.login === login ? kept.body : null;
  } catch {
    return null;
  }
}
export const callSent = signal<CallSent>({ status: "editing" });
export const callPlace = signal<Place | null>(null);
export const callCategory = signal("");
export const callText = signal("");
export const query = signal("");
export const hits = signal<Hit[] | null>(null);
let uid = newUid();

/** What a caller describes by the name of a road or a house is known to so many metres, if nobody says otherwise. */
const BY_NAME_M = 50;

let finding = 0;
export async function find(): Promise<void> {
  const q = query.peek().trim();
  const mine = ++finding;
  if (q.length < 2) return void (hits.value = null);
  try {
    const found = await calls.find(q);
    if (mine === finding) hits.value = found.hits;
  } catch {
    if (mine === finding) hits.value = null;
  }
}

export function takeHit(hit: Hit): void {
  callPlace.value = { lon: hit.lon, lat: hit.lat, accuracy_m: BY_NAME_M, label: hit.label };
  hits.value = null;
}

export async function sendCall(): Promise<void> {
  const now = callSent.peek();
  const at = callPlace.peek();
  if (!whose || now.status === "sending" || now.status === "answered") return;
  let body: ReportBody;
  if (now.status === "unknown") body = now.body;
  else if (at && callCategory.peek()) {
    body = {
      client_uid: uid, channel: "hotline", category: callCategory.peek(), lon: at.lon, lat: at.lat, crs: "WGS84", accuracy_m: at.accuracy_m,
      text: callText.peek().trim(),
    };
  } else return;
  callSent.value = { status: "sending", body };
  const login = whose;
  remember(KEPT, JSON.stringify({ login, body } satisfies Kept), "session");
  try {
    // By name: the browser may have somebody else's cookie by now, who did not take this call.
    const answer = await api.report(body, login);
    if (login !== whose) return;
    remember(KEPT, null, "session");
    uid = newUid();
    callSent.value = { status: "answered", answer };
    void readInbox();
  } catch (error) {
    if (login !== whose) return;
    if (error instanceof Refused && (error.problem.status === 401 || error.problem.code === "other_account")) {
      // He is not signed in any more: it waits until he is.
      callSent.value = { status: "unknown", body };
    } else if (error instanceof Refused && error.problem.status < 500) {
      // Refused means nothing was stored: the same number may carry a corrected body.
      remember(KEPT, null, "session");
      if (error.problem.code === "client_uid_reused") uid = newUid();
      callSent.value = { status: "editing", problem: error.problem };
    } else if (error instanceof Refused || error instanceof NoAnswer) callSent.value = { status: "unknown", body };
    else throw error;
  }
}

export function nextCall(): void {
  remember(KEPT, null, "session");
  uid = newUid();
  callText.value = "";
  callPlace.value = null;
  query.value = "";
  hits.value = null;
  callSent.value = { status: "editing" };
}

/** Whose calls these are: over the end of his sign-in until somebody else signs in, who is neither shown nor sends them. */
let whose = "";
const login = computed(() => me.value?.login);
effect(() => {
  const now = login.value;
  if (!now || now === whose) return;
  whose = now;
  const body = keptOf(now);
  nextCall();
  if (!body) return;
  remember(KEPT, JSON.stringify({ login: now, body } satisfies Kept), "session");
  callSent.value = { status: "unknown", body };
});
