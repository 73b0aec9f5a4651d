// Doing something with a case: the form that is open, what was sent, and what became of it. A move is sent once; where no
// answer came, the case is asked what happened, and nothing is sent again before that is known.
import { batch, computed, signal } from "@preact/signals";
import { NoAnswer, Refused } from "../shared/api";
import { me } from "../shared/session";
import type { Problem } from "../shared/types";
import { actsOf, KINDS, mainOf, REASONS, TAKEN_BACK } from "./acts";
import { calls, type Action, type CasePage, type Entry, type HandbookEntry, type MoveBody } from "./calls";
import { candidates, close, compared, duplicates, open, opened, outOfDate, page, reread, settled, show } from "./case_state";
import { readInbox, selected, takeOut } from "./inbox_state";
import { fill, named } from "../shared/i18n";
import { own } from "./words";

export interface Form {
  case_no: string;
  action: Action;
  /** The case as it was when this was begun: what the act is decided on. */
  version: number;
}
export interface Sent {
  case_no: string;
  action: Action;
  version: number;
}
export type Doing =
  | { status: "idle" }
  | { status: "sending"; sent: Sent }
  | { status: "refused"; sent: Sent; problem: Problem }
  /** Somebody was faster: the entry that says who and what, and the case as it is now stands on the page. */
  | { status: "conflict"; sent: Sent; entry: Entry | null; wrote: boolean }
  | { status: "checking"; sent: Sent; stuck: boolean }
  | { status: "not_done"; sent: Sent };

export const form = signal<Form | null>(null);
export const doing = signal<Doing>({ status: "idle" });
/** What was typed and chosen. It outlives a refusal. */
export const text = signal("");
export const reason = signal<string | null>(null);
export const mark = signal(0);
export const typedCode = signal("");
export const category = signal("");
/** A form was left without what it needs. */
export const missing = signal<"why" | "reason" | null>(null);
/** What was done last, and whether another case could be opened after it. */
export const lastDone = signal<{ case_no: string; action: Action; verified: boolean; next: boolean } | null>(null);

export const busy = computed(() => doing.value.status === "sending" || doing.value.status === "checking");

/** The choices of the step that stands open: conditions of the handbook, or organisations. */
export const conditions = computed<HandbookEntry[]>(() => page.value?.handbook.conditions ?? []);
export interface Choice {
  code: string;
  name: string;
  first: boolean;
}

/** Whom it may be sent to: who the rules name first, then every other candidate once, in their order. */
export const choices = computed<Choice[]>(() => {
  const told = candidates.value;
  if (!told || told === "failed") return [];
  const { organisation, candidates: others, mode } = told.then.dispatch;
  const all = [...(mode === "desk" ? [] : [organisation]), ...others.map((one) => one.organisation)];
  const seen = new Set<string>();
  return all.flatMap((one) => {
    if (!one || seen.has(one.code)) return [];
    seen.add(one.code);
    return [{ code: one.code, name: named(one), first: seen.size === 1 }];
  });
});

/** Which act the keys go to: of the open form, else the step that the state waits for. */
export const current = computed<Action | null>(() => form.value?.action ?? (page.value ? mainOf(page.value) : null));

export function begin(action: Action): void {
  const now = page.peek();
  const kind = KINDS[action];
  if (!now || !kind || busy.peek() || !actsOf(now).includes(action)) return;
  batch(() => {
    const other = form.peek()?.action !== action || form.peek()?.case_no !== now.case_no;
    // What was typed for an act that somebody else forestalled is there for the next one.
    const kept = doing.peek().status === "conflict" && !form.peek() ? text.peek() : "";
    if (other) reset();
    if (other && kept) text.value = kept;
    form.value = { case_no: now.case_no, action, version: now.version };
    if (action === "return") reason.value = TAKEN_BACK;
    if (action === "correct") category.value = now.category.code;
    if (doing.peek().status !== "conflict") doing.value = { status: "idle" };
  });
}

function reset(): void {
  text.value = "";
  reason.value = null;
  mark.value = 0;
  typedCode.value = "";
  missing.value = null;
}

export function cancel(): void {
  if (busy.peek()) return;
  batch(() => {
    form.value = null;
    reset();
    doing.value = { status: "idle" };
  });
  if (outOfDate.peek()) void reread().catch(() => undefined);
}

/** An act by its letter: what needs no choice is done, everything else opens its form. */
export function act(action: Action): void {
  const kind = KINDS[action];
  if (!kind || !settled()) return;
  if (kind.shape === "now" || (kind.shape === "twin" && duplicates.peek().length > 0)) {
    const now = page.peek();
    if (now && !busy.peek()) void send({ case_no: now.case_no, action, version: now.version });
  } else begin(action);
}

/** Does what stands open, or the marked next step. */
export function confirm(): void {
  const now = page.peek();
  const action = current.peek();
  if (!now || !action || busy.peek() || !settled()) return;
  const kind = KINDS[action];
  if (kind?.shape === "reason" && !reason.peek()) return void (missing.value = "reason");
  if (kind?.needsWords && !text.peek().trim()) return void (missing.value = "why");
  if (kind?.shape === "twin" && !typedCode.peek().trim() && duplicates.peek().length === 0) return;
  if (kind?.shape === "organisation" && !typedCode.peek().trim() && choices.peek().length === 0) return;
  missing.value = null;
  const version = form.peek()?.version ?? now.version;
  void send({ case_no: now.case_no, action, version });
}

export function choose(index: number): void {
  const action = current.peek();
  const shape = action && KINDS[action]?.shape;
  if (shape === "reason") {
    const code = REASONS[action!]?.[index];
    if (code) batch(() => { reason.value = code; missing.value = null; });
  } else if (shape === "organisation") {
    if (index < choices.peek().length) batch(() => { mark.value = index; typedCode.value = ""; });
  } else if (shape === "condition" || shape === "closing") {
    if (index < conditions.peek().length) mark.value = index;
  } else if (index < duplicates.peek().length) compared.value = index;
}

function bodyOf(sent: Sent): MoveBody | null {
  const said = text.peek().trim();
  const body: MoveBody = { expected_version: sent.version };
  if (said) body.reason = said;
  switch (KINDS[sent.action]?.shape) {
    case "reason": return { ...body, reason_code: reason.peek() };
    case "why": return sent.action === "return" ? { ...body, reason_code: reason.peek() } : body;
    case "condition": return conditions.peek()[mark.peek()] ? { ...body, filing_condition: conditions.peek()[mark.peek()]!.seq } : body;
    case "closing": return conditions.peek()[mark.peek()] ? { ...body, closing_condition: conditions.peek()[mark.peek()]!.seq } : body;
    case "twin": return { ...body, to: typedCode.peek().trim() || duplicates.peek()[compared.peek()]?.case_no };
    case "correct": return { ...body, category: category.peek() };
    case "organisation": {
      const code = typedCode.peek().trim() || choices.peek()[mark.peek()]?.code;
      if (!code) return null;
      return { ...body, organisation: code, reason: said || dispatchWhy() };
    }
    default: return body;
  }
}

/** What the history says of a dispatch where its sender says nothing of his own. */
export function dispatchWhy(): string {
  const typed = typedCode.value.trim();
  const chosen = choices.value[mark.value];
  const first = !typed && chosen?.first;
  return fill(first ? own.value.dispatchFirst : own.value.dispatchOther, { name: typed || chosen?.name || "" });
}

async function send(sent: Sent): Promise<void> {
  const body = bodyOf(sent);
  if (!body) return;
  doing.value = { status: "sending", sent };
  try {
    if (KINDS[sent.action]?.shape === "ask") {
      await calls.ask(sent.case_no, { kind: sent.action as "void", reason: String(body.reason) });
      finished(sent, false, null);
    } else finished(sent, false, await calls.move(sent.case_no, sent.action, body));
  } catch (error) {
    if (error instanceof NoAnswer || (error instanceof Refused && error.problem.status >= 500)) await check(sent);
    else if (error instanceof Refused) await refused(sent, error.problem);
    else throw error;
  }
}

async function refused(sent: Sent, problem: Problem): Promise<void> {
  const overtaken = problem.code === "stale_version" || problem.code === "illegal_move";
  if (!overtaken) return void (doing.value = { status: "refused", sent, problem });
  const found = await reread().catch(() => null);
  // What was written is kept: the form stays where its act is still possible, and begins on what the case is now.
  batch(() => {
    const wrote = text.peek().trim() !== "";
    if (found && form.peek() && actsOf(found).includes(sent.action)) form.value = { ...form.peek()!, version: found.version };
    else form.value = null;
    doing.value = found
      ? { status: "conflict", sent, entry: newer(found, sent.version), wrote }
      : { status: "refused", sent, problem };
  });
  void readInbox();
}

/** What was done first, after the version that an act was decided on. */
const newer = (found: CasePage, version: number): Entry | null => found.history.find((entry) => entry.seq === version + 1) ?? null;

const AGAIN_MS = 3_000;

/** No answer came. The case's history says whether the move is in it: entry `version + 1`, by the role that sits here. */
export async function check(sent: Sent): Promise<void> {
  doing.value = { status: "checking", sent, stuck: false };
  for (;;) {
    try {
      const found = await calls.page(sent.case_no);
      const entry = newer(found, sent.version);
      const asked = KINDS[sent.action]?.shape === "ask";
      // A request moves nothing by itself; it stands among the case's approvals.
      if (asked && found.approvals.some((one) => one.kind === sent.action && one.state === "requested")) return finished(sent, true, found);
      if (!asked && entry && entry.action === sent.action && entry.role === me.peek()?.role) return finished(sent, true, found);
      if (opened.peek() === sent.case_no) show(found);
      doing.value = entry
        ? { status: "conflict", sent, entry, wrote: text.peek().trim() !== "" }
        : { status: "not_done", sent };
      return;
    } catch (error) {
      // A case joined with another, or sent on, may be out of one's scope by what was just done.
      if (error instanceof Refused && error.problem.status === 404) return finished(sent, true, null);
      doing.value = { status: "checking", sent, stuck: true };
      await new Promise((wake) => {
        hurry = wake;
        window.setTimeout(wake, AGAIN_MS);
      });
    }
  }
}

let hurry: ((value?: unknown) => void) | null = null;
export const checkNow = (): void => hurry?.();

/** It is done: the case leaves the list where its new state is no work of this list, and the next one is opened. */
function finished(sent: Sent, verified: boolean, after: object | null): void {
  const asked = KINDS[sent.action]?.shape === "ask";
  const next = asked ? null : takeOut(sent.case_no);
  batch(() => {
    form.value = null;
    reset();
    doing.value = { status: "idle" };
    lastDone.value = { case_no: sent.case_no, action: sent.action, verified, next: next !== null };
  });
  if (next) void open(next);
  else if (asked) void reread().catch(() => undefined);
  // The last one stays in sight, as it is now; one that is out of one's scope by what was done does not.
  else if (after && "history" in after) void open(sent.case_no);
  else {
    selected.value = null;
    close();
  }
  void readInbox();
}
