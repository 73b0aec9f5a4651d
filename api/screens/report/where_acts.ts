// The place of the report: by this device, by the map under the pin, by a name, or by coordinates that say whose they are.
import { signal } from "@preact/signals";
import { Refused } from "../shared/client";
import type { Located, Problem } from "../shared/types";
import { calls, type Hit } from "./calls";
import { change, draft, type Place } from "./draft";

export type Checked = { status: "none" } | { status: "asking" } | { status: "fine"; located: Located } | { status: "refused"; problem: Problem } | { status: "unknown" };

export const checked = signal<Checked>({ status: "none" });
export const findingDevice = signal(false);
/** A code of messages.deviceErrors. */
export const deviceError = signal<string | null>(null);
/** Where the map has to go, when the place came from elsewhere than from the map itself; the circle says how exact that is. */
export const looksAt = signal<{ lon: number; lat: number; accuracy_m: number | null } | null>(null);
/** The name of something too long or too wide to be a place: the map is there, and the reader points. */
export const foundWide = signal<string | null>(null);

const SETTLED_MS = 350;
let timer: number | undefined;
let asking: AbortController | undefined;

/** Of what is larger than this, a name says too little. */
const WIDE_M = 120;

/** Half the way across what was found, metres. */
function spread(hit: Hit): number {
  const [west = 0, south = 0, east = 0, north = 0] = hit.bbox;
  return Math.hypot((east - west) * 111_320 * Math.cos((hit.lat * Math.PI) / 180), (north - south) * 110_574) / 2;
}

function take(place: Place): void {
  foundWide.value = null;
  change({ place });
  if (place.from !== "map") looksAt.value = { ...place.shown, accuracy_m: place.told.accuracy_m };
  checked.value = { status: "asking" };
  window.clearTimeout(timer);
  timer = window.setTimeout(() => void check(), place.from === "map" ? SETTLED_MS : 0);
}

/** Whose place that is, in the server's words; and whether it is the city's at all. */
export async function check(): Promise<void> {
  const { place, category } = draft.peek();
  if (!place || !category) return;
  asking?.abort();
  asking = new AbortController();
  checked.value = { status: "asking" };
  try {
    const located = await calls.locate(place.told, category, asking.signal);
    checked.value = { status: "fine", located };
  } catch (error) {
    if (error instanceof DOMException) return;
    // Without a network the place is still a place: the server has its say when the report gets there.
    checked.value = error instanceof Refused ? { status: "refused", problem: error.problem } : { status: "unknown" };
  }
}

export function pointedAt(at: { lon: number; lat: number }, accuracy_m: number): void {
  take({ shown: at, told: { ...at, crs: "WGS84", accuracy_m }, from: "map" });
}

export function foundByName(hit: Hit): void {
  const at = { lon: hit.lon, lat: hit.lat };
  const wide = spread(hit);
  if (wide <= WIDE_M) return take({ shown: at, told: { ...at, crs: "WGS84", accuracy_m: Math.max(10, Math.round(wide)) }, from: "search", name: hit.label });
  window.clearTimeout(timer);
  asking?.abort();
  change({ place: null });
  checked.value = { status: "none" };
  foundWide.value = hit.label;
  looksAt.value = { ...at, accuracy_m: wide };
}

/** Sent as they were declared; where the map shows them is the server's answer. Throws what the server refused. */
export async function pasted(x: number, y: number, crs: string): Promise<void> {
  const told = { lon: x, lat: y, crs, accuracy_m: 20 };
  const located = await calls.locate(told, draft.peek().category, new AbortController().signal);
  take({ shown: { lon: located.lon, lat: located.lat }, told, from: "pasted" });
  checked.value = { status: "fine", located };
  window.clearTimeout(timer);
}

/** Uses a point that the server itself suggested, of a pair that was the wrong way round. */
export function useSuggestion(at: { lon: number; lat: number }): void {
  const told = draft.peek().place?.told;
  if (!told) return;
  take({ shown: at, told: { ...told, ...at }, from: "pasted" });
}

export function findDevice(): void {
  if (!window.isSecureContext || !("geolocation" in navigator)) {
    deviceError.value = "insecure";
    return;
  }
  findingDevice.value = true;
  deviceError.value = null;
  const before = draft.peek().place;
  navigator.geolocation.getCurrentPosition(
    ({ coords, timestamp }) => {
      findingDevice.value = false;
      // Whoever moved the map meanwhile knows better where it is.
      if (draft.peek().place !== before) return;
      const at = { lon: coords.longitude, lat: coords.latitude };
      take({
        shown: at, told: { ...at, crs: "WGS84", accuracy_m: Math.min(5_000, Math.max(1, Math.round(coords.accuracy))) }, from: "device",
        captured_at: new Date(timestamp).toISOString(),
      });
        },
    (error) => {
      findingDevice.value = false;
      deviceError.value = String(error.code);
    },
    { enableHighAccuracy: true, timeout: 15_000, maximumAge: 10_000 },
  );
}

/** What was typed as two numbers: which is which, the city's own place says; else as it was typed. */
export function twoNumbers(text: string, bbox: readonly number[]): { lon: number; lat: number } | null {
  const found = text.match(/[-+]?\d+(?:\.\d+)?/g)?.map(Number) ?? [];
  const [a, b] = found;
  if (found.length !== 2 || a === undefined || b === undefined) return null;
  const [west = 0, south = 0, east = 0, north = 0] = bbox;
  // Coordinates of other systems lie some hundred metres off, so around the city is near enough.
  const fits = (lon: number, lat: number): boolean => lon > west - 1 && lon < east + 1 && lat > south - 1 && lat < north + 1;
  return !fits(a, b) && fits(b, a) ? { lon: b, lat: a } : { lon: a, lat: b };
}
