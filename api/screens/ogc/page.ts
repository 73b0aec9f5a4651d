// The small map on a page of /ogc: what the page tells, drawn from the page itself, or a layer's tiles; nothing is asked
// twice, and what is personal is read once. Without this script the page is whole, but for the map.
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import sheetUrl from "maplibre-gl/dist/maplibre-gl.css?url";
import { LngLatBounds, Map as MapLibreMap, NavigationControl, ScaleControl, setWorkerUrl, type StyleSpecification } from "maplibre-gl";

setWorkerUrl(workerUrl);

type Box = [number, number, number, number];

/** The box around every position of some GeoJSON, or null where there is none. */
function around(told: unknown): Box | null {
  const bounds = new LngLatBounds();
  const visit = (each: unknown): void => {
    if (Array.isArray(each)) {
      if (typeof each[0] === "number" && typeof each[1] === "number") bounds.extend([each[0], each[1]]);
      else each.forEach(visit);
    } else if (each && typeof each === "object") {
      const { coordinates, geometry, geometries, features } = each as Record<string, unknown>;
      [coordinates, geometry, geometries, features].forEach((one) => one && visit(one));
    }
  };
  visit(told);
  return bounds.isEmpty() ? null : [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
}

function drawn(source: string, layer: string | null, ink: string): StyleSpecification["layers"] {
  const of = layer === null ? {} : { "source-layer": layer };
  return [
    { id: "fill", type: "fill", source, ...of, filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": ink, "fill-opacity": 0.2 } },
    { id: "line", type: "line", source, ...of, filter: ["!=", ["geometry-type"], "Point"], paint: { "line-color": ink, "line-width": 1.5 } },
    {
      id: "point", type: "circle", source, ...of, filter: ["==", ["geometry-type"], "Point"],
      paint: { "circle-color": ink, "circle-radius": 4, "circle-stroke-color": "#fff", "circle-stroke-width": 1 },
    },
  ];
}

// The page does not know what the sheet is called in this build, so the script brings it along.
const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: sheetUrl });
document.head.append(sheet);

const container = document.getElementById("map");
if (container) {
  const embedded = document.getElementById("features")?.textContent;
  const features = embedded ? (JSON.parse(embedded) as GeoJSON.GeoJSON) : null;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const ink = dark ? "#6cb6ff" : "#0b5cad";
  const city = JSON.parse(container.dataset.bbox || "null") as Box | null;
  const ground: StyleSpecification["layers"] = [{ id: "ground", type: "background", paint: { "background-color": dark ? "#18212a" : "#eef1f4" } }];
  // Roads and water are open to everybody: enough to know the place again.
  const context: StyleSpecification["layers"] = [
    { id: "water", type: "fill", source: "rivers", "source-layer": "rivers", paint: { "fill-color": dark ? "#20384f" : "#c9dff0" } },
    { id: "roads", type: "line", source: "roads", "source-layer": "roads", paint: { "line-color": dark ? "#34424f" : "#cfd6dc", "line-width": 1 } },
  ];
  const tiles = (id: string) => ({ type: "vector" as const, url: new URL(`/tiles/${id}.json`, location.origin).href });
  const layer = features ? null : (container.dataset.layer ?? "");
  new MapLibreMap({
    container,
    style: {
      version: 8,
      sources: {
        rivers: tiles("rivers"),
        roads: tiles("roads"),
        told: features ? { type: "geojson", data: features } : tiles(layer ?? ""),
      },
      layers: [...ground, ...context, ...drawn("told", layer, ink)],
    },
    bounds: around(features) ?? city ?? [73, 18, 135, 54],
    fitBoundsOptions: { padding: 40, maxZoom: 16 },
    cooperativeGestures: false,
    attributionControl: false,
    fadeDuration: 0,
  })
    .addControl(new NavigationControl({ showCompass: false }), "bottom-right")
    .addControl(new ScaleControl({ maxWidth: 100 }), "bottom-left")
    .once("idle", () => container.setAttribute("data-drawn", "true"));
}
