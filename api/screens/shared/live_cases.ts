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

const newest = (all: ListedCase[]): ListedCase[] => all.sort((a, b) => b.at.localeCompare(a.at)).slice(0, LISTED);

export const listed = (caseNo: string): ListedCase | undefined => cases.peek().find((one) => one.case_no === caseNo);

export function addCase(one: ListedCase): void {
  const before = listed(one.case_no);
  const rest = cases.peek().filter((other) => other.case_no !== one.case_no);
  // A case keeps the moment it was first seen, so that its later events do not make it pulse again.
  const merged = before ? { ...one, mine: before.mine || one.mine, seen: before.seen } : one;
  cases.value = newest([merged, ...rest]);
}

export function dropCase(caseNo: string): void {
  cases.value = cases.peek().filter((one) => one.case_no !== caseNo);
}

/** What was there before this page listened (or while it could not); `anew`: and what is not there any more goes. */
export async function readCases(anew = false): Promise<void> {
  const began = Date.now();
  try {
    const answer = await api.latestCases(LISTED);
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
