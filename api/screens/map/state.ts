// What this page knows, and the acts that change it. Components only show signals and call these acts.
import { computed, effect, signal } from "@preact/signals";
import type { StyleSpecification } from "maplibre-gl";
import { api, NoAnswer, Refused } from "../shared/api";
import { remember, remembered } from "../shared/remember";
import { brokenIn, shownByDefault } from "../shared/style";
import type { CaseRow, Category, City, LiveCase, Located, Me, Problem, ReportAnswer, ReportBody } from "../shared/types";
import { theme } from "../shared/theme";

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
export interface ListedCase extends LiveCase {
  mine: boolean;
  /** When this page learnt of it (ms); 0 for what was there before. */
  seen: number;
}

export const city = signal<City | null>(null);
export const style = signal<StyleSpecification | null>(null);
export const categories = signal<Category[]>([]);
export const me = signal<Me | null>(null);
export const unreachable = signal(false);

export const pane = signal<Pane>("none");
export const signingIn = signal(false);

/** One of the most common reports of any city, and the start of the selector; else whatever comes first. */
const COMMON = ["E01-10", "E01-12"];
export const category = signal<string>("");
export const chosenCategory = computed(() => categories.value.find((one) => one.code === category.value) ?? null);

export const place = signal<Place | null>(null);
export const asked = signal<Asked>({ status: "idle" });
export const cases = signal<ListedCase[]>([]);
const LISTED = 30;

// -- layers ---------------------------------------------------------------------------------------------------------

export const switched = signal<Record<string, boolean>>(JSON.parse(remembered("layers") ?? "{}") as Record<string, boolean>);

export function shown(id: string): boolean {
  const chosen = switched.value[id];
  return chosen ?? (style.value !== null && shownByDefault(style.value, id));
}

/** Layers whose style MapLibre refused when it was to be drawn. */
export const refusedStyles = signal<ReadonlySet<string>>(new Set());
export const brokenStyles = computed<ReadonlySet<string>>(
  () => new Set([...refusedStyles.value, ...(style.value ? brokenIn(style.value) : [])]),
);

export function switchLayer(id: string, on: boolean): void {
  switched.value = { ...switched.value, [id]: on };
  remember("layers", JSON.stringify(switched.value));
}

// -- beginning, sign-in ---------------------------------------------------------------------------------------------

/** Reads the city, the style the caller may see, and who the caller is. */
export async function begin(): Promise<void> {
  try {
    const [theCity, theStyle, list] = await Promise.all([api.city(), api.style(theme.peek()), api.categories()]);
    // Asking /api/me while signed out is a 401 in the console of every visitor; the catalogue says it as well.
    const signedIn = theCity.layers.some((layer) => layer.class !== "public" && layer.allowed);
    me.value = signedIn ? await api.me() : null;
    categories.value = list.categories;
    if (!category.peek()) {
      const common = COMMON.find((code) => list.categories.some((one) => one.code === code));
      category.value = common ?? list.categories[0]?.code ?? "";
    }
    style.value = theStyle as StyleSpecification;
    city.value = theCity;
    unreachable.value = false;
  } catch {
    unreachable.value = true;
  }
}

export async function signIn(login: string, password: string): Promise<void> {
  await api.signIn(login, password);
  signingIn.value = false;
  await begin();
}

export async function signOut(): Promise<void> {
  await api.signOut().catch(() => undefined);
  cases.value = cases.value.filter((one) => one.mine);
  await begin();
}

/** Reads again which layers there are and how they look, and tells the page where that is different. */
export async function readLayers(): Promise<void> {
  try {
    const [theCity, theStyle] = await Promise.all([api.city(), api.style(theme.peek())]);
    if (JSON.stringify(theCity) !== JSON.stringify(city.peek())) city.value = theCity;
    if (JSON.stringify(theStyle) === JSON.stringify(style.peek())) return;
    // Whoever mended a style deserves another try.
    refusedStyles.value = new Set();
    style.value = theStyle as StyleSpecification;
  } catch {
    // What is shown stays; the next change or the next look tells.
  }
}

export async function restyle(): Promise<void> {
  try {
    style.value = (await api.style(theme.peek())) as StyleSpecification;
  } catch {
    unreachable.value = true;
  }
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

/** A random UUID; the browser's own function exists only over HTTPS and on localhost. */
function newUid(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

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
    addCase({
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

// -- cases ----------------------------------------------------------------------------------------------------------

export function addCase(one: ListedCase): void {
  const before = cases.peek().find((other) => other.case_no === one.case_no);
  const rest = cases.peek().filter((other) => other.case_no !== one.case_no);
  // A case keeps the moment it was first seen, so that its later events do not make it pulse again.
  const merged = before ? { ...one, mine: before.mine || one.mine, seen: before.seen } : one;
  cases.value = [merged, ...rest].sort((a, b) => b.at.localeCompare(a.at)).slice(0, LISTED);
}

export function dropCase(caseNo: string): void {
  cases.value = cases.peek().filter((one) => one.case_no !== caseNo);
}

/** What was there before this page listened (or while it could not); `anew`: and what is not there any more goes. */
export async function readCases(anew = false): Promise<void> {
  const began = Date.now();
  try {
    const answer = await api.latestCases(LISTED);
    const known = new Map(cases.peek().map((one) => [one.case_no, one]));
    const rows = answer.cases.map((row: CaseRow): ListedCase => {
      const before = known.get(row.case_no);
      known.delete(row.case_no);
      return {
        case_no: row.case_no, action: before?.action ?? "", state: row.state, stage: row.stage, category: row.category,
        organisation: row.organisation, lon: row.lon, lat: row.lat, at: before?.at ?? row.reported_at,
        mine: before?.mine ?? false, seen: before?.seen ?? 0,
      };
    });
    const kept = [...known.values()].filter((one) => !anew || one.mine || one.seen >= began);
    cases.value = [...rows, ...kept].sort((a, b) => b.at.localeCompare(a.at)).slice(0, LISTED);
  } catch {
    // The list stays as it is; the live state says whether it is current.
  }
}

let first = true;
effect(() => {
  void theme.value;
  if (!first) void restyle();
  first = false;
});
