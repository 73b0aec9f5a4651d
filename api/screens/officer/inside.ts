// Inside or outside one's zones: computed on the phone, so that it is known without a network. Distances are measured in
// the local plane of the position, good to a thousandth over some kilometres.

export type Ring = [lon: number, lat: number][];
export interface Area {
  geometry: GeoJSON.Polygon | GeoJSON.MultiPolygon;
}
/** `maybe`: the edge lies within the accuracy of the position, so nobody can say. */
export type Standing =
  | { at: "inside" | "maybe"; index: number; edge_m: number }
  | { at: "outside"; index: number; edge_m: number }
  | { at: "nowhere" };

export interface Metres {
  east: number;
  north: number;
}

/** Metres in a degree at this latitude (WGS-84). */
export const perDegree = (lat: number): Metres => {
  const phi = (lat * Math.PI) / 180;
  return {
    north: 111_132.954 - 559.822 * Math.cos(2 * phi) + 1.175 * Math.cos(4 * phi),
    east: 111_412.84 * Math.cos(phi) - 93.5 * Math.cos(3 * phi) + 0.118 * Math.cos(5 * phi),
  };
};

export const distance = (a: { lon: number; lat: number }, b: { lon: number; lat: number }): number => {
  const scale = perDegree((a.lat + b.lat) / 2);
  return Math.hypot((b.lon - a.lon) * scale.east, (b.lat - a.lat) * scale.north);
};

/** Degrees from north, clockwise. */
export const bearing = (a: { lon: number; lat: number }, b: { lon: number; lat: number }): number => {
  const scale = perDegree((a.lat + b.lat) / 2);
  return ((Math.atan2((b.lon - a.lon) * scale.east, (b.lat - a.lat) * scale.north) * 180) / Math.PI + 360) % 360;
};

const polygons = (area: Area): GeoJSON.Position[][][] =>
  area.geometry.type === "Polygon" ? [area.geometry.coordinates] : area.geometry.coordinates;

/** Even–odd over all rings of a polygon: what lies in a hole is outside. */
function holds(rings: GeoJSON.Position[][], lon: number, lat: number): boolean {
  let inside = false;
  for (const ring of rings) {
    for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
      const [xi, yi] = ring[i] as [number, number];
      const [xj, yj] = ring[j] as [number, number];
      if (yi > lat !== yj > lat && lon < ((xj - xi) * (lat - yi)) / (yj - yi) + xi) inside = !inside;
    }
  }
  return inside;
}

export const contains = (area: Area, lon: number, lat: number): boolean =>
  polygons(area).some((rings) => holds(rings, lon, lat));

/** Metres to the nearest edge, holes' edges too. */
export function edgeDistance(area: Area, lon: number, lat: number): number {
  const scale = perDegree(lat);
  let nearest = Infinity;
  for (const rings of polygons(area)) {
    for (const ring of rings) {
      for (let i = 1; i < ring.length; i++) {
        const [x1, y1] = ring[i - 1] as [number, number];
        const [x2, y2] = ring[i] as [number, number];
        const ax = (x1 - lon) * scale.east;
        const ay = (y1 - lat) * scale.north;
        const dx = (x2 - x1) * scale.east;
        const dy = (y2 - y1) * scale.north;
        const long = dx * dx + dy * dy;
        const t = long === 0 ? 0 : Math.min(1, Math.max(0, -(ax * dx + ay * dy) / long));
        nearest = Math.min(nearest, Math.hypot(ax + t * dx, ay + t * dy));
      }
    }
  }
  return nearest;
}

/** Is all of the accuracy circle in one's areas, which may touch each other? Looked at on 48 points of its edge. */
function covered(areas: Area[], lon: number, lat: number, radius_m: number): boolean {
  const scale = perDegree(lat);
  for (let i = 0; i < 48; i++) {
    const angle = (i / 24) * Math.PI;
    const x = lon + (Math.cos(angle) * radius_m) / scale.east;
    const y = lat + (Math.sin(angle) * radius_m) / scale.north;
    if (!areas.some((area) => contains(area, x, y))) return false;
  }
  return true;
}

/** Where a position of such accuracy stands among these areas. */
export function standing(areas: Area[], lon: number, lat: number, accuracy_m: number): Standing {
  if (areas.length === 0) return { at: "nowhere" };
  const each = areas.map((area, index) => ({ index, inside: contains(area, lon, lat), edge_m: edgeDistance(area, lon, lat) }));
  const within = each.filter((one) => one.inside).sort((a, b) => b.edge_m - a.edge_m)[0];
  if (within) {
    const sure = within.edge_m > accuracy_m || (areas.length > 1 && covered(areas, lon, lat, accuracy_m));
    return { at: sure ? "inside" : "maybe", index: within.index, edge_m: within.edge_m };
  }
  const { index, edge_m } = each.sort((a, b) => a.edge_m - b.edge_m)[0]!;
  return { at: edge_m > accuracy_m ? "outside" : "maybe", index, edge_m };
}
