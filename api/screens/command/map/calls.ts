// What the wall's map asks the server for, and no other screen does.
import { answered, GET, POST } from "../../shared/client";
import type { components } from "../../shared/openapi";

export type Happening = components["schemas"]["Happening"];
export type Happened = components["schemas"]["Happened"];

/** A feature that lies at a place or in an area, as much of it as a line of a list needs. */
export interface Found {
  id: string;
  layer: string;
  distance_m: number;
  properties: Record<string, unknown>;
}
export interface FoundAll {
  features: Found[];
  more: boolean;
}

const stopped = (signal?: AbortSignal): { signal?: AbortSignal } => (signal ? { signal } : {});

export const happenedSince = (from: Date): Promise<Happened> =>
  answered(GET("/api/happened", { params: { query: { from: from.toISOString() } } }));

export const happenedNear = (lon: number, lat: number, within_m: number, from: Date, signal: AbortSignal): Promise<Happened> =>
  answered(GET("/api/happened", {
    params: { query: { lon, lat, crs: "WGS84", within_m, from: from.toISOString(), limit: 200 } }, ...stopped(signal),
  }));

export const foundAt = (layers: string[], lon: number, lat: number, within_m: number, signal: AbortSignal): Promise<FoundAll> =>
  answered(GET("/api/layers/{layer_ids}/at", {
    params: { path: { layer_ids: layers.join(",") }, query: { lon, lat, crs: "WGS84", within_m, limit: 60 } }, ...stopped(signal),
  })) as Promise<unknown> as Promise<FoundAll>;

/** As many of one layer as one answer holds. */
export const MOST_INSIDE = 1_000;

export const foundInside = (layer: string, geometry: GeoJSON.Polygon, signal: AbortSignal): Promise<FoundAll> =>
  answered(POST("/api/layers/{layer_ids}/at", {
    params: { path: { layer_ids: layer } },
    body: { geometry: { type: geometry.type, coordinates: geometry.coordinates }, crs: "WGS84", limit: MOST_INSIDE },
    ...stopped(signal),
  })) as Promise<unknown> as Promise<FoundAll>;

export const countOf = (layer: string) =>
  answered(GET("/api/layers/{layer_id}/count", { params: { path: { layer_id: layer } } }));

/** Features of a layer as GeoJSON, as many as one page holds. */
export const itemsOf = async (layer: string, limit: number): Promise<GeoJSON.FeatureCollection> =>
  (await answered(
    GET("/ogc/collections/{layer_id}/items", { params: { path: { layer_id: layer }, query: { limit } as never } }),
  )) as unknown as GeoJSON.FeatureCollection;
