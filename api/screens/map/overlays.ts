// What this page itself draws over the server's layers: the answer's area, the accuracy circle, the point, the cases.
import type { StyleSpecification } from "maplibre-gl";
import { MAP_FONT } from "../shared/fonts";
import { circle, type Collection, EMPTY, Overlays } from "../shared/map_view";
import type { Located } from "../shared/types";
import type { ListedCase, Place } from "./state";

export const ANSWER = "overlay_answer";
export const ACCURACY = "overlay_accuracy";
export const POINT = "overlay_point";
export const CASES = "overlay_cases";
export const PULSE = "overlay_cases-pulse";
const PULSES_MS = 12_000;
const BEAT_MS = 1_500;

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
    { id: PULSE, type: "circle", source: CASES, filter: ["==", ["get", "fresh"], true], paint: { "circle-radius": 18, "circle-color": caseColour, "circle-opacity": 0.3, "circle-pitch-alignment": "map", "circle-radius-transition": { duration: 0 }, "circle-opacity-transition": { duration: 0 } } },
    { id: `${CASES}-dot`, type: "circle", source: CASES, paint: { "circle-radius": ["case", ["get", "fresh"], 8, 6], "circle-color": caseColour, "circle-stroke-color": ground, "circle-stroke-width": 2 } },
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

/** Draws the listed cases; returns for how many ms more the youngest one should pulse. */
export function drawCases(listed: ListedCase[], name: (one: ListedCase) => string): number {
  const now = Date.now();
  let pulses = 0;
  overlays.set(CASES, {
    type: "FeatureCollection",
    features: listed.map((each) => {
      const left = each.seen + PULSES_MS - now;
      pulses = Math.max(pulses, left);
      return {
        type: "Feature",
        geometry: { type: "Point", coordinates: [each.lon, each.lat] },
        properties: { case_no: each.case_no, fresh: left > 0, name: name(each) },
      };
    }),
  });
  return pulses;
}

/** Radius and opacity of the pulse at a moment; a still ring for readers who asked for less motion. */
export function beat(now: number, still: boolean): { radius: number; opacity: number } {
  if (still) return { radius: 18, opacity: 0.3 };
  const t = (now % BEAT_MS) / BEAT_MS;
  return { radius: 8 + 26 * t, opacity: 0.5 * (1 - t) };
}
