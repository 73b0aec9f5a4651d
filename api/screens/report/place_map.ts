// The small map under the pin. Loaded only when it is looked at: MapLibre is most of what this page weighs.
import { LngLat, type StyleSpecification } from "maplibre-gl";
import { cityMap } from "../shared/city_map";
import { circle, type Collection, EMPTY, metresPerPixel, Overlays, rounded, single } from "../shared/map_view";

const ACCURACY = "overlay_accuracy";

function layers(dark: boolean): StyleSpecification["layers"] {
  const accent = dark ? "#63b8e8" : "#0b5c8a";
  return [
    { id: `${ACCURACY}-fill`, type: "fill", source: ACCURACY, paint: { "fill-color": accent, "fill-opacity": 0.18 } },
    { id: `${ACCURACY}-edge`, type: "line", source: ACCURACY, paint: { "line-color": accent, "line-width": 1.6 } },
  ];
}

export interface PlaceMap {
  /** Puts the pin there. The circle is how wrong that may be: none where somebody pointed, none round what is no place yet. */
  show: (at: { lon: number; lat: number }, accuracy_m: number | null, isPlace: boolean) => void;
  stop: () => void;
}

/** Near enough that a wrong position shows, and the street is in sight still. */
const NEAR_ZOOM = 17.5;
const FAR_ZOOM = 12;
/** So much of the map's width the circle takes at most. */
const CIRCLE_SHARE = 0.6;
/** From farther away than this a tap comes nearer, too. */
const STREETS_ZOOM = 15;
/** So exact is a finger on a map, in pixels; and no map is more exact than this. */
const FINGER_PX = 8;
const BEST_M = 5;
/** A resize moves the map as well: less than this and nobody has pointed elsewhere. */
const SAME_DEGREES = 1e-7;

export function placeMap(container: HTMLElement, pointed: (at: { lon: number; lat: number }, accuracy_m: number) => void): PlaceMap {
  const overlays = new Overlays([ACCURACY], layers);
  const { map, stop } = cityMap(container, { overlays, padding: () => ({ left: 0, right: 0, top: 0, bottom: 0 }), inAddress: false });
  let known = map.getCenter();
  let drawn: Collection = EMPTY;
  const draw = (next: Collection): void => {
    drawn = next;
    overlays.set(ACCURACY, next);
  };
  // What is drawn before the style is there finds no source to go to.
  map.once("load", () => overlays.set(ACCURACY, drawn));
  map.on("moveend", () => {
    const now = map.getCenter();
    if (Math.abs(now.lng - known.lng) < SAME_DEGREES && Math.abs(now.lat - known.lat) < SAME_DEGREES) return;
    known = now;
    draw(EMPTY);
    pointed(rounded(now), Math.max(BEST_M, Math.round(FINGER_PX * metresPerPixel(map))));
  });
  // The pin stands still and the map moves; a tap moves it too, which is quicker from far away.
  map.on("click", ({ lngLat }) => {
    map.easeTo({ center: lngLat, zoom: map.getZoom() < STREETS_ZOOM ? Math.min(STREETS_ZOOM, map.getZoom() + 2.5) : map.getZoom(), duration: 300 });
  });
  const zoomFor = (lat: number, radius_m: number): number => {
    const wide = CIRCLE_SHARE * Math.min(container.clientWidth, container.clientHeight);
    const zoom = Math.log2((40_075_016.686 * Math.cos((lat * Math.PI) / 180) * wide) / (512 * 2 * radius_m));
    return Math.max(FAR_ZOOM, Math.min(NEAR_ZOOM, zoom));
  };
  return {
    show: ({ lon, lat }, accuracy_m, isPlace) => {
      // Known before the move, which tells of itself at once.
      known = new LngLat(lon, lat);
      map.jumpTo({ center: known, zoom: accuracy_m === null ? Math.max(map.getZoom(), NEAR_ZOOM) : zoomFor(lat, accuracy_m) });
      const geometry = accuracy_m !== null && isPlace ? circle(lon, lat, accuracy_m) : null;
      draw(single(geometry));
    },
    stop,
  };
}
