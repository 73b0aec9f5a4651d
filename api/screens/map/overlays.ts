// What this page itself draws over the server's layers: the answer's area, the accuracy circle, the point, the cases.
import type { StyleSpecification } from "maplibre-gl";
import { caseLayers, CASES } from "../shared/case_overlay";
import { circle, Overlays, single } from "../shared/map_view";
import type { Located } from "../shared/types";
import type { Place } from "./state";

export const ANSWER = "overlay_answer";
export const ACCURACY = "overlay_accuracy";
export const POINT = "overlay_point";

function layers(dark: boolean): StyleSpecification["layers"] {
  const accent = dark ? "#63b8e8" : "#0b5c8a";
  const ground = dark ? "#10161c" : "#ffffff";
  return [
    { id: `${ANSWER}-fill`, type: "fill", source: ANSWER, paint: { "fill-color": accent, "fill-opacity": dark ? 0.2 : 0.13 } },
    { id: `${ANSWER}-halo`, type: "line", source: ANSWER, layout: { "line-join": "round" }, paint: { "line-color": ground, "line-width": 5, "line-opacity": 0.8 } },
    { id: `${ANSWER}-edge`, type: "line", source: ANSWER, layout: { "line-join": "round" }, paint: { "line-color": accent, "line-width": 2.6, "line-dasharray": [2.4, 1.4] } },
    { id: `${ACCURACY}-fill`, type: "fill", source: ACCURACY, paint: { "fill-color": accent, "fill-opacity": 0.2 } },
    { id: `${ACCURACY}-edge`, type: "line", source: ACCURACY, paint: { "line-color": accent, "line-width": 1.4 } },
    ...caseLayers(dark),
    { id: `${POINT}-ring`, type: "circle", source: POINT, paint: { "circle-radius": 8, "circle-color": ground, "circle-stroke-color": accent, "circle-stroke-width": 2 } },
    { id: `${POINT}-dot`, type: "circle", source: POINT, paint: { "circle-radius": 4, "circle-color": accent } },
  ];
}

export const overlays = new Overlays([ANSWER, ACCURACY, POINT, CASES], layers);

export function drawPlace(at: Place | null, located: Located | null): void {
  overlays.set(POINT, single(at && { type: "Point", coordinates: [at.lon, at.lat] }));
  overlays.set(ACCURACY, single(at && circle(at.lon, at.lat, at.accuracy_m)));
  overlays.set(ANSWER, single(located?.boundary));
}
