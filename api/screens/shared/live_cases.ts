// The cases a screen lists and draws: what was there when it opened, and what the stream says since.
import { signal } from "@preact/signals";
import { api } from "./api";
import type { CaseRow, LiveCase } from "./types";

export interface ListedCase extends LiveCase {
  mine: boolean;
  /** When this page learnt of it (ms); 0 for what was there before. */
  seen: number;
}

export const cases = signal<ListedCase[]>([]);
const LISTED = 30;

/** A screen that is told five hundred things a second shows what is newest four times in it: more nobody can read. */
const SHOWN_EVERY_MS = 250;
const COUNTED_MS = 2_000;

const newest = (all: ListedCase[]): ListedCase[] => all.sort((a, b) => b.at.localeCompare(a.at)).slice(0, LISTED);

/** What was heard since the list was last shown, by case; null for what has gone. */
const heard = new Map<string, ListedCase | null>();
let shownAt = 0;
let showing: number | undefined;

export function listed(caseNo: string): ListedCase | undefined {
  const waiting = heard.get(caseNo);
  return waiting === undefined ? cases.peek().find((one) => one.case_no === caseNo) : waiting ?? undefined;
}

/** How many events a second come in, looked at over two seconds. */
export const flow = signal(0);
let count = 0;
let counting: number | undefined;
let counts: number[] = [];

function counted(): void {
  count += 1;
  counting ??= window.setInterval(() => {
    counts = [...counts, count].slice(-COUNTED_MS / SHOWN_EVERY_MS);
    count = 0;
    const sum = counts.reduce((all, one) => all + one, 0);
    // In whole numbers, and not oftener than once a second: a figure that flickers says nothing.
    flow.value = Math.round((sum * 1_000) / (counts.length * SHOWN_EVERY_MS));
    if (sum > 0 || counts.length < COUNTED_MS / SHOWN_EVERY_MS) return;
    window.clearInterval(counting);
    counting = undefined;
    counts = [];
  }, SHOWN_EVERY_MS);
}

function show(): void {
  showing = undefined;
  shownAt = Date.now();
  const rest = cases.peek().filter((one) => !heard.has(one.case_no));
  const news = [...heard.values()].filter((one) => one !== null);
  heard.clear();
  cases.value = newest([...news, ...rest]);
}

/** At once where it is quiet; together with what comes meanwhile where it is not. */
function soon(): void {
  const wait = shownAt + SHOWN_EVERY_MS - Date.now();
  if (wait <= 0 && showing === undefined) show();
  else showing ??= window.setTimeout(show, Math.max(0, wait));
}

export function addCase(one: ListedCase): void {
  counted();
  const before = listed(one.case_no);
  // A case keeps the moment it was first seen, so that its later events do not make it pulse again.
  heard.set(one.case_no, before ? { ...one, mine: before.mine || one.mine, seen: before.seen } : one);
  soon();
}

export function dropCase(caseNo: string): void {
  heard.set(caseNo, null);
  soon();
}

/** What was there before this page listened (or while it could not); `anew`: and what is not there any more goes. */
export async function readCases(anew = false): Promise<void> {
  const began = Date.now();
  try {
    const answer = await api.latestCases(LISTED);
    // What was heard while the answer was on its way is in the list by then.
    if (heard.size > 0) show();
    const known = new Map(cases.peek().map((one) => [one.case_no, one]));
    const rows = answer.cases.map((row: CaseRow): ListedCase => {
      const before = known.get(row.case_no);
      known.delete(row.case_no);
      return {
        case_no: row.case_no, action: before?.action ?? "", state: row.state, stage: row.stage, category: row.category,
        organisation: row.organisation, lon: row.lon, lat: row.lat, at: before?.at ?? row.reported_at,
        mine: before?.mine ?? false, seen: before?.seen ?? 0,
      };
    });
    const kept = [...known.values()].filter((one) => !anew || one.mine || one.seen >= began);
    cases.value = newest([...rows, ...kept]);
  } catch {
    // The list stays as it is; the live state says whether it is current.
  }
}
