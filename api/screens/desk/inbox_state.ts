// The list on the left: what there is to do for the role that sits here, in the server's order, and how it stays still.
import { computed, effect, signal } from "@preact/signals";
import { me } from "../shared/session";
import { calls, type DeskCase, type Inbox } from "./calls";
import { learn } from "./names";

/** In these a role's own step waits. In its other states it may do something too, but nothing waits for it. */
const WORK: Record<string, readonly string[]> = {
  acceptor: ["reported", "handled"],
  shift_leader: ["accepted", "to_close"],
  dispatcher: ["filed", "returned"],
  admin: ["filed", "returned"],
  supervisor: ["verifying", "checking"],
  coordinator: ["disputed"],
};
const PAGE = 50;
const MOST = 1_000;

export const counts = signal<Inbox["counts"]>([]);
/** One state alone; null: everything in which the role's own step waits. */
export const chosenState = signal<string | null>(null);
export const rows = signal<DeskCase[]>([]);
/** Where there are more than are shown. */
export const hasMore = signal(false);
/** What came while the pointer was on the list: shown when it leaves, so that nothing moves under it. */
const waiting = signal<DeskCase[] | null>(null);
export const hovering = signal(false);
export const listFailed = signal(false);
/** Read once at least. */
export const listRead = signal(false);
export const selected = signal<string | null>(null);
/** The moment by which what is left was counted (ms), and the moment it is now. */
export const readAt = signal(Date.now());
export const now = signal(Date.now());
window.setInterval(() => (now.value = Date.now()), 10_000);

export const workStates = computed<string[]>(() => {
  const own = WORK[me.value?.role ?? ""];
  const all = counts.value.map((one) => one.state as string);
  return own ? all.filter((state) => own.includes(state)) : all;
});
/** How many wait for the role's own step; and whether that is only a bound. */
export const toDo = computed(() => {
  const mine = counts.value.filter((one) => workStates.value.includes(one.state));
  return { n: mine.reduce((sum, one) => sum + one.count, 0), more: mine.some((one) => one.more) };
});

let limit = PAGE;
let reading = false;
let again = false;

/** Asks anew; whoever asks while an answer is awaited is served by one more question. */
export async function readInbox(): Promise<void> {
  if (!me.peek()) return;
  if (reading) {
    again = true;
    return;
  }
  reading = true;
  try {
    do {
      again = false;
      const own = WORK[me.peek()?.role ?? ""];
      const states = chosenState.peek() ? [chosenState.peek() as string] : (own ?? []);
      const [found, all] = await Promise.all([calls.inbox(states, limit), calls.inbox([], 1)]);
      counts.value = all.counts;
      learn(found.cases.map((one) => one.organisation));
      hasMore.value = found.next !== null && limit < MOST;
      readAt.value = now.value = Date.now();
      show(found.cases);
      listFailed.value = false;
      listRead.value = true;
    } while (again);
  } catch {
    // What stands there stays; the next change, or the reader, asks again.
    listFailed.value = true;
  } finally {
    reading = false;
  }
}

function show(fresh: DeskCase[]): void {
  const shown = rows.peek();
  const moved = fresh.length !== shown.length || fresh.some((one, index) => one.case_no !== shown[index]?.case_no);
  if (!hovering.peek() || !moved || shown.length === 0) {
    rows.value = fresh;
    waiting.value = null;
  } else {
    const by = new Map(fresh.map((one) => [one.case_no, one]));
    rows.value = shown.map((one) => by.get(one.case_no) ?? one);
    waiting.value = fresh;
  }
  // What is chosen stays chosen, also where it is not in the list (any more).
  selected.value ??= rows.peek()[0]?.case_no ?? null;
}

/** How many differ between what is shown and what is known. */
export const heldBack = computed(() => {
  if (!waiting.value) return 0;
  const shown = new Set(rows.value.map((one) => one.case_no));
  const fresh = new Set(waiting.value.map((one) => one.case_no));
  return Math.max(1, [...fresh].filter((no) => !shown.has(no)).length + [...shown].filter((no) => !fresh.has(no)).length);
});

effect(() => {
  if (!hovering.value && waiting.value) {
    rows.value = waiting.value;
    waiting.value = null;
  }
});

export function chooseState(state: string | null): void {
  chosenState.value = state;
  limit = PAGE;
  rows.value = [];
  waiting.value = null;
  selected.value = null;
  listRead.value = false;
  void readInbox();
}

export function showMore(): void {
  limit = Math.min(MOST, limit * 2);
  void readInbox();
}

export function move(step: number): void {
  const list = rows.peek();
  if (list.length === 0) return;
  const at = list.findIndex((one) => one.case_no === selected.peek());
  const to = at < 0 ? 0 : Math.min(list.length - 1, Math.max(0, at + step));
  selected.value = list[to]?.case_no ?? null;
}

/** Takes a case that was dealt with out of the list at once, and says which one stood behind it. */
export function takeOut(case_no: string): string | null {
  const list = rows.peek();
  const at = list.findIndex((one) => one.case_no === case_no);
  const rest = list.filter((one) => one.case_no !== case_no);
  rows.value = rest;
  if (waiting.peek()) waiting.value = waiting.peek()!.filter((one) => one.case_no !== case_no);
  return (rest[Math.max(0, at)] ?? rest.at(-1))?.case_no ?? null;
}
