// What this page alone asks the server for.
import { answered, GET, POST } from "../shared/client";
import type { components } from "../shared/openapi";
import type { ReportBody } from "../shared/types";

type Described = components["schemas"];
export type Followed = Described["Followed"];
export type NearReport = Described["NearReport"];
export type Hit = Described["Hit"];

/** A point as it is told to the server: in the system in which somebody said it, never converted here. */
export interface Told {
  lon: number;
  lat: number;
  crs: string;
  accuracy_m: number;
}

/** Roads, places and areas are what people name; codes of parts too, as they stand on a pole. */
const NAMED_LAYERS = new Set(["roads", "places", "admin_areas", "fixtures", "party_building", "green_areas", "buildings", "rivers"]);

export const calls = {
  locate: (at: Told, category: string, signal: AbortSignal) =>
    answered(GET("/api/locate", { params: { query: { ...at, category } }, signal })),
  near: async (at: Told, category: string): Promise<NearReport[]> =>
    (await answered(GET("/api/reports/near", { params: { query: { ...at, category } } }))).near,
  search: async (q: string, open: string[]): Promise<Hit[]> => {
    const layers = open.filter((id) => NAMED_LAYERS.has(id)).join(",");
    return (await answered(GET("/api/search", { params: { query: { q, limit: 8, ...(layers ? { layers } : {}) } } }))).hits;
  },
  report: (body: ReportBody) => answered(POST("/api/reports", { body })),
  follow: (uid: string) => answered(GET("/api/reports/{client_uid}", { params: { path: { client_uid: uid } } })),
  urge: (uid: string) => answered(POST("/api/reports/{client_uid}/urgings", { params: { path: { client_uid: uid } }, body: { text: "" } })),
  rate: (uid: string, score: number, text: string) =>
    answered(POST("/api/reports/{client_uid}/satisfaction", { params: { path: { client_uid: uid } }, body: { score, text } })),
  reopen: (uid: string, reason: string) =>
    answered(POST("/api/reports/{client_uid}/reopen", { params: { path: { client_uid: uid } }, body: { reason } })),
};

export const photoAddress = (uid: string, sha256: string, size: "small" | "large" | "view"): string =>
  `/api/reports/${uid}/photos/${sha256}?size=${size}`;
