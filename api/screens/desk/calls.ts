// What the desk alone asks the server for.
import { answered, GET, POST } from "../shared/client";
import type { components } from "../shared/openapi";

type Described = components["schemas"];
export type DeskCase = Described["DeskCase"];
export type Inbox = Described["Inbox"];
export type CaseRow = Described["CaseSummary"];
export type CasePage = Described["CasePage"];
export type Duplicate = Described["Duplicate"];
export type Entry = Described["HistoryEntry"];
export type HandbookEntry = Described["HandbookEntry"];
export type Reroute = Described["Reroute"];
export type Late = Described["Late"];
export type Waiting = Described["Waiting"];
export type Hit = Described["Hit"];
export type CaseState = CasePage["state"];
export type Action = CasePage["allowed"][number];
/** What every move says: the version it was decided on; the rest is its own. */
export type MoveBody = { expected_version: number } & Record<string, unknown>;

/** The last of the seven stages. */
const OVER = 7;
const of = (case_no: string) => ({ path: { case_no } });

export const calls = {
  inbox: (state: readonly string[], limit: number) =>
    answered(GET("/api/inbox", { params: { query: { state: [...state], limit } } })),
  page: (case_no: string) => answered(GET("/api/cases/{case_no}", { params: of(case_no) })),
  /** Open cases in the street around a point; those of one's scope, as everything. */
  near: async (lon: number, lat: number): Promise<CaseRow[]> => {
    const [east, north] = [0.004, 0.003];
    const bbox = [lon - east, lat - north, lon + east, lat + north].map((degrees) => degrees.toFixed(6)).join(",");
    const { cases } = await answered(GET("/api/cases", { params: { query: { bbox, limit: 200 } } }));
    return cases.filter((one) => one.stage < OVER);
  },
  duplicates: (case_no: string) => answered(GET("/api/cases/{case_no}/duplicates", { params: of(case_no) })),
  /** Who would be responsible by today's rules, with every candidate by name; without a change it is the case as it is. */
  candidates: (case_no: string) => answered(GET("/api/cases/{case_no}/reroute", { params: of(case_no) })),
  late: () => answered(GET("/api/overdue", { params: { query: { by: "organisation", limit: 1 } } })),
  /** All moves are sent alike; what each takes is checked by the server, and shown where it is refused. */
  move: (case_no: string, action: Action, body: MoveBody) =>
    answered(POST(`/api/cases/{case_no}/${action}` as "/api/cases/{case_no}/accept", { params: of(case_no), body: body as never })),
  say: (case_no: string, text: string, message_id: string) =>
    answered(POST("/api/cases/{case_no}/messages", { params: of(case_no), body: { text, message_id } })),
  approvals: () => answered(GET("/api/approvals", { params: { query: { limit: 50 } } })),
  ask: (case_no: string, body: Described["AskIn"]) =>
    answered(POST("/api/cases/{case_no}/approvals", { params: of(case_no), body })),
  decide: (case_no: string, approval_no: number, body: Described["AnswerIn"]) =>
    answered(POST("/api/cases/{case_no}/approvals/{approval_no}", { params: { path: { case_no, approval_no } }, body })),
  find: (q: string) => answered(GET("/api/search", { params: { query: { q, limit: 8 } } })),
  /** The outline of one thing of a public layer: a zone, a grid cell. */
  outline: async (layer: string, key: string): Promise<GeoJSON.Geometry | null> => {
    const path = { layer_id: layer, key };
    const feature = await answered(GET("/ogc/collections/{layer_id}/items/{key}", { params: { path } }) as Promise<{ data?: unknown }>);
    return (feature as GeoJSON.Feature).geometry;
  },
};

export const photo = (sha256: string): string => `/api/photos/${sha256}`;
export const thumb = (sha256: string, size: "small" | "large"): string => `/api/photos/${sha256}/thumb?size=${size}`;
