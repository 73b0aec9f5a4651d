// A call that a clerk writes down. One number for one call, kept until the server has answered.
import { signal } from "@preact/signals";
import { api, NoAnswer, Refused } from "../shared/api";
import { remember, remembered } from "../shared/remember";
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
const kept = remembered(KEPT, "session");
export const callSent = signal<CallSent>(kept ? { status: "unknown", body: JSON.parse(kept) as ReportBody } : { status: "editing" });
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
  if (now.status === "sending" || now.status === "answered") return;
  let body: ReportBody;
  if (now.status === "unknown") body = now.body;
  else if (at && callCategory.peek()) {
    body = {
      client_uid: uid, channel: "hotline", category: callCategory.peek(), lon: at.lon, lat: at.lat, crs: "WGS84", accuracy_m: at.accuracy_m,
      text: callText.peek().trim(),
    };
  } else return;
  callSent.value = { status: "sending", body };
  remember(KEPT, JSON.stringify(body), "session");
  try {
    const answer = await api.report(body);
    remember(KEPT, null, "session");
    uid = newUid();
    callSent.value = { status: "answered", answer };
    void readInbox();
  } catch (error) {
    if (error instanceof Refused && error.problem.status < 500) {
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
