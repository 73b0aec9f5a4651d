// The photographs of the draft: made smaller, kept on this device until the report is there, and sent as soon as they are
// chosen, so that the last tap has little left to do. A photograph is known by its bytes: sent twice it is the same.
import { signal } from "@preact/signals";
import { openDB } from "idb";
import { NoAnswer, Refused } from "../shared/client";
import { NotAPicture, sendPhoto, shrunk } from "../shared/photo";
import type { Problem } from "../shared/types";
import { newUid } from "../shared/uid";
import { change, draft } from "./draft";

export const MOST_PHOTOS = 9;

export interface Photo {
  id: string;
  url: string | null;
  state: "reading" | "sending" | "sent" | "waiting" | "refused";
  sha256?: string;
  problem?: Problem | "unreadable";
}

interface Kept {
  blob: Blob;
  sha256?: string;
}

export const photos = signal<Photo[]>([]);
const blobs = new Map<string, Blob>();

const base = openDB("gisops-report", 1, { upgrade: (db) => void db.createObjectStore("photos") });
// Private windows forbid it: then a reload costs the photographs, and nothing else.
const quietly = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
  try {
    return await work();
  } catch {
    return undefined;
  }
};
const keep = (id: string, one: Kept) => quietly(async () => (await base).put("photos", one, id));

const set = (id: string, changes: Partial<Photo>): void => {
  photos.value = photos.peek().map((one) => (one.id === id ? { ...one, ...changes } : one));
};
const here = (id: string): boolean => photos.peek().some((one) => one.id === id);

export async function addPhotos(files: Iterable<File>): Promise<void> {
  const taken = [...files].slice(0, MOST_PHOTOS - photos.peek().length).map((file) => ({ file, id: newUid() }));
  photos.value = [...photos.peek(), ...taken.map(({ id }): Photo => ({ id, url: null, state: "reading" }))];
  for (const { file, id } of taken) {
    try {
      const blob = await shrunk(file);
      if (!here(id)) continue;
      blobs.set(id, blob);
      await keep(id, { blob });
      change({ photos: [...draft.peek().photos, id] });
      set(id, { url: URL.createObjectURL(blob), state: "waiting" });
    } catch (error) {
      if (!(error instanceof NotAPicture)) throw error;
      set(id, { state: "refused", problem: "unreadable" });
    }
  }
  await sendPhotos().catch(() => undefined);
}

export function removePhoto(id: string): void {
  const one = photos.peek().find((photo) => photo.id === id);
  if (one?.url) URL.revokeObjectURL(one.url);
  photos.value = photos.peek().filter((photo) => photo.id !== id);
  change({ photos: draft.peek().photos.filter((known) => known !== id) });
  blobs.delete(id);
  void quietly(async () => (await base).delete("photos", id));
}

/** After a reload: what was chosen before is there again. */
export async function restorePhotos(): Promise<void> {
  const found: Photo[] = [];
  for (const id of draft.peek().photos) {
    const one = (await quietly(async () => (await base).get("photos", id))) as Kept | undefined;
    if (!one) continue;
    blobs.set(id, one.blob);
    found.push({ id, url: URL.createObjectURL(one.blob), ...(one.sha256 ? { state: "sent", sha256: one.sha256 } : { state: "waiting" }) });
  }
  photos.value = [...found, ...photos.peek()];
  change({ photos: found.map((one) => one.id) });
  void sendPhotos().catch(() => undefined);
}

window.addEventListener("online", () => void sendPhotos().catch(() => undefined));

export function forgetPhotos(): void {
  for (const one of photos.peek()) if (one.url) URL.revokeObjectURL(one.url);
  photos.value = [];
  blobs.clear();
  void quietly(async () => (await base).clear("photos"));
}

let sending: Promise<void> | null = null;

/** Sends what is not sent yet, one after the other. Throws NoAnswer where the network fails; what is refused says so itself. */
export function sendPhotos(): Promise<void> {
  sending ??= sendAll().finally(() => {
    sending = null;
  });
  return sending;
}

async function sendAll(): Promise<void> {
  for (;;) {
    const next = photos.peek().find((one) => one.state === "waiting" && blobs.has(one.id));
    const blob = next && blobs.get(next.id);
    if (!next || !blob) return;
    set(next.id, { state: "sending" });
    try {
      const sha256 = await sendPhoto(blob);
      if (here(next.id)) await keep(next.id, { blob, sha256 });
      set(next.id, { state: "sent", sha256 });
    } catch (error) {
      if (error instanceof Refused) {
        set(next.id, { state: "refused", problem: error.problem });
        continue;
      }
      set(next.id, { state: "waiting" });
      throw error instanceof NoAnswer ? error : new NoAnswer(String(error));
    }
  }
}
