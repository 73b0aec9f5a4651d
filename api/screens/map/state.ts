// What this page knows, and the acts that change it. Components only show signals and call these acts.
import { computed, effect, signal } from "@preact/signals";
import { api, NoAnswer, Refused } from "../shared/api";
import { readCity, signOut, unreachable } from "../shared/catalog";
import { addCase, cases } from "../shared/live_cases";
import { remember, remembered } from "../shared/remember";
import { me } from "../shared/session";
import type { Category, Located, Problem, ReportAnswer, ReportBody } from "../shared/types";
import { newUid } from "../shared/uid";

export type Pane = "none" | "ask" | "layers" | "report" | "cases";
/** Where a question or report stands. */
export interface Place {
  lon: number;
  lat: number;
  accuracy_m: number;
  from: "map" | "device";
  captured_at?: string;
}
export type Asked =
  | { status: "idle" }
  | { status: "asking" }
  | { status: "answered"; located: Located }
  | { status: "refused"; problem: Problem }
  | { status: "unreachable" };
/** `unknown`: sent, but no answer came; the body is kept byte for byte, because the server may have taken it. */
export type Sent =
  | { status: "editing"; problem?: Problem }
  | { status: "sending"; body: ReportBody }
  | { status: "unknown"; body: ReportBody }
  | { status: "answered"; answer: ReportAnswer };
export const categories = signal<Category[]>([]);
export const pane = signal<Pane>("none");

/** One of the most common reports of any city, and the start of the selector; else whatever comes first. */
const COMMON = ["E01-10", "E01-12"];
export const category = signal<string>("");
export const chosenCategory = computed(() => categories.value.find((one) => one.code === category.value) ?? null);

export const place = signal<Place | null>(null);
export const asked = signal<Asked>({ status: "idle" });

// -- beginning ------------------------------------------------------------------------------------------------------

export const begin = readCity;

// A signed-in reader may choose of more.
effect(() => {
  void me.value;
  void readCategories();
});

async function readCategories(): Promise<void> {
  try {
    const list = await api.categories();
    categories.value = list.categories;
    if (category.peek()) return;
    const common = COMMON.find((code) => list.categories.some((one) => one.code === code));
    category.value = common ?? list.categories[0]?.code ?? "";
  } catch {
    unreachable.value = true;
  }
}

/** Of what was listed, only the reader's own reports are his to keep. */
export async function leave(): Promise<void> {
  await signOut();
  cases.value = cases.peek().filter((one) => one.mine);
}

// -- who is responsible ---------------------------------------------------------------------------------------------

let asking: AbortController | null = null;

export async function ask(): Promise<void> {
  const at = place.peek();
  if (!at || !category.peek()) return;
  asking?.abort();
  const mine = (asking = new AbortController());
  asked.value = { status: "asking" };
  try {
    const located = await api.locate(at.lon, at.lat, category.peek(), at.accuracy_m, mine.signal);
    if (asking === mine) asked.value = { status: "answered", located };
  } catch (error) {
    if (asking !== mine) return;
    asked.value = error instanceof Refused ? { status: "refused", problem: error.problem } : { status: "unreachable" };
  }
}

export function askAt(at: Place): void {
  place.value = at;
  if (pane.value !== "report") pane.value = "ask";
  void ask();
}

export function chooseCategory(code: string): void {
  category.value = code;
  void ask();
}

export function forgetPlace(): void {
  asking?.abort();
  place.value = null;
  asked.value = { status: "idle" };
  pane.value = "none";
}

// -- report ---------------------------------------------------------------------------------------------------------

const kept = remembered("report", "session");
export const draftText = signal("");
export const sent = signal<Sent>(kept ? { status: "unknown", body: JSON.parse(kept) as ReportBody } : { status: "editing" });
if (kept) pane.value = "report";
let clientUid = newUid();

export async function sendReport(): Promise<void> {
  const now = sent.peek();
  if (now.status === "sending" || now.status === "answered") return;
  const at = place.peek();
  let body: ReportBody;
  if (now.status === "unknown") body = now.body;
  else if (at) {
    body = {
      client_uid: clientUid,
      channel: me.peek()?.role === "officer" ? "officer" : "citizen",
      category: category.peek(),
      lon: at.lon,
      lat: at.lat,
      crs: "WGS84",
      accuracy_m: at.accuracy_m,
    };
    if (draftText.peek().trim()) body.text = draftText.peek().trim();
    if (at.captured_at) body.captured_at = at.captured_at;
  } else return;

  sent.value = { status: "sending", body };
  // Kept before it is sent, so that a reload in the middle asks again with the same uid and makes no second case.
  remember("report", JSON.stringify(body), "session");
  try {
    const answer = await api.report(body);
    finished();
    sent.value = { status: "answered", answer };
    // One that joined another's is shown by whoever may see it.
    if (answer.case.case_no) addCase({
      case_no: answer.case.case_no, action: "report", state: answer.case.state, stage: answer.case.stage, category: answer.case.category,
      organisation: answer.dispatch.organisation, lon: answer.report.lon, lat: answer.report.lat,
      at: answer.report.received_at, mine: true, seen: Date.now(),
    });
  } catch (error) {
    if (error instanceof Refused && error.problem.status < 500) {
      // Refused means nothing was stored: the same uid may carry a corrected body.
      remember("report", null, "session");
      if (error.problem.code === "client_uid_reused") clientUid = newUid();
      sent.value = { status: "editing", problem: error.problem };
    } else if (error instanceof Refused || error instanceof NoAnswer) sent.value = { status: "unknown", body };
    else throw error;
  }
}

function finished(): void {
  remember("report", null, "session");
  clientUid = newUid();
  draftText.value = "";
}

export function startOver(): void {
  finished();
  sent.value = { status: "editing" };
}
