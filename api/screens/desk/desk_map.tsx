// Where the case is: its point, the circle in which that is known, its zone and grid cell, other open cases near by.
import { effect } from "@preact/signals";
import { LngLatBounds, type Map as MapLibreMap, type StyleSpecification } from "maplibre-gl";
import { useEffect, useRef } from "preact/hooks";
import { city, shown, style } from "../shared/catalog";
import { cityMap, follow } from "../shared/city_map";
import { circle, metresPerPixel, Overlays, rounded, single } from "../shared/map_view";
import { words } from "../shared/i18n";
import { callPlace } from "./call_state";
import { compared, duplicates, near, outlines, page } from "./case_state";
import { rows } from "./inbox_state";
import { caughtUp, onCase, onGone, whereWas } from "./live_state";
import { calling, openCase } from "./state";
import { own } from "./words";

const ZONE = "overlay_zone";
const CELL = "overlay_cell";
const ACCURACY = "overlay_accuracy";
const NEAR = "overlay_near";
const POINT = "overlay_point";

function layers(dark: boolean): StyleSpecification["layers"] {
  const accent = dark ? "#63b8e8" : "#0b5c8a";
  const cell = dark ? "#f3bd5b" : "#8a5300";
  const ground = dark ? "#10161c" : "#ffffff";
  const caseColour = dark ? "#ff8066" : "#c23a22";
  return [
    { id: `${ZONE}-fill`, type: "fill", source: ZONE, paint: { "fill-color": accent, "fill-opacity": dark ? 0.16 : 0.1 } },
    { id: `${ZONE}-edge`, type: "line", source: ZONE, paint: { "line-color": accent, "line-width": 2.2 } },
    { id: `${CELL}-edge`, type: "line", source: CELL, paint: { "line-color": cell, "line-width": 2, "line-dasharray": [2, 1.5] } },
    { id: `${ACCURACY}-fill`, type: "fill", source: ACCURACY, paint: { "fill-color": caseColour, "fill-opacity": 0.14 } },
    { id: `${ACCURACY}-edge`, type: "line", source: ACCURACY, paint: { "line-color": caseColour, "line-width": 1.4 } },
    { id: `${NEAR}-dot`, type: "circle", source: NEAR, paint: { "circle-radius": ["case", ["get", "twin"], 8, 5], "circle-color": ground, "circle-stroke-color": caseColour, "circle-stroke-width": 2.4 } },
    { id: `${POINT}-ring`, type: "circle", source: POINT, paint: { "circle-radius": 9, "circle-color": ground, "circle-stroke-color": caseColour, "circle-stroke-width": 2.4 } },
    { id: `${POINT}-dot`, type: "circle", source: POINT, paint: { "circle-radius": 5, "circle-color": caseColour } },
  ];
}

const overlays = new Overlays([ZONE, CELL, ACCURACY, NEAR, POINT], layers);

/** How near to come to a case: its street is in sight, and so is its circle. */
const ZOOM = 16.6;

function look(map: MapLibreMap, lon: number, lat: number, accuracy_m: number): void {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const bounds = (circle(lon, lat, accuracy_m).coordinates[0] ?? []).reduce(
    (box, at) => box.extend(at as [number, number]), new LngLatBounds([lon, lat], [lon, lat]),
  );
  map.fitBounds(bounds, { maxZoom: ZOOM, padding: 48, duration: still ? 0 : 350 });
}

export function DeskMap() {
  const container = useRef<HTMLDivElement>(null);
  const text = own.value;
  useEffect(() => {
    if (!container.current || !style.peek() || !city.peek()) return;
    // Its own cases are drawn here, each in reach of a click; the tiles' would stand under them twice.
    const { map, stop } = cityMap(container.current, {
      overlays, padding: () => ({ left: 0, right: 0, top: 0, bottom: 0 }), shows: (id) => id !== "cases" && shown(id),
    });
    let looked = "";
    const stops = [
      effect(() => {
        const one = calling.value ? null : page.value;
        const at = calling.value ? callPlace.value : one;
        const accuracy = calling.value ? (callPlace.value?.accuracy_m ?? 0) : (one?.reports[0]?.accuracy_m ?? 0);
        overlays.set(POINT, single(at && { type: "Point", coordinates: [at.lon, at.lat] }));
        overlays.set(ACCURACY, single(at && accuracy > 0 ? circle(at.lon, at.lat, accuracy) : null));
        overlays.set(ZONE, single(one && outlines.value.zone));
        overlays.set(CELL, single(one && outlines.value.cell));
        const key = at ? `${one?.case_no ?? "call"}/${at.lon}/${at.lat}` : "";
        if (at && key !== looked) look(map, at.lon, at.lat, Math.max(accuracy, 20));
        looked = key;
      }),
      effect(() => {
        const twin = duplicates.value[compared.value]?.case_no;
        overlays.set(NEAR, {
          type: "FeatureCollection",
          // Before a case is open, those of the list; then what lies around it.
          features: (page.value ? near.value : rows.value).map((one) => ({
            type: "Feature", geometry: { type: "Point", coordinates: [one.lon, one.lat] },
            properties: { case_no: one.case_no, twin: one.case_no === twin },
          })),
        });
      }),
      follow(map, { before: whereWas, onCase, onGone, read: caughtUp }),
      stop,
    ];
    map.on("click", (event) => {
      if (calling.peek()) {
        const { lng, lat } = event.lngLat;
        callPlace.value = { ...rounded({ lng, lat }), accuracy_m: Math.max(3, Math.round(5 * metresPerPixel(map))), label: null };
        return;
      }
      const hit = map.queryRenderedFeatures(event.point, { layers: [`${NEAR}-dot`] })[0];
      const case_no = hit?.properties.case_no as string | undefined;
      if (case_no) void openCase(case_no);
    });
    map.on("mousemove", (event) => {
      const over = !calling.peek() && map.getLayer(`${NEAR}-dot`) && map.queryRenderedFeatures(event.point, { layers: [`${NEAR}-dot`] }).length > 0;
      map.getCanvas().style.cursor = calling.peek() ? "crosshair" : over ? "pointer" : "";
    });
    return () => {
      for (const each of stops) each();
    };
  }, []);
  const has = (geometry: GeoJSON.Geometry | null): boolean => geometry !== null;
  return (
    <>
      <div id="map" class="map" ref={container} />
      {page.value && !calling.value && (
        <ul class="map-key surface small" aria-label={words.value.legend}>
          <li><span class="key-point" aria-hidden="true" />{text.map}</li>
          {has(outlines.value.zone) && <li><span class="key-zone" aria-hidden="true" />{text.mapBoundary}{page.value.zone && ` ${page.value.zone.code}`}</li>}
          {has(outlines.value.cell) && <li><span class="key-cell" aria-hidden="true" />{text.mapCell}</li>}
          {(page.value.reports[0]?.accuracy_m ?? 0) > 0 && <li><span class="key-circle" aria-hidden="true" />{text.mapAccuracy}</li>}
          <li><span class="key-near" aria-hidden="true" />{text.mapNear}</li>
        </ul>
      )}
    </>
  );
}
