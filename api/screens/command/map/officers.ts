// Where officers are, for whom they are shown one by one: read again every ten seconds, old positions said to be old.
import { effect, signal } from "@preact/signals";
import { city, shown, switched } from "../../shared/catalog";
import { fill, language } from "../../shared/i18n";
import { itemsOf } from "./calls";
import { own } from "./words";

export const OFFICERS = "officers";
const AGAIN_MS = 10_000;
/** From this age on a position is not where somebody is but where he was. */
export const OLD_MS = 5 * 60_000;

export const positions = signal<GeoJSON.Feature[]>([]);
/** When they were read (ms): an age is said by then. */
export const readAt = signal(0);

const open = (): boolean => city.value?.layers.some((layer) => layer.id === OFFICERS && layer.allowed) ?? false;

/** How old a position is, in words; nothing while it is new. */
export function ageOf(capturedAt: unknown, now: number): string {
  const age = typeof capturedAt === "string" ? now - Date.parse(capturedAt) : Number.NaN;
  if (!(age >= OLD_MS)) return "";
  const minutes = Math.round(age / 60_000);
  if (minutes < 60) return fill(own.value.minutesAgo, { n: minutes });
  return minutes < 48 * 60 ? fill(own.value.hoursAgo, { n: Math.round(minutes / 60) }) : fill(own.value.daysAgo, { n: Math.round(minutes / 1440) });
}

/** As the map draws them: `old` fades, and the label says how old. */
export function officerPoints(): GeoJSON.FeatureCollection {
  const now = readAt.value;
  void language.value;
  return {
    type: "FeatureCollection",
    features: positions.value.map((each) => {
      const about = each.properties ?? {};
      const age = ageOf(about.captured_at, now);
      const name = [about.name ?? (language.value === "en" ? about.post_en ?? about.post_zh : about.post_zh), age].filter(Boolean).join("\n");
      return { type: "Feature", geometry: each.geometry, properties: { code: about.code, name, old: age !== "" } };
    }),
  };
}

async function read(): Promise<void> {
  if (document.visibilityState === "hidden") return;
  try {
    positions.value = (await itemsOf(OFFICERS, 1_000)).features;
    readAt.value = Date.now();
  } catch {
    // Where they were last stays on the map and grows old in words.
    if (positions.peek().length > 0) readAt.value = Date.now();
  }
}

/** Reads for as long as they are open to the reader and switched on. Returns what stops it. */
export function followOfficers(): () => void {
  return effect(() => {
    void switched.value;
    if (!open() || !shown(OFFICERS)) {
      positions.value = [];
      return;
    }
    void read();
    const again = window.setInterval(() => void read(), AGAIN_MS);
    return () => window.clearInterval(again);
  });
}
