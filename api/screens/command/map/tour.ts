// The tour: where urgent things are open, where most was reported, street by street; until somebody touches the wall.
import { effect, signal } from "@preact/signals";
import { city } from "../../shared/catalog";
import { fill, named, words, wordFor } from "../../shared/i18n";
import { me } from "../../shared/session";
import { asked, touring } from "../state";
import { happenedSince, itemsOf } from "./calls";
import { binned, edgeFor } from "./hexagons";
import { theMap } from "./hold";
import { own } from "./words";

interface Stop {
  lon: number;
  lat: number;
  zoom: number;
  title: () => string;
}
/** Where the tour is, in words. */
export const tourStop = signal<Stop | null>(null);

const STAY_MS = 12_000;
const FLIGHT_MS = 4_000;
const LOOK_BACK_MS = 7 * 86_400_000;
const URGENT = ["danger", "urgent"];
const [MOST_URGENT, MOST_HOT, MOST_STREETS] = [4, 3, 6];
const OVER = 7;

async function urgentAndHot(): Promise<Stop[]> {
  const here = city.peek();
  if (!here || !me.peek()) return [];
  const { cases } = await happenedSince(new Date(Date.now() - LOOK_BACK_MS));
  const urgent = cases.filter((each) => each.stage < OVER && URGENT.includes(each.severity)).slice(0, MOST_URGENT)
    .map((each): Stop => ({
      lon: each.lon, lat: each.lat, zoom: 16.2,
      title: () => `${wordFor(words.value.severities, each.severity)} · ${named(each.category)} · ${wordFor(words.value.states, each.state)}`,
    }));
  const hot = binned(cases, here.center, edgeFor(here.bbox)).sort((a, b) => b.count - a.count).slice(0, MOST_HOT)
    .map(({ lon, lat, count }, place): Stop => ({ lon, lat, zoom: 15.4, title: () => fill(own.value.hotspotStop, { n: place + 1, count }) }));
  return [...urgent, ...hot];
}

async function streets(): Promise<Stop[]> {
  if (!city.peek()?.layers.some((layer) => layer.id === "admin_areas" && layer.allowed)) return [];
  const { features } = await itemsOf("admin_areas", 1_000);
  return features.filter((each) => each.properties?.level === "street").slice(0, MOST_STREETS).flatMap((each): Stop[] => {
    const geometry = each.geometry;
    if (geometry.type !== "Polygon" && geometry.type !== "MultiPolygon") return [];
    const ring = (geometry.type === "Polygon" ? geometry.coordinates[0] : geometry.coordinates[0]?.[0]) ?? [];
    const [lons, lats] = [ring.map((at) => at[0]!), ring.map((at) => at[1]!)];
    const about = each.properties as { name_zh: string; name_en?: string };
    return [{ lon: (Math.min(...lons) + Math.max(...lons)) / 2, lat: (Math.min(...lats) + Math.max(...lats)) / 2, zoom: 14.2, title: () => named(about) }];
  });
}

/** By turns, so that streets are not all at the end. */
const mixed = (one: Stop[], other: Stop[]): Stop[] =>
  Array.from({ length: Math.max(one.length, other.length) }, (_, n) => [one[n], other[n]]).flat().filter((each) => each !== undefined);

async function planned(): Promise<Stop[]> {
  const [events, places] = await Promise.all([urgentAndHot().catch(() => []), streets().catch(() => [])]);
  return mixed(events, places);
}

/** Goes while `touring` says so. Returns what stops it. */
export function followTour(): () => void {
  return effect(() => {
    const map = theMap.value;
    if (!touring.value || !map) {
      tourStop.value = null;
      return;
    }
    let over = false;
    let timer: number | undefined;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const round = async (): Promise<void> => {
      const stops = await planned();
      if (over) return;
      if (stops.length === 0) {
        touring.value = false;
        return;
      }
      const go = (n: number): void => {
        if (over) return;
        const next = stops[n];
        // After a round everything is looked up anew.
        if (!next) void round();
        else {
          tourStop.value = next;
          const view = { center: [next.lon, next.lat] as [number, number], zoom: next.zoom, pitch: 50, bearing: (n * 35) % 360 - 180 };
          if (still) map.jumpTo({ ...view, bearing: 0 });
          else map.flyTo({ ...view, duration: FLIGHT_MS });
          timer = window.setTimeout(() => go(n + 1), STAY_MS);
        }
      };
      go(0);
    };
    asked.value = null;
    void round();
    // A hand on the wall ends it, but for the hand on its own button, which ends it by itself.
    const touched = (event: Event): void => {
      const pressing = event.type === "pointerdown" || (event instanceof KeyboardEvent && [" ", "Enter"].includes(event.key));
      if (pressing && event.target instanceof Element && event.target.closest("[data-act=tour]")) return;
      touring.value = false;
    };
    const events = ["pointerdown", "wheel", "keydown"] as const;
    for (const name of events) document.addEventListener(name, touched, { capture: true, passive: true });
    return () => {
      over = true;
      window.clearTimeout(timer);
      map.stop();
      for (const name of events) document.removeEventListener(name, touched, { capture: true });
    };
  });
}
