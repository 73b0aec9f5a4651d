// Sends what waits in the outbox: one page at a time, in the order in which it was done, each thing once. A lost answer is
// asked about before anything is said again.
import { signal } from "@preact/signals";
import { api, NoAnswer, Refused } from "../shared/api";
import {
  dropPoints, finished, keepPhoto, photoOf, rewrite, track, waiting, type WaitingItem, type WaitingMove, type WaitingReport,
} from "../shared/outbox";
import { sendPhoto } from "../shared/photo";
import type { Problem, ReportAnswer } from "../shared/types";
import { calls, type CasePage } from "./calls";
import { told, tell } from "../shared/tabs";

/** `ended`: the sign-in is over; `other`: somebody else signed in on this browser; `lost`: no answer came. */
export type Line = "idle" | "sending" | "lost" | "ended" | "other";

export interface Unsent {
  mine: WaitingItem[];
  /** How many are other accounts': whose they are is nobody's business. */
  others: number;
  bytes: number;
}
export const unsent = signal<Unsent>({ mine: [], others: 0, bytes: 0 });
export const line = signal<Line>("idle");
/** Reports that were answered while this page was open, the newest first. */
export const receipts = signal<ReportAnswer[]>([]);

let account: string | null = null;
let done: () => void = () => undefined;

/** Sends for this account from now on; `after` is called when something was done. */
export function sendsFor(login: string | null, after: () => void): void {
  if (account !== login) receipts.value = [];
  account = login;
  done = after;
  void counted();
  if (login) void flush();
}

export async function counted(): Promise<void> {
  const all = await waiting();
  const mine = all.filter((one) => one.account === account);
  unsent.value = { mine, others: all.length - mine.length, bytes: mine.reduce((sum, one) => sum + one.bytes, 0) };
}
told("outbox", () => void counted());

// -- when -------------------------------------------------------------------------------------------------------------

const FIRST_WAIT_MS = 4_000;
const LONGEST_WAIT_MS = 300_000;
let wait_ms = FIRST_WAIT_MS;
let timer: number | undefined;
let queued = false;

/** Two pages of one browser send one after the other: the second finds what is left. */
async function alone<T>(act: () => Promise<T>): Promise<T> {
  return navigator.locks ? navigator.locks.request("gisops.officer.outbox", act) : act();
}

export async function flush(): Promise<void> {
  window.clearTimeout(timer);
  if (queued) return;
  queued = true;
  await alone(async () => {
    queued = false;
    await all();
  });
}

/** The officer asks, the network is back, the page is looked at again: no more waiting. */
export function flushNow(): void {
  wait_ms = FIRST_WAIT_MS;
  void flush();
}

function later(seconds = 0): void {
  line.value = "lost";
  window.clearTimeout(timer);
  timer = window.setTimeout(() => void flush(), Math.max(wait_ms, seconds * 1000));
  wait_ms = Math.min(wait_ms * 2, LONGEST_WAIT_MS);
}

// -- what -------------------------------------------------------------------------------------------------------------

class Stop extends Error {}

/** The server says of each thing whether it is sent by whoever did it; where it is not, all of it waits. */
function stopFor(error: unknown): void {
  if (!(error instanceof Refused)) return;
  if (error.problem.code === "other_account") line.value = "other";
  else if (error.problem.status === 401) line.value = "ended";
  else return;
  throw new Stop();
}

async function all(): Promise<void> {
  const login = account;
  if (!login) return;
  const held = new Set<string>();
  let acted = false;
  try {
    for (const { id } of (await waiting()).filter((one) => one.account === login)) {
      // Anew each time: what was done before it may have told it its version.
      const item = (await waiting()).find((one) => one.id === id);
      if (!item || account !== login) continue;
      const of = item.kind === "move" ? item.case_no : null;
      if (item.problem || (of && held.has(of))) {
        if (of) held.add(of);
        continue;
      }
      line.value = "sending";
      try {
        await send(item);
        acted = true;
      } catch (error) {
        stopFor(error);
        const problem = refusalOf(error);
        if (!problem) throw error;
        await rewrite({ ...((await waiting()).find((one) => one.id === id) ?? item), problem });
        if (of) held.add(of);
      }
      await counted();
      tell("outbox");
    }
    acted = (await points(login)) || acted;
    wait_ms = FIRST_WAIT_MS;
    line.value = "idle";
  } catch (error) {
    if (!(error instanceof Stop)) {
      if (!(error instanceof NoAnswer || error instanceof Refused)) throw error;
      later(error instanceof Refused ? error.problem.retry_after_s : 0);
    }
  } finally {
    await counted();
  }
  if (acted) done();
}

/** A refusal that waiting does not mend. */
function refusalOf(error: unknown): Problem | null {
  if (!(error instanceof Refused)) return null;
  const { status } = error.problem;
  return status === 401 || status === 429 || status >= 500 ? null : error.problem;
}

/** The photographs first: each is named by the hash that the server answered. */
async function named(item: WaitingItem) {
  const photos = [];
  for (const id of item.photos) {
    const photo = await photoOf(id);
    if (!photo) continue;
    const sha256 = photo.sha256 ?? (await sendPhoto(photo.blob, item.account));
    if (!photo.sha256) await keepPhoto({ ...photo, sha256 });
    photos.push({ ...photo, sha256 });
  }
  return photos;
}

async function send(item: WaitingItem): Promise<void> {
  if (item.kind === "report") await sendReport(item);
  else await sendMove(item);
}

async function sendReport(item: WaitingReport): Promise<void> {
  const photos = (await named(item)).map((one) => one.sha256);
  await rewrite({ ...item, sent: true });
  // The same bytes again are the same report: the server answers as it did.
  const answer = await api.report({ ...item.body, photos }, item.account);
  await finished(item);
  if (account === item.account) receipts.value = [answer, ...receipts.peek()].slice(0, 10);
}

async function sendMove(item: WaitingMove): Promise<void> {
  const photos = await named(item);
  const body = {
    ...item.body,
    ...(photos.length > 0 && {
      photos: photos.map(({ sha256, captured_at, lon, lat, accuracy_m, phase }) => ({
        sha256, captured_at, lon, lat, crs: "WGS84", accuracy_m, ...(phase && { phase }),
      })),
    }),
  };
  const tried = item.sent;
  const now = item.version === null ? await calls.case(item.case_no, item.account) : null;
  const version = item.version ?? now!.version;
  await rewrite({ ...item, version, sent: true });
  try {
    const after = await calls.act(item.case_no, item.action, { ...body, expected_version: version }, item.account);
    return await finished(item, after.version);
  } catch (error) {
    if (!(error instanceof Refused) || !["stale_version", "illegal_move"].includes(error.problem.code)) throw error;
    const one = await calls.case(item.case_no, item.account);
    if (tried && inHistory(one, item, version, photos.map((photo) => photo.sha256))) return finished(item, one.version);
    // Nothing but what timers did stands between (a reminder, a superior called in): the officer's act is what it was.
    if (one.version === version || !onlyTimers(one, item, version)) throw error;
    await rewrite({ ...item, version: one.version, sent: true });
    const after = await calls.act(item.case_no, item.action, { ...body, expected_version: one.version }, item.account);
    await finished(item, after.version);
  }
}

/** Does the case's history hold this act already, since the version it was decided on? Photographs tell it from a colleague's. */
function inHistory(one: CasePage, item: WaitingMove, version: number, sha256s: string[]): boolean {
  return one.history.some((entry) => {
    if (entry.seq <= version || entry.action !== item.action) return false;
    const shown = (entry.payload.photos ?? []) as { sha256: string }[];
    return sha256s.every((sha256) => shown.some((photo) => photo.sha256 === sha256));
  });
}

const onlyTimers = (one: CasePage, item: WaitingMove, version: number): boolean =>
  one.state === item.state && one.allowed.includes(item.action as never) &&
  one.history.every((entry) => entry.seq <= version || entry.role === "system" || entry.role === null);

/** Positions go in a bundle and count nothing: nobody waits for them. */
async function points(login: string): Promise<boolean> {
  for (let some = await track(login, 500); some.length > 0; some = await track(login, 500)) {
    try {
      await calls.positions(some.map(({ lon, lat, accuracy_m, captured_at }) => ({ lon, lat, crs: "WGS84", accuracy_m, captured_at })), login);
    } catch (error) {
      stopFor(error);
      // Of an account without a post, or with something in it that the server cannot take: it is of no use to keep them.
      if (!refusalOf(error)) throw error;
    }
    await dropPoints(some);
  }
  return false;
}

/** Once more, after the officer has read what was said against it: decided on the case as it is now. */
export async function retry(item: WaitingItem): Promise<void> {
  const { problem: _, ...again } = item;
  if (again.kind === "move") again.version = null;
  await alone(() => rewrite(again));
  await counted();
  flushNow();
}

export const exclusively = alone;
