// What the wall asks the server for.
import { answered, GET } from "../shared/client";
import type { components } from "../shared/openapi";

type Described = components["schemas"];
export type Numbers = Described["Numbers"];
export type Value = Described["CountValue"] | Described["RateValue"] | Described["DurationValue"];
export type CasePage = Described["CasePage"];
export type CaseSummary = Described["CaseSummary"];
export type DeskCase = Described["DeskCase"];
export type Overdue = Described["Overdue"];
export type Meanings = Described["Meanings"];

/** Every state of a case that is not over. */
export const OPEN_STATES = [
  "reported", "verifying", "accepted", "simple_open", "filed", "dispatched", "returned", "disputed", "handling", "suspended", "handled",
  "checking", "to_close",
];

export interface Asked {
  from: string;
  to: string;
  by?: string;
  where?: string[];
}

export const calls = {
  numbers: (codes: string, asked: Asked) => answered(GET("/api/indicators/{codes}", { params: { path: { codes }, query: asked } })),
  meanings: () => answered(GET("/api/indicators")),
  behind: (code: string, query: Record<string, string>, part: string, after: string | null) =>
    answered(
      GET("/api/indicators/{code}/cases", {
        params: {
          path: { code },
          query: {
            from: query.from ?? null, to: query.to ?? null, part, limit: 50,
            ...(query.where ? { where: [query.where] } : {}), ...(after ? { after } : {}),
          },
        },
      }),
    ),
  byNumber: (case_no: string[]) => answered(GET("/api/cases", { params: { query: { case_no, limit: 100 } } })),
  openCount: () => answered(GET("/api/layers/{layer_id}/count", { params: { path: { layer_id: "cases" } } })),
  held: () => answered(GET("/api/inbox", { params: { query: { state: ["suspended"], limit: 1 } } })),
  open: (severity: string | null, limit: number, after: string | null) =>
    answered(
      GET("/api/inbox", {
        params: { query: { state: OPEN_STATES, limit, ...(severity ? { severity } : {}), ...(after ? { after } : {}) } },
      }),
    ),
  overdue: (limit: number, after: string | null) =>
    answered(GET("/api/overdue", { params: { query: { limit, ...(after ? { after } : {}) } } })),
  case: (case_no: string) => answered(GET("/api/cases/{case_no}", { params: { path: { case_no } } })),
};

/** Where the next page goes on, out of its address. */
export const afterOf = (next: string | null): string | null => next && new URL(next, location.origin).searchParams.get("after");

/** What a number's address of its cases asks for. */
export function queryOf(address: string | undefined): Record<string, string> {
  return address ? Object.fromEntries(new URL(address, location.origin).searchParams) : {};
}
