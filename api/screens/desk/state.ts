// What the page shows beside list and case.
import { batch, effect, signal } from "@preact/signals";
import { readCity } from "../shared/catalog";
import { me } from "../shared/session";
import { cancel, lastDone } from "./act_state";
import { close, open, opened } from "./case_state";
import { chosenState, counts, listRead, readInbox, rows, selected } from "./inbox_state";
import { readApprovals, waiting } from "./approvals_state";

export const tab = signal<"inbox" | "approvals">("inbox");
export const helping = signal(false);
/** The form for a call stands where the case was. */
export const calling = signal(false);
/** Below the width of three columns the map stands over the case, or not at all. */
export const mapShown = signal(true);

export const GRANTING = new Set(["dispatcher", "shift_leader", "leader", "acceptor"]);

export function switchTab(to: "inbox" | "approvals"): void {
  if (to === "approvals" && !GRANTING.has(me.peek()?.role ?? "")) return;
  tab.value = to;
  if (to === "approvals") void readApprovals();
}

export function startCall(): void {
  cancel();
  calling.value = true;
}

export function goBack(): void {
  const before = lastDone.peek()?.case_no;
  if (before) void openCase(before);
}

export function openCase(case_no: string): Promise<void> {
  cancel();
  calling.value = false;
  return open(case_no);
}

export async function begin(): Promise<void> {
  await readCity();
}

// Another reader has another list.
effect(() => {
  const who = me.value?.login;
  batch(() => {
    rows.value = [];
    counts.value = [];
    waiting.value = [];
    chosenState.value = null;
    selected.value = null;
    listRead.value = false;
    lastDone.value = null;
    tab.value = "inbox";
    close();
  });
  if (!who) return;
  const asked = new URLSearchParams(location.search).get("case");
  if (asked) void open(asked);
  void readInbox().then(() => {
    const first = rows.peek()[0]?.case_no;
    // Only what is in sight; nothing is done by that.
    if (first && !opened.peek() && innerWidth >= 900) void open(first);
  });
  if (GRANTING.has(me.peek()?.role ?? "")) void readApprovals();
});
