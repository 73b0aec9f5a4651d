// What an officer does: written into the outbox first, whatever the network says, and sent from there.
import { computed, effect, signal } from "@preact/signals";
import { draftPhotos, dropPhoto, forget, keep, keepPhoto, type KeptPhoto, post, recall } from "../shared/outbox";
import { NotAPicture, shrunk } from "../shared/photo";
import type { ReportBody } from "../shared/types";
import { newUid } from "../shared/uid";
import { here } from "./position";
import { counted, flushNow, unsent } from "./sender";
import { shownTasks } from "./shown_tasks";
import { full, storing, who } from "./state";
import { tell } from "../shared/tabs";

/** What the forms hold, by form: kept as it is typed, because a phone ends pages while its camera is open. */
export const drafts = signal<Record<string, { text: string; photos: KeptPhoto[] }>>({});
const login = computed(() => who.value?.login);
effect(() => {
  void login.value;
  drafts.value = {};
});
export const draftOf = (form: string) => drafts.value[form] ?? { text: "", photos: [] };

export async function openDraft(form: string): Promise<void> {
  const account = who.peek()?.login;
  if (!account) return;
  try {
    const [text, photos] = await Promise.all([recall<string>(`${account}:draft:${form}`), draftPhotos(account, form)]);
    if (who.peek()?.login === account) drafts.value = { ...drafts.peek(), [form]: { text: text ?? draftOf(form).text, photos } };
  } catch {
    // Nothing was kept.
  }
}

export function write(form: string, text: string): void {
  drafts.value = { ...drafts.peek(), [form]: { ...draftOf(form), text } };
  const account = who.peek()?.login;
  if (account) void storing(() => keep(`${account}:draft:${form}`, text));
}

const RECENT_MS = 600_000;

/** Takes photographs into a form. Returns what is wrong, as the name of a word. */
export async function takeIn(form: string, files: FileList, phase: KeptPhoto["phase"]): Promise<"notAPicture" | "storageFull" | null> {
  const account = who.peek()?.login;
  if (!account) return null;
  const at = here.peek();
  for (const file of Array.from(files)) {
    let blob: Blob;
    try {
      blob = await shrunk(file);
    } catch (error) {
      if (error instanceof NotAPicture) return "notAPicture";
      throw error;
    }
    // The camera's file is of this moment; one from the album says itself of when it is, but not where it was taken.
    const taken = Math.min(file.lastModified || Date.now(), Date.now());
    const fresh = Date.now() - taken < RECENT_MS;
    const place = fresh && at ? { lon: at.lon, lat: at.lat, accuracy_m: at.accuracy_m } : { lon: null, lat: null, accuracy_m: null };
    if (who.peek()?.login !== account) return null;
    const photo: KeptPhoto = { id: newUid(), account, draft: form, phase, blob, captured_at: new Date(taken).toISOString(), ...place };
    if (!(await storing(() => keepPhoto(photo)))) return "storageFull";
    drafts.value = { ...drafts.peek(), [form]: { ...draftOf(form), photos: [...draftOf(form).photos, photo] } };
  }
  if (navigator.storage?.persist) void navigator.storage.persist();
  return null;
}

export async function takeOut(form: string, id: string): Promise<void> {
  await dropPhoto(id);
  drafts.value = { ...drafts.peek(), [form]: { ...draftOf(form), photos: draftOf(form).photos.filter((one) => one.id !== id) } };
}

async function handedIn(account: string, form: string): Promise<void> {
  const { [form]: _, ...rest } = drafts.peek();
  drafts.value = rest;
  await forget(`${account}:draft:${form}`).catch(() => undefined);
  await counted();
  tell("outbox");
  flushNow();
}

/** A move of a case, decided on what this phone shows of it. False where the device is full. */
export async function act(case_no: string, action: string, body: Record<string, unknown>, form = `${action}:${case_no}`): Promise<boolean> {
  const account = who.peek()?.login;
  const one = shownTasks.peek().find(({ task }) => task.case_no === case_no);
  if (!account || !one) return false;
  const photos = draftOf(form).photos.map(({ id }) => id);
  const follows = unsent.peek().mine.some((other) => other.kind === "move" && other.case_no === case_no);
  const kept = await storing(() => post({
    kind: "move", account, at: new Date().toISOString(), photos, bytes: 0, sent: false, case_no, action, body,
    state: one.state, version: follows ? null : one.task.version,
  }));
  if (kept) await handedIn(account, form);
  else full.value = true;
  return kept;
}

export async function report(body: Omit<ReportBody, "client_uid" | "channel">, name: string): Promise<boolean> {
  const account = who.peek()?.login;
  if (!account) return false;
  const photos = draftOf("report").photos.map(({ id }) => id);
  const kept = await storing(() => post({
    kind: "report", account, at: new Date().toISOString(), photos, bytes: 0, sent: false, name,
    body: { ...body, client_uid: newUid(), channel: "officer" } as ReportBody,
  }));
  if (kept) await handedIn(account, "report");
  else full.value = true;
  return kept;
}
