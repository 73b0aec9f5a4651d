// The one map of a screen: made here, so that every screen has the same worker, fonts, controls and overlays.
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import "maplibre-gl/dist/maplibre-gl.css";
import {
  AttributionControl, type GeoJSONSource, type IControl, Map as MapLibreMap, NavigationControl, ScaleControl, setWorkerUrl, type StyleSpecification,
} from "maplibre-gl";
import { words } from "./i18n";
import type { Bbox } from "./types";

// Without this a bundled MapLibre waits for its worker for ever, silently.
setWorkerUrl(workerUrl);

export type Collection = GeoJSON.FeatureCollection;
export const EMPTY: Collection = { type: "FeatureCollection", features: [] };

/** Overlay data lives outside the map, because a new style (language, theme, sign-in) must carry it over. */
export class Overlays {
  readonly #data = new Map<string, Collection>();
  #map: MapLibreMap | null = null;

  constructor(
    readonly names: string[],
    readonly layers: (dark: boolean) => StyleSpecification["layers"],
  ) {}

  attach(map: MapLibreMap): void {
    this.#map = map;
  }

  set(name: string, data: Collection): void {
    this.#data.set(name, data);
    this.#map?.getSource<GeoJSONSource>(name)?.setData(data);
  }

  composed(dark: boolean): Pick<StyleSpecification, "sources" | "layers"> {
    const source = (name: string) => ({ type: "geojson" as const, data: this.#data.get(name) ?? EMPTY });
    return { sources: Object.fromEntries(this.names.map((name) => [name, source(name)])), layers: this.layers(dark) };
  }
}

/** Who drew the ground, always in sight: the sources behind the sign are who keeps each layer. */
class Credit implements IControl {
  readonly element = document.createElement("div");

  constructor(text: string) {
    this.element.className = "maplibregl-ctrl credit";
    this.element.textContent = text;
  }

  onAdd(): HTMLElement {
    return this.element;
  }

  onRemove(): void {
    this.element.remove();
  }
}

export function makeMap(container: HTMLElement, style: StyleSpecification, bbox: Bbox, credit: string, inAddress = true): MapLibreMap {
  const [west, south, east, north] = bbox;
  const margin = Math.max(east - west, north - south);
  const text = words.peek().controls;
  const map = new MapLibreMap({
    container,
    style,
    bounds: bbox,
    // The city and as much again around it; a command map has no use for the other side of the world.
    maxBounds: [west - 2 * margin, Math.max(-85, south - 2 * margin), east + 2 * margin, Math.min(85, north + 2 * margin)],
    maxZoom: 20,
    maxPitch: 60,
    attributionControl: false,
    hash: inAddress && "map",
    fadeDuration: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 200,
    // The worker's base address is its own file, so relative addresses are made absolute here.
    transformRequest: (url) => ({ url: new URL(url, location.origin).href }),
    locale: {
      "NavigationControl.ZoomIn": text.zoomIn,
      "NavigationControl.ZoomOut": text.zoomOut,
      "NavigationControl.ResetBearing": text.north,
      "AttributionControl.ToggleAttribution": text.attribution,
      "Map.Title": words.peek().mapLabel,
    },
  });
  if (credit) map.addControl(new Credit(credit), "bottom-left");
  map.addControl(new NavigationControl({ visualizePitch: true }), "bottom-left");
  map.addControl(new ScaleControl({ maxWidth: 120 }), "bottom-left");
  map.addControl(new AttributionControl({ compact: true }), "bottom-left");
  // It opens by itself over the map; one press on its sign shows it.
  map.once("idle", () => {
    const sources = container.querySelector(".maplibregl-ctrl-attrib");
    sources?.removeAttribute("open");
    sources?.classList.remove("maplibregl-compact-show");
  });
  return map;
}

/** One geometry as a source takes it, or nothing. */
export const single = (geometry: GeoJSON.Geometry | null | undefined): Collection =>
  geometry ? { type: "FeatureCollection", features: [{ type: "Feature", geometry, properties: {} }] } : EMPTY;

/** Seven decimals are a centimetre; more would only pretend. */
const round = (degrees: number): number => Math.round(degrees * 1e7) / 1e7;
export const rounded = ({ lng, lat }: { lng: number; lat: number }): { lon: number; lat: number } => ({ lon: round(lng), lat: round(lat) });

/** A click is as exact as the hand that made it: about five pixels at the scale it was made in, 3 m at the least. */
export const clicked = (map: MapLibreMap, at: { lng: number; lat: number }): { lon: number; lat: number; accuracy_m: number } => ({
  ...rounded(at),
  accuracy_m: Math.min(500, Math.max(3, Math.round(5 * metresPerPixel(map)))),
});

/** Metres per CSS pixel at the map's centre. */
export const metresPerPixel = (map: MapLibreMap): number =>
  (40_075_016.686 * Math.cos((map.getCenter().lat * Math.PI) / 180)) / (512 * 2 ** map.getZoom());

/** A circle of so many metres as a polygon, in the local plane of its centre (good to 1 ‰ up to some kilometres). */
export function circle(lon: number, lat: number, radius_m: number): GeoJSON.Polygon {
  const perLat = 111_132.95 - 559.85 * Math.cos((2 * lat * Math.PI) / 180);
  const perLon = 111_412.88 * Math.cos((lat * Math.PI) / 180) - 93.5 * Math.cos((3 * lat * Math.PI) / 180);
  const ring = Array.from({ length: 65 }, (_, i): [number, number] => {
    const angle = ((i % 64) / 32) * Math.PI;
    return [lon + (radius_m * Math.cos(angle)) / perLon, lat + (radius_m * Math.sin(angle)) / perLat];
  });
  return { type: "Polygon", coordinates: [ring] };
}
