// The small map under the pin. Loaded only when it is looked at: MapLibre is most of what this page weighs.
import { LngLat, type StyleSpecification } from "maplibre-gl";
import { cityMap } from "../shared/city_map";
import { circle, type Collection, EMPTY, metresPerPixel, Overlays } from "../shared/map_view";

const ACCURACY = "overlay_accuracy";

function layers(dark: boolean): StyleSpecification["layers"] {
  const accent = dark ? "#63b8e8" : "#0b5c8a";
  return [
    { id: `${ACCURACY}-fill`, type: "fill", source: ACCURACY, paint: { "fill-color": accent, "fill-opacity": 0.18 } },
    { id: `${ACCURACY}-edge`, type: "line", source: ACCURACY, paint: { "line-color": accent, "line-width": 1.6 } },
  ];
}

export interface PlaceMap {
  /** Puts the pin there; the circle is how wrong that may be, none where somebody pointed. */
  show: (at: { lon: number; lat: number }, accuracy_m: number | null) => void;
  /** Where the pin is now, as if the reader had pointed at it. */
  point: () => void;
  stop: () => void;
}

/** Nearer than this a wrong position shows, and still the street is in sight. */
const NEAR_ZOOM = 17;
/** So exact is a finger on a map, in pixels; and no map is more exact than this. */
const FINGER_PX = 8;
const BEST_M = 5;
/** A resize moves the map as well: less than this and nobody has pointed elsewhere. */
const SAME_DEGREES = 1e-7;

export function placeMap(
  container: HTMLElement, start: { lon: number; lat: number } | null, pointed: (at: { lon: number; lat: number }, accuracy_m: number) => void,
): PlaceMap {
  const overlays = new Overlays([ACCURACY], layers);
  const { map, stop } = cityMap(container, { overlays, padding: () => ({ left: 0, right: 0, top: 0, bottom: 0 }), inAddress: false });
  if (start) map.jumpTo({ center: [start.lon, start.lat], zoom: NEAR_ZOOM });
  let known = map.getCenter();
  let drawn: Collection = EMPTY;
  const draw = (next: Collection): void => {
    drawn = next;
    overlays.set(ACCURACY, next);
  };
  // What is drawn before the style is there finds no source to go to.
  map.once("load", () => overlays.set(ACCURACY, drawn));
  const told = (): void => {
    known = map.getCenter();
    draw(EMPTY);
    const round = (degrees: number): number => Math.round(degrees * 1e7) / 1e7;
    pointed({ lon: round(known.lng), lat: round(known.lat) }, Math.max(BEST_M, Math.round(FINGER_PX * metresPerPixel(map))));
  };
  map.on("moveend", () => {
    const { lng, lat } = map.getCenter();
    if (Math.abs(lng - known.lng) > SAME_DEGREES || Math.abs(lat - known.lat) > SAME_DEGREES) told();
  });
  return {
    show: (at, accuracy_m) => {
      // Known before the move, which tells of itself at once.
      known = new LngLat(at.lon, at.lat);
      map.jumpTo({ center: known, zoom: Math.max(map.getZoom(), accuracy_m && accuracy_m > 60 ? NEAR_ZOOM - 1.5 : NEAR_ZOOM) });
      draw(accuracy_m === null ? EMPTY : { type: "FeatureCollection", features: [{ type: "Feature", properties: {}, geometry: circle(at.lon, at.lat, accuracy_m) }] });
    },
    point: told,
    stop,
  };
}
