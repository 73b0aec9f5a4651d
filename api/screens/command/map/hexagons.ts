// Counts on hexagons, in the plane that touches the city's middle: good to a few metres over a city.
import type { Bbox } from "../../shared/types";

export interface Hexagon {
  /** Column and row of its own grid, as a key. */
  id: string;
  count: number;
  lon: number;
  lat: number;
  ring: [number, number][];
}

const perLat = 111_132.95;
const perLon = (lat: number): number => 111_412.88 * Math.cos((lat * Math.PI) / 180);

/** A city is some sixty edges across, in steps that are easy to say. */
export function edgeFor([west, south, east, north]: Bbox): number {
  const across = Math.hypot((east - west) * perLon((south + north) / 2), (north - south) * perLat);
  return Math.min(1_000, Math.max(100, Math.round(across / 60 / 50) * 50));
}

/** The nearest middle of a grid of pointed hexagons: rounded on three axes, and the one that was rounded most is taken back. */
function rounded(q: number, r: number): [number, number] {
  const s = -q - r;
  let [a, b] = [Math.round(q), Math.round(r)];
  const c = Math.round(s);
  const [da, db, dc] = [Math.abs(a - q), Math.abs(b - r), Math.abs(c - s)];
  if (da > db && da > dc) a = -b - c;
  else if (db > dc) b = -a - c;
  return [a, b];
}

export function binned(dots: { lon: number; lat: number }[], [lon0, lat0]: [number, number], edge_m: number): Hexagon[] {
  const east = perLon(lat0);
  const found = new Map<string, { q: number; r: number; count: number }>();
  for (const { lon, lat } of dots) {
    const x = (lon - lon0) * east;
    const y = (lat - lat0) * perLat;
    const [q, r] = rounded(((Math.sqrt(3) / 3) * x - y / 3) / edge_m, ((2 / 3) * y) / edge_m);
    const id = `${q},${r}`;
    const known = found.get(id);
    if (known) known.count += 1;
    else found.set(id, { q, r, count: 1 });
  }
  return [...found].map(([id, { q, r, count }]) => {
    const x = edge_m * Math.sqrt(3) * (q + r / 2);
    const y = edge_m * 1.5 * r;
    const ring = Array.from({ length: 7 }, (_, corner): [number, number] => {
      const angle = ((corner % 6) * Math.PI) / 3 + Math.PI / 6;
      return [lon0 + (x + edge_m * Math.cos(angle)) / east, lat0 + (y + edge_m * Math.sin(angle)) / perLat];
    });
    return { id, count, lon: lon0 + x / east, lat: lat0 + y / perLat, ring };
  });
}
