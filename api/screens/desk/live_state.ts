// What the stream says: the list is read anew, and the open case too unless a form stands open over it.
import type { LiveCase } from "../shared/types";
import { busy, form } from "./act_state";
import { opened, outOfDate, page, reread } from "./case_state";
import { readInbox, rows } from "./inbox_state";

/** A burst of events is one question. */
const TOGETHER_MS = 250;
let timer: number | undefined;

function soon(): void {
  timer ??= window.setTimeout(() => {
    timer = undefined;
    void readInbox();
  }, TOGETHER_MS);
}

export function onCase(event: LiveCase): void {
  soon();
  if (event.case_no !== opened.peek() || busy.peek() || page.peek()?.state === event.state) return;
  if (form.peek()) outOfDate.value = true;
  else void reread().catch(() => undefined);
}

export function onGone(): void {
  soon();
}

/** Nobody knows what was missed: list and case are read anew. */
export function caughtUp(anew: boolean): void {
  soon();
  if (anew && opened.peek() && !busy.peek() && !form.peek()) void reread().catch(() => undefined);
}

export const whereWas = (case_no: string): { lon: number; lat: number } | undefined => {
  const open = page.peek();
  return open?.case_no === case_no ? open : rows.peek().find((one) => one.case_no === case_no);
};
