// Cases as they come in, drawn over the server's layers before any tile knows of them.
import { type FilterSpecification, type Map as MapLibreMap, Marker, type StyleSpecification } from "maplibre-gl";
import { MAP_FONT } from "./fonts";
import type { ListedCase } from "./live_cases";
import type { Overlays } from "./map_view";

export const CASES = "overlay_cases";
const PULSES_MS = 12_000;
/** More at once would be a flicker, not a signal. */
const PULSES = 12;

/** `freshOnly`: where the server's own layer of cases shows the others, by how grave they are. */
export function caseLayers(dark: boolean, freshOnly = false): StyleSpecification["layers"] {
  const caseColour = dark ? "#ff8066" : "#c23a22";
  const ground = dark ? "#10161c" : "#ffffff";
  const fresh: FilterSpecification = ["==", ["get", "fresh"], true];
  return [
    { id: `${CASES}-dot`, type: "circle", source: CASES, ...(freshOnly ? { filter: fresh } : {}), paint: { "circle-radius": ["interpolate", ["linear"], ["zoom"], 11, ["case", ["get", "fresh"], 7, 3.5], 15, ["case", ["get", "fresh"], 8, 6]], "circle-color": caseColour, "circle-stroke-color": ground, "circle-stroke-width": ["interpolate", ["linear"], ["zoom"], 11, 1, 15, 2] } },
    { id: `${CASES}-name`, type: "symbol", source: CASES, filter: fresh, layout: { "text-field": ["get", "name"], "text-font": [MAP_FONT], "text-size": 14, "text-offset": [0, 1.1], "text-anchor": "top", "text-allow-overlap": true }, paint: { "text-color": dark ? "#ffd9d1" : "#8c2413", "text-halo-color": ground, "text-halo-width": 2 } },
  ];
}

/** The last stage of the seven: what is over has left the map, and shows there only while it is news. */
const OVER = 7;

/** Draws the listed cases; returns for how many ms more the youngest one is fresh. */
export function drawCases(map: MapLibreMap, overlays: Overlays, listed: ListedCase[], name: (one: ListedCase) => string): number {
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
