// What the wall itself draws over the server's layers: hotspots below, then the drawn area, the asked point, officers, fresh cases.
import type { ExpressionSpecification, StyleSpecification } from "maplibre-gl";
import { caseLayers, CASES } from "../../shared/case_overlay";
import { MAP_FONT } from "../../shared/fonts";
import { circle, Overlays, single } from "../../shared/map_view";
import type { Place } from "../state";
import type { Hexagon } from "./hexagons";
import type { Dot } from "./hotspots";

export const HEAT = "overlay_heat";
export const HEXAGONS = "overlay_hexagons";
export const AREA = "overlay_area";
export const ANSWER = "overlay_answer";
export const MARKED = "overlay_marked";
export const POINT = "overlay_point";
export const ACCURACY = "overlay_accuracy";
export const OFFICER_POINTS = "overlay_officers";

const ACCENT = "#63b8e8";
const GROUND = "#080b0f";
/** From few to many: lightness alone tells the order, whatever colours the eye tells apart. */
export const RAMP = ["#3b2a6b", "#7b2f83", "#c2456c", "#f28a4b", "#fbe08a"] as const;

/** How far a case glows: a wall of 2160 lines is looked at from farther away than one of 1080. Text and dots grow with the style. */
const scale = (): number => Math.min(2, Math.max(1, innerHeight / 1080));

const UNDER = { "gisops:under": true };
const share: ExpressionSpecification = ["get", "share"];
const ramp: ExpressionSpecification = [
  "interpolate", ["linear"], share, 0, RAMP[0], 0.25, RAMP[1], 0.5, RAMP[2], 0.75, RAMP[3], 1, RAMP[4],
];

function layers(): StyleSpecification["layers"] {
  const k = scale();
  return [
    {
      id: `${HEAT}-glow`, type: "heatmap", source: HEAT, metadata: UNDER,
      paint: {
        "heatmap-radius": ["interpolate", ["exponential", 1.6], ["zoom"], 10, 12 * k, 13, 28 * k, 16, 70 * k],
        "heatmap-intensity": ["interpolate", ["linear"], ["zoom"], 10, 0.5, 15, 1.1],
        "heatmap-weight": ["get", "weight"],
        "heatmap-opacity": 0.78,
        "heatmap-color": ["interpolate", ["linear"], ["heatmap-density"], 0, "rgba(59,42,107,0)", 0.15, RAMP[0], 0.35, RAMP[1], 0.55, RAMP[2], 0.8, RAMP[3], 1, RAMP[4]],
      },
    },
    { id: `${HEXAGONS}-fill`, type: "fill", source: HEXAGONS, metadata: UNDER, paint: { "fill-color": ramp, "fill-opacity": ["interpolate", ["linear"], share, 0, 0.3, 1, 0.8] } },
    { id: `${HEXAGONS}-edge`, type: "line", source: HEXAGONS, metadata: UNDER, paint: { "line-color": ramp, "line-width": 1.2, "line-opacity": 0.9 } },
    {
      id: `${HEXAGONS}-count`, type: "symbol", source: HEXAGONS, metadata: UNDER, minzoom: 12, filter: [">", ["get", "count"], 1],
      layout: { "text-field": ["to-string", ["get", "count"]], "text-font": [MAP_FONT], "text-size": 13, "symbol-sort-key": ["-", ["get", "count"]], "text-padding": 0 },
      paint: { "text-color": "#ffffff", "text-halo-color": GROUND, "text-halo-width": 1.6 },
    },
    { id: `${ANSWER}-fill`, type: "fill", source: ANSWER, paint: { "fill-color": ACCENT, "fill-opacity": 0.16 } },
    { id: `${ANSWER}-edge`, type: "line", source: ANSWER, layout: { "line-join": "round" }, paint: { "line-color": ACCENT, "line-width": 2.4, "line-dasharray": [2.4, 1.4] } },
    { id: `${AREA}-fill`, type: "fill", source: AREA, paint: { "fill-color": "#f3bd5b", "fill-opacity": 0.14 } },
    { id: `${AREA}-edge`, type: "line", source: AREA, layout: { "line-join": "round" }, paint: { "line-color": "#f3bd5b", "line-width": 3 } },
    {
      id: `${OFFICER_POINTS}-dot`, type: "circle", source: OFFICER_POINTS, metadata: UNDER,
      paint: {
        "circle-color": ["case", ["get", "old"], GROUND, "#3fd0a4"],
        "circle-radius": ["interpolate", ["linear"], ["zoom"], 10, 2.6, 13, 4.6, 16, 8],
        "circle-stroke-color": ["case", ["get", "old"], "#7fa99b", GROUND],
        "circle-stroke-width": ["case", ["get", "old"], 1.6, 1.4],
        "circle-opacity": ["case", ["get", "old"], 0.75, 1],
      },
    },
    {
      id: `${OFFICER_POINTS}-name`, type: "symbol", source: OFFICER_POINTS, minzoom: 14.5,
      layout: { "text-field": ["get", "name"], "text-font": [MAP_FONT], "text-size": 13, "text-offset": [0, 0.9], "text-anchor": "top", "text-optional": true },
      paint: { "text-color": ["case", ["get", "old"], "#b1bfcc", "#9fe8d0"], "text-halo-color": GROUND, "text-halo-width": 1.6 },
    },
    ...caseLayers(true, true),
    {
      id: `${MARKED}-ring`, type: "circle", source: MARKED,
      paint: {
        "circle-opacity": 0, "circle-radius": ["case", ["get", "open"], 15, 8],
        "circle-stroke-color": ["case", ["get", "open"], "#ffffff", ACCENT], "circle-stroke-width": ["case", ["get", "open"], 3.2, 2],
      },
    },
    { id: `${ACCURACY}-edge`, type: "line", source: ACCURACY, paint: { "line-color": ACCENT, "line-width": 1.6 } },
    { id: `${POINT}-ring`, type: "circle", source: POINT, paint: { "circle-radius": 9, "circle-color": GROUND, "circle-stroke-color": ACCENT, "circle-stroke-width": 2.4 } },
    { id: `${POINT}-dot`, type: "circle", source: POINT, paint: { "circle-radius": 4.5, "circle-color": ACCENT } },
  ];
}

export const overlays = new Overlays([HEAT, HEXAGONS, AREA, ANSWER, ACCURACY, POINT, OFFICER_POINTS, CASES, MARKED], layers);

export function drawAsked(at: { lon: number; lat: number; accuracy_m: number } | null, boundary: GeoJSON.Geometry | null): void {
  overlays.set(POINT, single(at && { type: "Point", coordinates: [at.lon, at.lat] }));
  overlays.set(ACCURACY, single(at && circle(at.lon, at.lat, at.accuracy_m)));
  overlays.set(ANSWER, single(boundary));
}

/** The cases of the list that is open, pointed out among the others; and the one whose card is open, more so. */
export const drawMarked = (marked: (Place & { case_no: string })[], open: Place | null): void =>
  overlays.set(MARKED, {
    type: "FeatureCollection",
    features: [...marked.map((each) => ({ ...each, open: false })), ...(open ? [{ ...open, case_no: null, open: true }] : [])].map(({ lon, lat, ...properties }) => ({
      type: "Feature", geometry: { type: "Point", coordinates: [lon, lat] }, properties,
    })),
  });

export const drawArea = (area: GeoJSON.Polygon | null): void => overlays.set(AREA, single(area));

/** `glowing`: how many a place holds that is to glow; of few cases each is seen, of many only where they crowd. */
export const drawHeat = (dots: Dot[], glowing: number): void => {
  const weight = Math.min(0.6, 2.4 / glowing);
  overlays.set(HEAT, {
    type: "FeatureCollection",
    features: dots.map(({ lon, lat }) => ({ type: "Feature", geometry: { type: "Point", coordinates: [lon, lat] }, properties: { weight } })),
  });
};

export const drawHexagons = (found: Hexagon[], fullest: number): void =>
  overlays.set(HEXAGONS, {
    type: "FeatureCollection",
    features: found.map(({ id, count, ring }) => ({
      type: "Feature", geometry: { type: "Polygon", coordinates: [ring] },
      // One case alone is no hotspot: the ramp begins at one and ends at the fullest. By the root, for one place that is
      // far above all others would else leave the rest in one colour.
      properties: { id, count, share: fullest > 1 ? Math.min(1, Math.sqrt((count - 1) / (fullest - 1))) : 0 },
    })),
  });
