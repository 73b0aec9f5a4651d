// The live map, for the components beside it.
import { signal } from "@preact/signals";
import type { Map as MapLibreMap } from "maplibre-gl";
import { city } from "../../shared/catalog";
import { clicked } from "../../shared/map_view";
import type { Padding } from "../../shared/city_map";
import { asked } from "../state";

export const theMap = signal<MapLibreMap | null>(null);
export const tilted = signal(false);

export const TILT = 50;

const still = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;
const duration = (ms: number): number => (still() ? 0 : ms);

/** What the panels cover: they say so themselves, in pixels. */
export function padding(): Padding {
  const style = getComputedStyle(document.documentElement);
  const of = (side: string): number => Number.parseFloat(style.getPropertyValue(`--wall-${side}`)) || 0;
  return { left: of("left"), right: of("right"), top: of("top"), bottom: of("bottom") };
}

/** The whole city, as the wall began. */
export function home(): void {
  const map = theMap.peek();
  const here = city.peek();
  if (map && here) map.fitBounds(here.bbox, { padding: 16, duration: duration(1_200), bearing: 0, pitch: map.getPitch() });
}

export function tilt(): void {
  const map = theMap.peek();
  map?.easeTo({ pitch: map.getPitch() > 12 ? 0 : TILT, bearing: map.getPitch() > 12 ? 0 : map.getBearing(), duration: duration(700) });
}

export function fly(lon: number, lat: number, zoom?: number): void {
  const map = theMap.peek();
  if (!map) return;
  const view = { center: [lon, lat] as [number, number], zoom: zoom ?? Math.max(map.getZoom(), 15.8) };
  if (still()) map.jumpTo(view);
  else map.flyTo({ ...view, duration: 1_400 });
}

export function ask(map: MapLibreMap, at: { lng: number; lat: number }): void {
  asked.value = clicked(map, at);
}
