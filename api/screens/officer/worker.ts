// The phone's service worker: the page itself from this device, the map's tiles and styles as they were last seen where there
// is no network. What is about cases and people it never keeps: that is the page's business, which knows for whom.

/// <reference lib="dom" />
declare const __SHELL__: string[];
declare const __VERSION__: string;

interface Lived extends Event {
  waitUntil(what: Promise<unknown>): void;
}
interface Asked extends Lived {
  request: Request;
  respondWith(answer: Promise<Response>): void;
}
const worker = self as unknown as {
  addEventListener(type: "install" | "activate", act: (event: Lived) => void): void;
  addEventListener(type: "message", act: (event: Lived & { data: unknown }) => void): void;
  addEventListener(type: "fetch", act: (event: Asked) => void): void;
  skipWaiting(): Promise<void>;
  clients: { claim(): Promise<void> };
  location: Location;
};

const PAGE = "/officer";
const SHELL = `officer-shell-${__VERSION__}`;
const BESIDE = ["/officer.webmanifest", "/officer_icon_192.png", "/officer_icon_512.png"];
/** Tiles, styles and lists as an account last saw them: one for each, which pages drop at a sign-out. */
const SEEN = "officer-seen";
/** Whose page this is, in a cache of its own: a worker is ended and begun again between two questions. */
const WHO = "officer-who";
const FONTS = "officer-fonts";
const SEEN_MOST = 2_000;
const SEEN_BYTES = 50_000_000;
/** With a bad line what was seen last is better than to wait. */
const PATIENCE_MS = 4_000;
const BYTES = "X-Bytes";

worker.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const shell = await caches.open(SHELL);
      await shell.addAll([new Request(PAGE, { cache: "reload" }), ...BESIDE, ...__SHELL__]);
      await worker.skipWaiting();
    })(),
  );
});

worker.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      // A page that is still open is of the release before, and may yet load its map.
      const shells = (await caches.keys()).filter((name) => name.startsWith("officer-shell-") && name !== SHELL);
      for (const old of shells.slice(0, -1)) await caches.delete(old);
      await worker.clients.claim();
    })(),
  );
});

const ofMap = (path: string): boolean => /^\/(tiles|styles|basemap)\b/.test(path) || ["/api/city", "/api/categories", "/api/handbook"].includes(path);

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== worker.location.origin) return;
  if (request.mode === "navigate") {
    if (url.pathname === PAGE) event.respondWith(kept(PAGE, request));
  } else if (url.pathname.endsWith(".woff2")) event.respondWith(font(request));
  else if (url.pathname.startsWith("/assets/") || BESIDE.includes(url.pathname)) event.respondWith(kept(url.pathname, request));
  else if (ofMap(url.pathname)) event.respondWith(seen(event, url));
});

async function kept(path: string, request: Request): Promise<Response> {
  const own = await (await caches.open(SHELL)).match(path, { ignoreVary: true });
  return own ?? (await caches.match(path, { ignoreVary: true })) ?? fetch(request);
}

async function font(request: Request): Promise<Response> {
  const fonts = await caches.open(FONTS);
  const own = await fonts.match(request.url, { ignoreVary: true });
  if (own) return own;
  const answer = await fetch(request);
  if (answer.ok) await fonts.put(request.url, answer.clone());
  return answer;
}

let account: string | null = null;

worker.addEventListener("message", (event) => {
  const said = (event.data as { account?: unknown } | null)?.account;
  if (typeof said !== "string" && said !== null) return;
  event.waitUntil(belongs(said ?? ""));
});

async function belongs(to: string): Promise<void> {
  const before = await seenBy();
  account = to;
  await (await caches.open(WHO)).put("/officer", new Response(to));
  // What came between the sign-in and this word of it is his already.
  if (!to || before !== `${SEEN}.`) return;
  const [from, his] = [await caches.open(before), await caches.open(await seenBy())];
  for (const request of await from.keys()) {
    const answer = await from.match(request, { ignoreVary: true });
    if (answer) await his.put(request, answer);
  }
  await caches.delete(before);
}

/** The name of the cache of whoever's page this is. */
async function seenBy(): Promise<string> {
  account ??= (await (await (await caches.open(WHO)).match("/officer"))?.text()) ?? "";
  return `${SEEN}.${account}`;
}

/** What has its version in its address is what it was; anything else is asked for, and what was seen last is the answer where none comes. */
async function seen(event: Asked, url: URL): Promise<Response> {
  const name = await seenBy();
  const cache = await caches.open(name);
  const last = await cache.match(url.href, { ignoreVary: true });
  if (last && url.pathname.endsWith(".mvt") && url.searchParams.has("v")) return last;
  const asked = fetch(event.request).then(async (answer) => {
    if (answer.ok) event.waitUntil(remember(name, cache, url.href, answer.clone()));
    return answer;
  });
  if (!last) return asked;
  asked.catch(() => undefined);
  const late = new Promise<Response>((done) => setTimeout(() => done(last), PATIENCE_MS));
  // A server in trouble has nothing better to say than what was seen before; a refusal is an answer.
  return Promise.race([asked.then((answer) => (answer.status >= 500 ? last : answer)), late]).catch(() => last);
}

let since = 0;

async function remember(name: string, cache: Cache, address: string, answer: Response): Promise<void> {
  try {
    const body = answer.status === 204 ? null : await answer.blob();
    const headers = new Headers({ "Content-Type": answer.headers.get("Content-Type") ?? "application/octet-stream", [BYTES]: String(body?.size ?? 0) });
    // Anew at the end of the list, whose beginning is let go of first.
    await cache.delete(address);
    await cache.put(address, new Response(body, { status: answer.status, headers }));
    if (++since >= 100) {
      since = 0;
      await trim(cache);
    }
  } catch {
    // A full device keeps no tiles; what waits to be sent comes first.
    await caches.delete(name);
  }
}

async function trim(cache: Cache): Promise<void> {
  const requests = await cache.keys();
  let bytes = 0;
  let count = 0;
  for (const request of [...requests].reverse()) {
    const answer = await cache.match(request, { ignoreVary: true });
    bytes += Number(answer?.headers.get(BYTES) ?? 0);
    if (++count > SEEN_MOST || bytes > SEEN_BYTES) await cache.delete(request);
  }
}

export {};
