// The one place of all screens that speaks HTTP, typed by the API's description. Every refusal becomes a Refused with the server's
// problem document; when no answer came at all it is NoAnswer, because then the caller cannot know whether the server
// has acted.
import createClient from "openapi-fetch";
import type { paths } from "./openapi";
import type { Problem } from "./types";

export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail ?? problem.title ?? problem.code);
  }
}
export class NoAnswer extends Error {}

/** Sends a request, and lets pass what was answered in good order and nothing else. */
async function sent(request: Request): Promise<Response> {
  // The session cookie alone is not enough for an unsafe method: a foreign page could make the browser send it.
  if (request.method !== "GET") request.headers.set("X-Gisops", "1");
  let response: Response;
  try {
    // Sent as a whole and not as a stream, so that the browser's own tools show what was sent.
    const { url, method, headers, credentials, cache, signal } = request;
    const words = headers.get("Content-Type")?.startsWith("application/json") ?? true;
    const body = words ? (await request.text()) || null : await request.blob();
    response = await fetch(url, { method, headers, credentials, cache, signal, body });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new NoAnswer(String(error));
  }
  if (response.status === 204) return response;
  const text = await response.text().catch(() => "");
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // A proxy's HTML page or a cut body: for a 5xx or a broken 2xx nobody knows what the server did.
    if (response.ok || response.status >= 500) throw new NoAnswer(`${response.status} ${response.statusText}`);
    parsed = { status: response.status, code: `http_${response.status}`, detail: response.statusText };
  }
  if (response.ok) return new Response(text, { status: response.status });
  const problem = parsed as Problem;
  throw new Refused({ ...problem, status: response.status, code: problem.code ?? `http_${response.status}` });
}

export const { GET, POST, PUT, DELETE } = createClient<paths>({
  fetch: sent,
  credentials: "same-origin",
  cache: "no-store",
  headers: { Accept: "application/json" },
});

/** Done by this account: the server takes it from nobody else, whoever's cookie the browser has by then. */
export const by = (login: string) => ({ headers: { "X-Gisops-Account": login } });

/** What was answered: a refusal never gets as far as here. */
export const answered = async <T>(call: Promise<{ data?: T }>): Promise<T> => (await call).data as T;
