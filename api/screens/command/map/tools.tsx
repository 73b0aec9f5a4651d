// What the map can do: draw, show hotspots, tilt, tour, come home.
export function Tools() {
  return null;
}
