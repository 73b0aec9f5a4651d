// Where much was reported, and at what time of day: cases of a period on hexagons or as heat, all together or hour by hour.
import { computed, effect, signal } from "@preact/signals";
import { city } from "../../shared/catalog";
import { cases } from "../../shared/live_cases";
import { me } from "../../shared/session";
import { type Happening, happenedSince } from "./calls";
import { binned, edgeFor, type Hexagon } from "./hexagons";

export type Shape = "off" | "heat" | "hexagons";
export const hotspots = signal<Shape>("off");

/** How many days are laid upon one another. */
export const PERIODS = [1, 7, 30] as const;
export type Days = (typeof PERIODS)[number];
export const days = signal<Days>(1);

export interface Dot {
  case_no: string;
  lon: number;
  lat: number;
  /** When it was reported (ms). */
  at: number;
}
/** What was reported in the period: null until it is known. */
export const dots = signal<{ since: number; until: number; all: Dot[]; more: boolean } | null>(null);
/** Since when the period could not be read again (ms). */
export const unread = signal(0);

const HOUR_MS = 3_600_000;
export const HOURS = 24;
/** What is shown at an hour: that hour and the two before it, since one hour of one place is a few cases at most. */
export const WINDOW_H = 3;

/** Which hour is shown, 0 to 23; null for the whole period. With one day it counts from the period's beginning, else from midnight. */
export const hour = signal<number | null>(null);
export const playing = signal(false);

const clockHour = (at: number, zone: string): number =>
  Number(new Intl.DateTimeFormat("en-GB", { hour: "2-digit", hourCycle: "h23", timeZone: zone }).format(at)) % HOURS;

/** The hour of a moment on the slider. */
const hoursOf = computed(() => {
  const known = dots.value;
  if (!known) return [];
  // The city's clock: a wall may hang anywhere, its city's morning is in one place.
  const zone = city.value?.timezone ?? "UTC";
  if (days.value === 1) return known.all.map((each) => Math.min(HOURS - 1, Math.floor((each.at - known.since) / HOUR_MS)));
  const known24 = new Map<number, number>();
  return known.all.map((each) => {
    const at = Math.floor(each.at / HOUR_MS);
    const before = known24.get(at);
    if (before !== undefined) return before;
    const found = clockHour(each.at, zone);
    known24.set(at, found);
    return found;
  });
});

/** How many were reported in each hour of the slider. */
export const byHour = computed<number[]>(() => {
  const found = Array.from({ length: HOURS }, () => 0);
  for (const each of hoursOf.value) if (each >= 0) found[each] = (found[each] ?? 0) + 1;
  return found;
});

/** What is shown at an hour, or of the whole period. */
function dotsOf(now: number | null): Dot[] {
  const known = dots.value;
  if (!known) return [];
  if (now === null) return known.all;
  const hours = hoursOf.value;
  return known.all.filter((_, n) => {
    const ago = now - (hours[n] ?? 0);
    // Days laid upon one another are a ring; one day has a beginning.
    return days.value === 1 ? ago >= 0 && ago < WINDOW_H : (ago + HOURS) % HOURS < WINDOW_H;
  });
}

/** What is shown now. */
export const shownDots = computed<Dot[]>(() => dotsOf(hour.value));

/** From when to when is shown, as moments of the clock: hours of the day where several days are laid upon one another. */
export const shownFrom = computed<{ from: number; to: number } | null>(() => {
  const known = dots.value;
  const now = hour.value;
  if (!known || now === null) return null;
  const first = days.value === 1 ? Math.max(0, now - WINDOW_H + 1) : now - WINDOW_H + 1;
  return { from: first, to: now + 1 };
});

function hexagonsOf(some: Dot[]): Hexagon[] {
  const here = city.value;
  return here ? binned(some, here.center, edgeFor(here.bbox)) : [];
}
export const hexagons = computed(() => hexagonsOf(shownDots.value));

const most = (found: Hexagon[]): number => found.reduce((top, each) => Math.max(top, each.count), 1);
const fullestEver = computed(() => most(hexagonsOf(dotsOf(null))));
const fullestHour = computed(() => Math.max(...Array.from({ length: HOURS }, (_, n) => most(hexagonsOf(dotsOf(n))))));

/** The most that a hexagon holds, of the whole period or of any hour that is played: a colour means the same in every hour. */
export const fullest = computed(() => (hour.value === null ? fullestEver.value : fullestHour.value));

/**
 * What a full place of the period holds: of ten hexagons with anything in them, nine hold no more. Heat is measured by
 * it, or a month of cases would glow everywhere as its worst hour does.
 */
const fullPlace = computed(() => {
  const counts = hexagonsOf(dotsOf(null)).map((each) => each.count).sort((a, b) => a - b);
  return counts[Math.floor(counts.length * 0.9)] ?? 1;
});
export const glowing = computed(() => (hour.value === null ? fullPlace.value : Math.max(1, (fullPlace.value * WINDOW_H) / HOURS)));

const told = (each: Happening): Dot => ({ case_no: each.case_no, lon: each.lon, lat: each.lat, at: Date.parse(each.reported_at) });

let asking = 0;
export async function readDots(): Promise<void> {
  const mine = (asking += 1);
  try {
    const found = await happenedSince(new Date(Date.now() - days.peek() * HOURS * HOUR_MS));
    if (mine !== asking) return;
    dots.value = { since: Date.parse(found.from), until: Date.parse(found.to), all: found.cases.map(told), more: found.more };
    unread.value = 0;
  } catch {
    // What was read stays, and it is said since when.
    if (mine === asking) unread.value ||= Date.now();
  }
}

const AGAIN_MS = 60_000;
// Read for as long as somebody may look at it; read anew every minute, and for another period.
effect(() => {
  if (hotspots.value === "off" || !me.value) return;
  void days.value;
  void readDots();
  const again = window.setInterval(() => void readDots(), AGAIN_MS);
  return () => window.clearInterval(again);
});
effect(() => {
  if (!me.value) dots.value = null;
});

// What comes in is on the map before the next reading.
effect(() => {
  const known = dots.peek();
  const news = cases.value.filter((each) => each.seen > 0 && each.action === "report");
  if (!known || news.length === 0) return;
  const before = new Set(known.all.slice(0, 500).map((each) => each.case_no));
  const added = news.filter((each) => !before.has(each.case_no))
    .map((each): Dot => ({ case_no: each.case_no, lon: each.lon, lat: each.lat, at: Date.parse(each.at) }));
  if (added.length > 0) dots.value = { ...known, all: [...added, ...known.all] };
});

const STEP_MS = 900;
effect(() => {
  if (!playing.value) return;
  const step = window.setInterval(() => {
    hour.value = ((hour.peek() ?? HOURS - 1) + 1) % HOURS;
  }, STEP_MS);
  return () => window.clearInterval(step);
});

export function show(shape: Shape): void {
  hotspots.value = shape;
  if (shape !== "off") return;
  playing.value = false;
  hour.value = null;
}
