// What the phone alone asks the server for.
import { answered, by, GET, POST } from "../shared/client";
import type { components } from "../shared/openapi";

type Described = components["schemas"];
export type Task = Described["Task"];
export type CasePage = Described["CasePage"];
export type ZoneFeature = Described["MyZones"]["features"][number];
export type HandbookEntry = Described["HandbookEntry"];
/** What an act answers: the case as it is then, or its number alone where it is the caller's no more. */
type After = { case_no: string; version?: number };
export type Near = GeoJSON.Feature<GeoJSON.Geometry, Record<string, string | number | null>> & { layer: string; distance_m: number };
export type SentPoint = { lon: number; lat: number; crs: string; accuracy_m: number; captured_at: string };

export const calls = {
  tasks: (login: string) => answered(GET("/api/me/tasks", { ...by(login), params: { query: { limit: 200 } } })),
  zones: (login: string) => answered(GET("/api/me/zones", by(login))),
  case: (case_no: string, login: string) => answered(GET("/api/cases/{case_no}", { ...by(login), params: { path: { case_no } } })),
  handbook: (category: string) => answered(GET("/api/handbook", { params: { query: { category } } })),
  nearest: (layers: string, lon: number, lat: number) =>
    answered(GET("/api/nearest", { params: { query: { lon, lat, crs: "WGS84", layers, limit: 20, within_m: 1000 } } })) as Promise<unknown> as
      Promise<{ features: Near[] }>,
  // The actions have a route each; which one is known only when an officer acts.
  act: (case_no: string, action: string, body: Record<string, unknown>, login: string) =>
    answered(POST("/api/cases/{case_no}/finish", { params: { path: { case_no } }, body: body as never, ...by(login), ...routed(action) })) as
      Promise<unknown> as Promise<After>,
  positions: (positions: SentPoint[], login: string) => answered(POST("/api/me/positions", { ...by(login), body: { positions } })),
};

/** The typed client writes the address of one action; the others differ in their last word. */
const routed = (action: string) => ({
  pathSerializer: (_: string, values: Record<string, unknown>) => `/api/cases/${encodeURIComponent(String(values.case_no))}/${encodeURIComponent(action)}`,
});
