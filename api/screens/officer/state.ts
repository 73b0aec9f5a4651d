// What the phone knows and the acts that change it. It shows what it kept at once, then asks; without an answer it stays with
// what it has and says of when that is.
import { computed, effect, signal } from "@preact/signals";
import { api, NoAnswer, Refused } from "../shared/api";
import { city } from "../shared/catalog";
import { beginLeaving, finishLeaving, forgetDevice, leaving } from "../shared/device";
import { forget, forgetBut, keep, recall, StorageFull } from "../shared/outbox";
import { me, signingIn } from "../shared/session";
import type { Category, City, Me } from "../shared/types";
import { calls, type CasePage, type HandbookEntry, type Task, type ZoneFeature } from "./calls";
import { counted, flushNow, line, sendsFor } from "./sender";
import { tell, told } from "../shared/tabs";
import { view } from "./view";

/** `ended`: what was kept is shown, and nothing can be sent before he signs in again. */
export type Contact = "asking" | "online" | "offline" | "ended";
export const contact = signal<Contact>("asking");
/** Whoever works with this phone: kept over the end of his sign-in, gone when he signs out. */
export const who = signal<Me | null>(null);
/** Said by the server to either question: for his tasks, or whose what is unsent is. */
export const ended = computed(() => contact.value === "ended" || (line.value === "ended" && who.value !== null));
export const started = signal(false);
export const tasks = signal<Task[]>([]);
export const zones = signal<ZoneFeature[]>([]);
export const categories = signal<Category[]>([]);
/** When tasks and zones were last heard of (ms); 0 never. */
export const heardAt = signal(0);
/** The device has no room for what should be kept. */
export const full = signal(false);

// -- beginning ---------------------------------------------------------------------------------------------------------

interface Kept {
  me: Me;
  tasks: Task[];
  zones: ZoneFeature[];
  at: number;
}

/** Longer than this, what nobody has heard of again is not worth keeping on a phone. */
const KEPT_MS = 7 * 86_400_000;
const tooOld = (at: number): boolean => Math.abs(Date.now() - at) > KEPT_MS;

/** Raised whenever what is shown is dropped: an answer that was asked for before is nobody's any more. */
let epoch = 0;

export async function begin(): Promise<void> {
  try {
    // What is kept has its account in its name: nothing that arrives late is shown to somebody else.
    const login = await recall<string>("login");
    const kept = login && !leaving() ? await recall<Kept>(`${login}:work`) : undefined;
    if (kept && tooOld(kept.at)) await dropKept();
    else if (kept) await show(kept);
    categories.value = (await recall<Category[]>("categories")) ?? [];
  } catch {
    // No database in a private window: the page works while there is a network.
  }
  started.value = true;
  await readAll();
}

async function show(kept: Kept): Promise<void> {
  who.value = kept.me;
  tasks.value = kept.tasks;
  zones.value = kept.zones;
  heardAt.value = kept.at;
  sendsFor(kept.me.login, () => void readAll());
  handbook.value = (await recall<Record<string, HandbookEntry[]>>(`${kept.me.login}:handbook`)) ?? {};
}

let reading: Promise<void> | null = null;
let again = false;

/** Asks who he is, for his tasks and zones. One question at a time; another one meanwhile is asked behind it. */
export function readAll(): Promise<void> {
  if (reading) {
    again = true;
    return reading;
  }
  reading = read().finally(() => {
    reading = null;
    if (again) {
      again = false;
      void readAll();
    }
  });
  return reading;
}

async function read(): Promise<void> {
  if (leaving()) {
    // Signed out, here or on another page: nothing is asked with a cookie that should be gone.
    await dropKept();
    if (!(await finishLeaving())) {
      contact.value = "offline";
      return;
    }
  }
  if (who.peek() && tooOld(heardAt.peek())) await dropKept();
  const mine = epoch;
  const over = (): boolean => mine !== epoch;
  try {
    const card = await myself();
    if (over()) return;
    if (!card) {
      me.value = null;
      contact.value = who.peek() ? "ended" : "online";
      return;
    }
    const before = who.peek();
    if (before && before.login !== card.login) {
      // All of it anew: what there is to see is another one's as well.
      await dropKept();
      again = true;
      return;
    }
    const { login } = card;
    // By name: the browser may be somebody else's between two questions.
    const [work, own] = await Promise.all([calls.tasks(login), calls.zones(login)]);
    if (over()) return;
    me.value = card;
    const kept: Kept = { me: card, tasks: work.tasks, zones: own.features as ZoneFeature[], at: Date.now() };
    who.value = card;
    tasks.value = kept.tasks;
    zones.value = kept.zones;
    heardAt.value = kept.at;
    contact.value = "online";
    if (before?.login !== login) sendsFor(login, () => void readAll());
    else if (line.peek() !== "idle" && line.peek() !== "sending") flushNow();
    await storing(async () => {
      await keep("login", login);
      await keep(`${login}:work`, kept);
      await forgetBut(`${login}:case:`, new Set(kept.tasks.map(({ case_no }) => `${login}:case:${case_no}`)));
    });
    const theCity = city.peek() ?? (await api.city());
    if (over()) return;
    city.value = theCity as City;
    await readCategories();
    if (!over()) await readHandbook(login, over);
  } catch (error) {
    if (over()) return;
    // Somebody else signed in between two questions: who it is is asked anew.
    if (error instanceof Refused && error.problem.code === "other_account") again = true;
    else if (error instanceof Refused && error.problem.status === 401) contact.value = who.peek() ? "ended" : "online";
    else if (error instanceof NoAnswer || error instanceof Refused) contact.value = "offline";
    else throw error;
  }
}

/** Whoever was never signed in here is not asked for his card, which would be a refusal in his console. */
async function myself(): Promise<Me | null> {
  if (!who.peek()) {
    const theCity = await api.city();
    city.value = theCity;
    if (!theCity.layers.some((layer) => layer.class !== "public" && layer.allowed)) return null;
  }
  try {
    return await api.me();
  } catch (error) {
    if (error instanceof Refused && error.problem.status === 401) return null;
    throw error;
  }
}

async function readCategories(): Promise<void> {
  const list = await api.categories();
  categories.value = list.categories;
  await storing(() => keep("categories", list.categories));
}

export async function storing(act: () => Promise<unknown>): Promise<boolean> {
  try {
    await act();
    full.value = false;
    return true;
  } catch (error) {
    if (error instanceof StorageFull) full.value = true;
    // Where there is no database nothing is kept, and the page says so where it matters.
    return false;
  }
}

// -- what the handbook says, and what was read of a case ---------------------------------------------------------------

export const handbook = signal<Record<string, HandbookEntry[]>>({});

/** Of the categories of his tasks, so that it can be read where there is no network. */
async function readHandbook(login: string, over: () => boolean): Promise<void> {
  const codes = [...new Set(tasks.peek().map((one) => one.category.code))].filter((code) => !handbook.peek()[code]);
  for (const code of codes.slice(0, 20)) {
    const { entries } = await calls.handbook(code);
    if (over()) return;
    handbook.value = { ...handbook.peek(), [code]: entries };
  }
  if (codes.length > 0) await storing(() => keep(`${login}:handbook`, handbook.peek()));
}

export const opened = signal<CasePage | null>(null);

/** The whole case where there is a network; what was read of it before meanwhile, and without one. */
export async function readCase(case_no: string): Promise<void> {
  if (opened.peek()?.case_no !== case_no) opened.value = null;
  const login = who.peek()?.login;
  if (!login) return;
  const mine = epoch;
  const looked = (): boolean => mine === epoch && view.peek().case_no === case_no;
  const key = `${login}:case:${case_no}`;
  const kept = await recall<CasePage>(key).catch(() => undefined);
  if (kept && looked() && !opened.peek()) opened.value = kept;
  try {
    const one = await calls.case(case_no, login);
    if (looked()) opened.value = one;
    if (mine === epoch && tasks.peek().some((task) => task.case_no === case_no)) await storing(() => keep(key, one));
  } catch (error) {
    if (!(error instanceof Refused) || error.problem.status !== 404) return;
    // His no more: what was read of it goes as well.
    if (looked()) opened.value = null;
    if (mine === epoch) await forget(key).catch(() => undefined);
  }
}
effect(() => {
  const { case_no } = view.value;
  void heardAt.value;
  if (case_no) void readCase(case_no);
});

// -- sign-in -----------------------------------------------------------------------------------------------------------

// The dialog has signed somebody in: his tasks, and what he left unsent.
let wasSigning = false;
effect(() => {
  const now = signingIn.value;
  // The server has set its cookie by the time the dialog closes; whoever closed it without signing in is nobody new.
  if (wasSigning && !now) {
    void readAll().then(() => {
      tell("account");
      flushNow();
    });
  }
  wasSigning = now;
});
told("account", () => void readAll());
told("left", () => {
  forgetShown();
  // Once more, behind whatever of this page was on its way into the device.
  void forgetDevice(false).then(() => readAll());
});

function forgetShown(): void {
  epoch += 1;
  sendsFor(null, () => undefined);
  me.value = null;
  who.value = null;
  tasks.value = [];
  zones.value = [];
  opened.value = null;
  handbook.value = {};
  heardAt.value = 0;
  history.replaceState(null, "");
  view.value = { tab: "tasks" };
}

async function dropKept(): Promise<void> {
  forgetShown();
  await forgetDevice(false);
}

/** What he saw goes at once; what he has handed in and not sent stays for him. Without a network the server hears of it when there is one. */
export async function leave(): Promise<void> {
  const login = who.peek()?.login;
  if (login) beginLeaving(login);
  forgetShown();
  await forgetDevice();
  await counted();
  contact.value = (await finishLeaving()) ? "online" : "offline";
  tell("account");
}
