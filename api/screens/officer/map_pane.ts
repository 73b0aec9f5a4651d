// The phone's map: his zones, where he is and how sure that is, his tasks, the place of a report.
import { effect } from "@preact/signals";
import { LngLatBounds, type Map as MapLibreMap, type StyleSpecification } from "maplibre-gl";
import { cityMap } from "../shared/city_map";
import { named } from "../shared/i18n";
import { circle, clicked, type Collection, Overlays } from "../shared/map_view";
import { MAP_FONT } from "../shared/fonts";
import { Buttons } from "./map_buttons";
import { here } from "./position";
import { middle, picked } from "./report";
import { shownTasks } from "./shown_tasks";
import { zones } from "./state";
import { go, view } from "./view";

const ZONES = "overlay_zones";
const ACCURACY = "overlay_accuracy";
const HERE = "overlay_here";
const TASKS = "overlay_tasks";
const PLACE = "overlay_place";

function layers(dark: boolean): StyleSpecification["layers"] {
  const accent = dark ? "#63b8e8" : "#0b5c8a";
  const ground = dark ? "#10161c" : "#ffffff";
  const task = dark ? "#ff8066" : "#c23a22";
  return [
    { id: `${ZONES}-fill`, type: "fill", source: ZONES, paint: { "fill-color": accent, "fill-opacity": dark ? 0.16 : 0.1 } },
    { id: `${ZONES}-halo`, type: "line", source: ZONES, layout: { "line-join": "round" }, paint: { "line-color": ground, "line-width": 6, "line-opacity": 0.8 } },
    { id: `${ZONES}-edge`, type: "line", source: ZONES, layout: { "line-join": "round" }, paint: { "line-color": accent, "line-width": 3 } },
    { id: `${ACCURACY}-fill`, type: "fill", source: ACCURACY, paint: { "fill-color": accent, "fill-opacity": 0.18 } },
    { id: `${ACCURACY}-edge`, type: "line", source: ACCURACY, paint: { "line-color": accent, "line-width": 1.4, "line-dasharray": [2, 2] } },
    { id: `${TASKS}-dot`, type: "circle", source: TASKS, paint: { "circle-radius": ["case", ["get", "open"], 11, 8], "circle-color": ["case", ["get", "done"], ground, task], "circle-stroke-color": ["case", ["get", "done"], task, ground], "circle-stroke-width": 2.5 } },
    { id: `${TASKS}-name`, type: "symbol", source: TASKS, layout: { "text-field": ["get", "name"], "text-font": [MAP_FONT], "text-size": 14, "text-variable-anchor": ["top", "bottom", "left", "right"], "text-radial-offset": 1.1, "text-justify": "auto" }, paint: { "text-color": dark ? "#ffd9d1" : "#8c2413", "text-halo-color": ground, "text-halo-width": 2 } },
    // Names give way to one another and to icons, not to circles: an icon that is not seen stands where each dot is.
    ...[TASKS, HERE].map((source): StyleSpecification["layers"][number] => ({ id: `${source}-room`, type: "symbol", source, layout: { "icon-image": "dot", "icon-size": 0.8, "icon-allow-overlap": true }, paint: { "icon-opacity": 0 } })),
    { id: `${PLACE}-ring`, type: "circle", source: PLACE, paint: { "circle-radius": 10, "circle-color": "rgba(0,0,0,0)", "circle-stroke-color": task, "circle-stroke-width": 3 } },
    { id: `${HERE}-dot`, type: "circle", source: HERE, paint: { "circle-radius": 8, "circle-color": accent, "circle-stroke-color": ground, "circle-stroke-width": 3 } },
  ];
}

const point = (at: { lon: number; lat: number } | null, properties = {}): Collection => ({
  type: "FeatureCollection",
  features: at ? [{ type: "Feature", geometry: { type: "Point", coordinates: [at.lon, at.lat] }, properties }] : [],
});

function boundsOfZones(): LngLatBounds | null {
  const bounds = new LngLatBounds();
  for (const { geometry } of zones.peek()) {
    for (const rings of geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates) {
      for (const [lon, lat] of rings[0] ?? []) bounds.extend([lon!, lat!]);
    }
  }
  return bounds.isEmpty() ? null : bounds;
}

const calm = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;

function toZones(map: MapLibreMap): void {
  const bounds = boundsOfZones();
  if (bounds) map.fitBounds(bounds, { padding: 32, maxZoom: 17, animate: !calm() });
}
/** At once where the page has just changed: its size does too, which would end any movement. */
function toHere(map: MapLibreMap, animate = false): void {
  const at = here.peek();
  if (at) map.easeTo({ center: [at.lon, at.lat], zoom: Math.max(map.getZoom(), 16), animate: animate && !calm() });
}

/** Draws into the container until the returned function is called. */
export function phoneMap(container: HTMLElement): () => void {
  const overlays = new Overlays([ZONES, ACCURACY, TASKS, PLACE, HERE], layers);
  const { map, stop } = cityMap(container, { overlays, padding: () => ({ left: 0, right: 0, top: 0, bottom: 0 }) });
  map.addControl(new Buttons(() => toHere(map, true), () => toZones(map)), "top-right");
  const bounds = boundsOfZones();
  if (!location.hash.includes("map=") || bounds) toZones(map);
  map.on("click", `${TASKS}-dot`, (event) => {
    const number: unknown = event.features?.[0]?.properties.case_no;
    if (typeof number === "string") go({ tab: "tasks", case_no: number });
  });
  middle.value = () => clicked(map, map.getCenter());
  // Its place is small on one page and large on the next.
  const sized = new ResizeObserver(() => map.resize());
  sized.observe(container);
  const stops: (() => void)[] = [];
  // What is told to a map before it has a style is lost.
  map.once("style.load", () => stops.push(...drawing(map, overlays)));
  return () => {
    middle.value = null;
    sized.disconnect();
    for (const each of stops) each();
    stop();
  };
}

function drawing(map: MapLibreMap, overlays: Overlays): (() => void)[] {
  let looked = false;
  return [
    effect(() => {
      overlays.set(ZONES, {
        type: "FeatureCollection",
        features: zones.value.map(({ geometry, properties }) => ({ type: "Feature", geometry: geometry as GeoJSON.Geometry, properties: { name: named(properties) } })),
      });
    }),
    effect(() => {
      const at = here.value;
      overlays.set(HERE, point(at));
      overlays.set(ACCURACY, at ? { type: "FeatureCollection", features: [{ type: "Feature", geometry: circle(at.lon, at.lat, at.accuracy_m), properties: {} }] } : point(null));
    }),
    effect(() => overlays.set(PLACE, point(picked.value))),
    effect(() => {
      const open = view.value.case_no;
      overlays.set(TASKS, {
        type: "FeatureCollection",
        features: shownTasks.value.map(({ task, allowed, waits }) => ({
          type: "Feature",
          geometry: { type: "Point", coordinates: [task.lon, task.lat] },
          properties: { case_no: task.case_no, name: named(task.category), open: task.case_no === open, done: waits > 0 && allowed.length === 0 },
        })),
      });
    }),
    effect(() => {
      const { case_no, act } = view.value;
      const task = case_no && !act && shownTasks.peek().find((one) => one.task.case_no === case_no)?.task;
      if (task) map.jumpTo({ center: [task.lon, task.lat], zoom: Math.max(16, Math.min(map.getZoom(), 17)) });
      else if (view.value.tab === "report") toHere(map);
      else if (view.value.tab === "map" && !looked) {
        looked = true;
        toHere(map);
      }
    }),
  ];
}
