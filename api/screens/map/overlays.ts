// What this page itself draws over the server's layers: the answer's area, the accuracy circle, the point, the cases.
import { type Map as MapLibreMap, Marker, type StyleSpecification } from "maplibre-gl";
import { MAP_FONT } from "../shared/fonts";
import { circle, type Collection, EMPTY, Overlays } from "../shared/map_view";
import type { Located } from "../shared/types";
import type { ListedCase, Place } from "./state";

export const ANSWER = "overlay_answer";
export const ACCURACY = "overlay_accuracy";
export const POINT = "overlay_point";
export const CASES = "overlay_cases";
const PULSES_MS = 12_000;
/** More at once would be a flicker, not a signal. */
const PULSES = 12;

function layers(dark: boolean): StyleSpecification["layers"] {
  const accent = dark ? "#63b8e8" : "#0b5c8a";
  const caseColour = dark ? "#ff8066" : "#c23a22";
  const ground = dark ? "#10161c" : "#ffffff";
  return [
    { id: `${ANSWER}-fill`, type: "fill", source: ANSWER, paint: { "fill-color": accent, "fill-opacity": dark ? 0.2 : 0.13 } },
    { id: `${ANSWER}-halo`, type: "line", source: ANSWER, layout: { "line-join": "round" }, paint: { "line-color": ground, "line-width": 5, "line-opacity": 0.8 } },
    { id: `${ANSWER}-edge`, type: "line", source: ANSWER, layout: { "line-join": "round" }, paint: { "line-color": accent, "line-width": 2.6, "line-dasharray": [2.4, 1.4] } },
    { id: `${ACCURACY}-fill`, type: "fill", source: ACCURACY, paint: { "fill-color": accent, "fill-opacity": 0.2 } },
    { id: `${ACCURACY}-edge`, type: "line", source: ACCURACY, paint: { "line-color": accent, "line-width": 1.4 } },
    { id: `${CASES}-dot`, type: "circle", source: CASES, paint: { "circle-radius": ["interpolate", ["linear"], ["zoom"], 11, ["case", ["get", "fresh"], 7, 3.5], 15, ["case", ["get", "fresh"], 8, 6]], "circle-color": caseColour, "circle-stroke-color": ground, "circle-stroke-width": ["interpolate", ["linear"], ["zoom"], 11, 1, 15, 2] } },
    { id: `${CASES}-name`, type: "symbol", source: CASES, filter: ["==", ["get", "fresh"], true], layout: { "text-field": ["get", "name"], "text-font": [MAP_FONT], "text-size": 14, "text-offset": [0, 1.1], "text-anchor": "top", "text-allow-overlap": true }, paint: { "text-color": dark ? "#ffd9d1" : "#8c2413", "text-halo-color": ground, "text-halo-width": 2 } },
    { id: `${POINT}-ring`, type: "circle", source: POINT, paint: { "circle-radius": 8, "circle-color": ground, "circle-stroke-color": accent, "circle-stroke-width": 2 } },
    { id: `${POINT}-dot`, type: "circle", source: POINT, paint: { "circle-radius": 4, "circle-color": accent } },
  ];
}

export const overlays = new Overlays([ANSWER, ACCURACY, POINT, CASES], layers);

const one = (geometry: GeoJSON.Geometry | null | undefined): Collection =>
  geometry ? { type: "FeatureCollection", features: [{ type: "Feature", geometry, properties: {} }] } : EMPTY;

export function drawPlace(at: Place | null, located: Located | null): void {
  overlays.set(POINT, one(at && { type: "Point", coordinates: [at.lon, at.lat] }));
  overlays.set(ACCURACY, one(at && circle(at.lon, at.lat, at.accuracy_m)));
  overlays.set(ANSWER, one(located?.boundary));
}

/** The last stage of the seven: what is over has left the map, and shows there only while it is news. */
const OVER = 7;

/** Draws the listed cases; returns for how many ms more the youngest one is fresh. */
export function drawCases(map: MapLibreMap, listed: ListedCase[], name: (one: ListedCase) => string): number {
  const now = Date.now();
  const fresh = listed.filter((each) => each.seen + PULSES_MS > now);
  overlays.set(CASES, {
    type: "FeatureCollection",
    features: listed.filter((each) => each.stage < OVER || fresh.includes(each)).map((each) => ({
      type: "Feature",
      geometry: { type: "Point", coordinates: [each.lon, each.lat] },
      properties: { case_no: each.case_no, fresh: fresh.includes(each), name: name(each) },
    })),
  });
  pulse(map, fresh.slice(0, PULSES));
  return Math.max(0, ...fresh.map((each) => each.seen + PULSES_MS - now));
}

const pulses = new Map<string, Marker>();

/** The rings are elements moved by the style sheet: animated paint would draw the whole map anew for every frame. */
function pulse(map: MapLibreMap, fresh: ListedCase[]): void {
  const wanted = new Set(fresh.map((each) => each.case_no));
  for (const [case_no, marker] of pulses) {
    if (wanted.has(case_no)) continue;
    marker.remove();
    pulses.delete(case_no);
  }
  for (const each of fresh) {
    if (pulses.has(each.case_no)) continue;
    const element = document.createElement("div");
    element.className = "pulse";
    element.append(document.createElement("div"));
    pulses.set(each.case_no, new Marker({ element }).setLngLat([each.lon, each.lat]).addTo(map));
    // The list beside the map says the same in words.
    element.removeAttribute("aria-label");
    element.setAttribute("aria-hidden", "true");
  }
}
