// The one place that speaks HTTP. Every refusal becomes a Refused with the server's problem document; when no answer
// came at all it is NoAnswer, because then the caller cannot know whether the server has acted.
import type { CaseRow, CategoryList, City, Located, Me, Pipe, Problem, ReportAnswer, ReportBody } from "./types";

export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail ?? problem.title ?? problem.code);
  }
}
export class NoAnswer extends Error {}

async function call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  // The session cookie alone is not enough for an unsafe method: a foreign page could make the browser send it.
  if (method !== "GET") headers["X-Gisops"] = "1";
  let response: Response;
  try {
    const init: RequestInit = { method, headers, credentials: "same-origin", cache: "no-store" };
    if (body !== undefined) init.body = JSON.stringify(body);
    if (signal) init.signal = signal;
    response = await fetch(path, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new NoAnswer(String(error));
  }
  if (response.status === 204) return undefined as T;
  const text = await response.text().catch(() => "");
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // A proxy's HTML page or a cut body: for a 5xx or a broken 2xx nobody knows what the server did.
    if (response.ok || response.status >= 500) throw new NoAnswer(`${response.status} ${response.statusText}`);
    parsed = { status: response.status, code: `http_${response.status}`, detail: response.statusText };
  }
  if (response.ok) return parsed as T;
  const problem = parsed as Problem;
  throw new Refused({ ...problem, status: response.status, code: problem.code ?? `http_${response.status}` });
}

const query = (values: Record<string, string | number>): string =>
  new URLSearchParams(Object.entries(values).map(([key, value]) => [key, String(value)])).toString();

export const api = {
  city: () => call<City>("GET", "/api/city"),
  categories: () => call<CategoryList>("GET", "/api/categories"),
  style: (name: string) => call<unknown>("GET", `/styles/${name}.json`),
  me: () => call<Me>("GET", "/api/me"),
  signIn: (login: string, password: string) => call<unknown>("POST", "/api/session", { login, password }),
  signOut: () => call<void>("DELETE", "/api/session"),
  report: (body: ReportBody) => call<ReportAnswer>("POST", "/api/reports", body),
  latestCases: (limit: number) => call<{ cases: CaseRow[] }>("GET", `/api/cases?${query({ limit })}`),
  locate: (lon: number, lat: number, category: string, accuracy_m: number, signal?: AbortSignal) =>
    call<Located>("GET", `/api/locate?${query({ lon, lat, crs: "WGS84", accuracy_m, category })}`, undefined, signal),
  under: (layer: string, lon: number, lat: number, within_m: number, signal: AbortSignal) =>
    call<{ features: Pipe[] }>("GET", `/api/layers/${layer}/at?${query({ lon, lat, crs: "WGS84", within_m })}`, undefined, signal),
};
