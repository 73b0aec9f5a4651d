// Where this phone is, as long as the page is looked at: for the words "inside" and "outside", for distances, and for the
// centre that sends whoever is nearest.
import { computed, effect, signal } from "@preact/signals";
import { keepPoint } from "../shared/outbox";
import { remember, remembered } from "../shared/remember";
import { distance, standing } from "./inside";
import { flush } from "./sender";
import { who, zones } from "./state";

export interface Here {
  lon: number;
  lat: number;
  accuracy_m: number;
  /** ms */
  at: number;
}
export const here = signal<Here | null>(null);
/** The code of why there is none: insecure, or what the device says (1 not allowed, 2 none to be had, 3 too late). */
export const hereError = signal<string | null>(null);
/** Is the position asked for? The officer says so once, on this device. */
export const watching = signal(remembered("position") !== "off");

export const standsAt = computed(() => {
  const at = here.value;
  return at && standing(zones.value, at.lon, at.lat, at.accuracy_m);
});

/** What is told to the centre: every so many metres, and now and then from the same place. */
const MOVED_M = 20;
const STILL_MS = 60_000;
const SENT_TOGETHER_MS = 15_000;
let told: Here | null = null;
let timer: number | undefined;

async function tellCentre(at: Here): Promise<void> {
  const account = who.peek();
  if (!account?.staff || (told && at.at - told.at < STILL_MS && distance(told, at) < Math.max(MOVED_M, at.accuracy_m / 2))) return;
  const first = !told;
  told = at;
  try {
    await keepPoint({ account: account.login, lon: at.lon, lat: at.lat, accuracy_m: Math.min(at.accuracy_m, 100_000), captured_at: new Date(at.at).toISOString() });
  } catch {
    return; // a full device loses positions first
  }
  timer ??= window.setTimeout(() => {
    timer = undefined;
    void flush();
  }, first ? 0 : SENT_TOGETHER_MS);
}

/** "I am there": told now, whatever was told before. */
export async function arrived(): Promise<void> {
  told = null;
  const at = here.peek();
  if (!at) return;
  await tellCentre({ ...at, at: Date.now() });
  window.clearTimeout(timer);
  timer = undefined;
  void flush();
}

export function switchWatching(on: boolean): void {
  remember("position", on ? null : "off");
  watching.value = on;
}

effect(() => {
  if (!watching.value || !who.value) {
    here.value = null;
    told = null;
    return;
  }
  if (!window.isSecureContext || !("geolocation" in navigator)) {
    hereError.value = "insecure";
    return;
  }
  const watch = navigator.geolocation.watchPosition(
    ({ coords, timestamp }) => {
      const at = { lon: coords.longitude, lat: coords.latitude, accuracy_m: Math.max(0.1, Math.round(coords.accuracy * 10) / 10), at: timestamp };
      here.value = at;
      hereError.value = null;
      void tellCentre(at);
    },
    (error) => {
      hereError.value = String(error.code);
      if (error.code === error.PERMISSION_DENIED) here.value = null;
    },
    { enableHighAccuracy: true, timeout: 30_000, maximumAge: 5_000 },
  );
  return () => navigator.geolocation.clearWatch(watch);
});
