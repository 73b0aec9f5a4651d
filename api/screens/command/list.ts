// The cases behind a number, page by page.
import { effect, signal } from "@preact/signals";
import { NoAnswer, Refused } from "../shared/client";
import type { Problem } from "../shared/types";
import { afterOf, calls, type CaseSummary, type DeskCase } from "./calls";
import { marked, openNumber, type OpenNumber } from "./state";

export type Part = "counted" | "rest";
export interface Listed {
  rows: (CaseSummary | DeskCase)[];
  /** Where the next page goes on; null at the end. */
  after: string | null;
  reading: boolean;
  problem: Problem | null;
}

const PAGE = 50;
const EMPTY: Listed = { rows: [], after: null, reading: false, problem: null };
export const part = signal<Part>("counted");
export const listed = signal<Listed>(EMPTY);
let turn = 0;

/** A page, and where the next one goes on. What is open and what is late is listed as the desk has it, with its clocks. */
async function page(number: OpenNumber, of: Part, after: string | null): Promise<[(CaseSummary | DeskCase)[], string | null]> {
  if (number.code === "open" || number.code === "overdue") {
    const told = await (number.code === "open" ? calls.open(null, PAGE, after) : calls.overdue(PAGE, after));
    // What is late stands before what soon will be, and only that is what the number counts.
    const rows = number.code === "open" ? told.cases : told.cases.filter((one) => one.clock.light === "red");
    return [rows, rows.length < told.cases.length ? null : afterOf(told.next)];
  }
  const { cases, next } = await calls.behind(number.code, number.query, of, after);
  if (cases.length === 0) return [[], null];
  const found = new Map((await calls.byNumber(cases)).cases.map((one) => [one.case_no, one]));
  return [cases.flatMap((case_no) => found.get(case_no) ?? []), next];
}

export async function readOn(): Promise<void> {
  const number = openNumber.peek();
  const before = listed.peek();
  if (!number || before.reading) return;
  const mine = turn;
  listed.value = { ...before, reading: true, problem: null };
  try {
    const [rows, after] = await page(number, part.peek(), before.after);
    if (mine === turn) listed.value = { rows: [...before.rows, ...rows], after, reading: false, problem: null };
  } catch (error) {
    if (mine !== turn) return;
    const lost: Problem = { type: "about:blank", status: 0, code: "no_answer", title: "" };
    if (!(error instanceof Refused || error instanceof NoAnswer)) throw error;
    listed.value = { ...before, reading: false, problem: error instanceof Refused ? error.problem : lost };
  }
}

function begin(): void {
  turn += 1;
  listed.value = EMPTY;
  if (openNumber.peek()) void readOn();
}

effect(() => {
  void openNumber.value;
  part.value = "counted";
  begin();
});
export function showPart(wanted: Part): void {
  part.value = wanted;
  begin();
}

effect(() => {
  marked.value = listed.value.rows.map(({ case_no, lon, lat }) => ({ case_no, lon, lat }));
});
