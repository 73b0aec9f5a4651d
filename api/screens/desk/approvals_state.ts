// What was asked for and is this reader's to grant.
import { signal } from "@preact/signals";
import { NoAnswer, Refused } from "../shared/api";
import type { Problem } from "../shared/types";
import { calls, type Waiting } from "./calls";
import { opened, reread } from "./case_state";
import { readInbox } from "./inbox_state";
import { learn } from "./names";

export const waiting = signal<Waiting[]>([]);
export const declining = signal<string | null>(null);
export const declineText = signal("");
export const deciding = signal(false);
export const approvalProblem = signal<{ key: string; problem: Problem | "unknown" } | null>(null);

export const keyOf = (one: Waiting): string => `${one.case_no}/${one.number}`;

export async function readApprovals(): Promise<void> {
  try {
    const told = await calls.approvals();
    learn(told.approvals.map((one) => one.organisation));
    waiting.value = told.approvals;
  } catch {
    // What stands there stays.
  }
}

export async function decide(one: Waiting, granted: boolean): Promise<void> {
  if (deciding.peek()) return;
  deciding.value = true;
  approvalProblem.value = null;
  try {
    const reason = granted ? "" : declineText.peek().trim();
    await calls.decide(one.case_no, one.number, { granted, expected_version: one.version, reason });
    declining.value = null;
    declineText.value = "";
  } catch (error) {
    // A request that was decided is no longer in the list, so a lost answer shows itself in the next reading of it.
    if (error instanceof Refused) approvalProblem.value = { key: keyOf(one), problem: error.problem };
    else if (error instanceof NoAnswer) approvalProblem.value = { key: keyOf(one), problem: "unknown" };
    else throw error;
  } finally {
    deciding.value = false;
    await readApprovals();
    void readInbox();
    if (opened.peek() === one.case_no) void reread().catch(() => undefined);
  }
}
