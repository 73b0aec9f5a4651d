// What a phone has to say and cannot yet: kept in IndexedDB from the moment it was done, over reloads and the death of the
// process, until the server has answered. Each account has its own; nothing here goes out for anybody else.
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { Problem, ReportBody } from "./types";

/** A photograph as it was taken; `draft` names the form it waits in, null once it was handed in. */
export interface KeptPhoto {
  id: string;
  account: string;
  draft: string | null;
  phase: "verify" | "before" | "after" | "check" | null;
  blob: Blob;
  captured_at: string;
  lon: number | null;
  lat: number | null;
  accuracy_m: number | null;
  /** Once the server has it. */
  sha256?: string;
}

interface Waiting {
  id?: number;
  account: string;
  at: string;
  photos: string[];
  bytes: number;
  /** Was it on its way at least once? Then the server may have it, although nobody heard so. */
  sent: boolean;
  /** What the server said against it: it waits for the officer then. */
  problem?: Problem;
}
export interface WaitingReport extends Waiting {
  kind: "report";
  name: string;
  body: ReportBody;
}
export interface WaitingMove extends Waiting {
  kind: "move";
  case_no: string;
  action: string;
  /** The state and version it was decided on; no version where it follows another move that waits. */
  state: string;
  version: number | null;
  body: Record<string, unknown>;
}
export type WaitingItem = WaitingReport | WaitingMove;

export interface TrackPoint {
  id?: number;
  account: string;
  lon: number;
  lat: number;
  accuracy_m: number;
  captured_at: string;
}

interface Schema extends DBSchema {
  kept: { key: string; value: unknown };
  outbox: { key: number; value: WaitingItem };
  photos: { key: string; value: KeptPhoto };
  track: { key: number; value: TrackPoint };
}

/** The device has no room for it. */
export class StorageFull extends Error {}

let opened: Promise<IDBPDatabase<Schema>> | null = null;
const db = (): Promise<IDBPDatabase<Schema>> =>
  (opened ??= openDB<Schema>("gisops.officer", 1, {
    upgrade(made) {
      made.createObjectStore("kept");
      made.createObjectStore("outbox", { keyPath: "id", autoIncrement: true });
      made.createObjectStore("photos", { keyPath: "id" });
      made.createObjectStore("track", { keyPath: "id", autoIncrement: true });
    },
    terminated() {
      opened = null;
    },
  }));

/** Writes, and says in our own words that the device is full. */
async function writing<T>(act: (to: IDBPDatabase<Schema>) => Promise<T>): Promise<T> {
  try {
    return await act(await db());
  } catch (error) {
    if (error instanceof DOMException && error.name === "QuotaExceededError") throw new StorageFull();
    throw error;
  }
}

// -- what is shown without a network ----------------------------------------------------------------------------------

export const recall = async <T>(key: string): Promise<T | undefined> => (await (await db()).get("kept", key)) as T | undefined;
export const keep = (key: string, value: unknown): Promise<unknown> => writing((to) => to.put("kept", value, key));
export const forget = async (key: string): Promise<void> => (await db()).delete("kept", key);
/** Forgets whatever begins so and is not among these. */
export async function forgetBut(beginning: string, but: Set<string>): Promise<void> {
  const done = (await db()).transaction("kept", "readwrite");
  for (const key of await done.store.getAllKeys()) if (key.startsWith(beginning) && !but.has(key)) await done.store.delete(key);
  await done.done;
}

/** All but the outbox and its photographs: what was read, what was not handed in, the way walked. */
export async function forgetAccount(): Promise<void> {
  const done = (await db()).transaction(["kept", "photos", "track"], "readwrite");
  await done.objectStore("kept").clear();
  await done.objectStore("track").clear();
  for (const photo of await done.objectStore("photos").getAll()) if (photo.draft !== null) await done.objectStore("photos").delete(photo.id);
  await done.done;
}

// -- photographs that wait in a form ----------------------------------------------------------------------------------

export const keepPhoto = (photo: KeptPhoto): Promise<unknown> => writing((to) => to.put("photos", photo));
export const dropPhoto = async (id: string): Promise<void> => (await db()).delete("photos", id);
export const photoOf = async (id: string): Promise<KeptPhoto | undefined> => (await db()).get("photos", id);
export const draftPhotos = async (account: string, draft: string): Promise<KeptPhoto[]> =>
  (await (await db()).getAll("photos")).filter((one) => one.account === account && one.draft === draft)
    .sort((a, b) => a.captured_at.localeCompare(b.captured_at));

// -- the outbox -------------------------------------------------------------------------------------------------------

export const waiting = async (): Promise<WaitingItem[]> => (await db()).getAll("outbox");

/** Puts it into the outbox, its photographs with it: all of it or nothing. */
export function post(item: WaitingItem): Promise<void> {
  return writing(async (to) => {
    const done = to.transaction(["outbox", "photos"], "readwrite");
    let bytes = 0;
    for (const id of item.photos) {
      const photo = await done.objectStore("photos").get(id);
      if (!photo) continue;
      bytes += photo.blob.size;
      await done.objectStore("photos").put({ ...photo, draft: null });
    }
    await done.objectStore("outbox").add({ ...item, bytes });
    await done.done;
  });
}

export const rewrite = (item: WaitingItem): Promise<unknown> => writing((to) => to.put("outbox", item));

/** It is done: it goes with its photographs, and the next move of its case learns which version it is decided on. */
export async function finished(item: WaitingItem, version?: number): Promise<void> {
  const done = (await db()).transaction(["outbox", "photos"], "readwrite");
  const outbox = done.objectStore("outbox");
  if (item.id !== undefined) await outbox.delete(item.id);
  for (const id of item.photos) await done.objectStore("photos").delete(id);
  if (item.kind === "move" && version !== undefined) {
    const next = (await outbox.getAll()).find((one) => follows(one, item));
    if (next?.kind === "move" && next.version === null) await outbox.put({ ...next, version });
  }
  await done.done;
}

/** A later move of the same case by the same account. */
export const follows = (one: WaitingItem, item: WaitingMove): boolean =>
  one.kind === "move" && one.case_no === item.case_no && one.account === item.account && (one.id ?? 0) > (item.id ?? 0);

/** Gives it up, and of a move those that follow it. Returns how many that were. */
export async function discard(item: WaitingItem): Promise<number> {
  const all = await waiting();
  const gone = [item, ...(item.kind === "move" ? all.filter((one) => follows(one, item)) : [])];
  for (const one of gone) await finished(one);
  return gone.length;
}

// -- where one was ----------------------------------------------------------------------------------------------------

/** More than a day of walking is not kept: the oldest go. */
const MOST_POINTS = 3_000;

export function keepPoint(point: TrackPoint): Promise<void> {
  return writing(async (to) => {
    const done = to.transaction("track", "readwrite");
    await done.store.add(point);
    for (let over = (await done.store.count()) - MOST_POINTS, at = await done.store.openCursor(); over > 0 && at; over--, at = await at.continue()) {
      await at.delete();
    }
    await done.done;
  });
}
export const track = async (account: string, most: number): Promise<TrackPoint[]> =>
  (await (await db()).getAll("track")).filter((one) => one.account === account).slice(0, most);
export async function dropPoints(points: TrackPoint[]): Promise<void> {
  const done = (await db()).transaction("track", "readwrite");
  for (const { id } of points) if (id !== undefined) await done.store.delete(id);
  await done.done;
}
