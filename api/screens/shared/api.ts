// What more than one screen asks the server for; what a screen asks alone stands in its own folder (`calls.ts`).
import { answered, by, DELETE, GET, POST } from "./client";
import type { City, Pipe, ReportBody } from "./types";

export { NoAnswer, Refused } from "./client";

export const api = {
  city: () => answered(GET("/api/city")) as Promise<City>,
  categories: () => answered(GET("/api/categories")),
  style: (theme: string) => answered(GET("/styles/{theme}.json", { params: { path: { theme } } })),
  me: () => answered(GET("/api/me")),
  signIn: (login: string, password: string) => answered(POST("/api/session", { body: { login, password } })),
  signOut: (login: string) => answered(DELETE("/api/session", by(login))),
  report: (body: ReportBody, login?: string) => answered(POST("/api/reports", { body, ...(login ? by(login) : {}) })),
  latestCases: (limit: number) => answered(GET("/api/cases", { params: { query: { limit } } })),
  locate: (lon: number, lat: number, category: string, accuracy_m: number, signal?: AbortSignal) =>
    answered(
      GET("/api/locate", {
        params: { query: { lon, lat, crs: "WGS84", accuracy_m, category } },
        ...(signal ? { signal } : {}),
      }),
    ),
  under: (layer: string, lon: number, lat: number, within_m: number, signal: AbortSignal) =>
    answered(
      GET("/api/layers/{layer_ids}/at", {
        params: { path: { layer_ids: layer }, query: { lon, lat, crs: "WGS84", within_m } },
        signal,
      }),
    ) as Promise<unknown> as Promise<{ features: Pipe[] }>,
};
