// The case in the middle: its page, what it may repeat, who it might go to, its outlines for the map.
import { batch, signal } from "@preact/signals";
import { Refused } from "../shared/api";
import { me } from "../shared/session";
import { calls, type CasePage, type CaseRow, type Duplicate, type Late, type Reroute } from "./calls";
import { selected } from "./inbox_state";
import { learn } from "./names";

export const opened = signal<string | null>(null);
export const page = signal<CasePage | null>(null);
export const failed = signal<"gone" | "unreachable" | null>(null);
export const duplicates = signal<Duplicate[]>([]);
/** Which of them is held against it. */
export const compared = signal(0);
export const candidates = signal<Reroute | "failed" | null>(null);
export const load = signal<ReadonlyMap<string, Late>>(new Map());
export const outlines = signal<{ zone: GeoJSON.Geometry | null; cell: GeoJSON.Geometry | null }>({ zone: null, cell: null });
/** Other open cases around it. */
export const near = signal<CaseRow[]>([]);
/** Somebody moved it while a form was open: it is read again when the form closes. */
export const outOfDate = signal(false);
/** The photograph that is shown large. */
export const enlarged = signal<string | null>(null);

/** Since when this page stands as it is (ms): a key that was meant for the page before must not act on this one. */
let shownAt = 0;
const SETTLES_MS = 350;
export const settled = (): boolean => performance.now() - shownAt > SETTLES_MS;

const MAY_CHOOSE = new Set(["acceptor", "dispatcher", "shift_leader"]);
let asking = 0;

export function close(): void {
  asking += 1;
  batch(() => {
    opened.value = null;
    page.value = null;
    failed.value = null;
    forget();
  });
}

function forget(): void {
  duplicates.value = [];
  compared.value = 0;
  candidates.value = null;
  outlines.value = { zone: null, cell: null };
  near.value = [];
  outOfDate.value = false;
}

export async function open(case_no: string): Promise<void> {
  const mine = ++asking;
  batch(() => {
    if (opened.peek() !== case_no) {
      page.value = null;
      forget();
    }
    opened.value = case_no;
    selected.value = case_no;
    failed.value = null;
  });
  try {
    const found = await calls.page(case_no);
    if (mine === asking) show(found);
  } catch (error) {
    if (mine !== asking) return;
    failed.value = error instanceof Refused && error.problem.status === 404 ? "gone" : "unreachable";
    if (failed.value === "gone") page.value = null;
  }
}

/** Shows a page that was read, and asks for what belongs beside it. */
export function show(found: CasePage): void {
  const before = page.peek();
  if (before?.case_no !== found.case_no || before.state !== found.state) shownAt = performance.now();
  learn([found.organisation]);
  batch(() => {
    opened.value = found.case_no;
    page.value = found;
    failed.value = null;
    outOfDate.value = false;
  });
  if (before?.case_no === found.case_no && before.version === found.version) return;
  void beside(found);
}

async function beside(found: CasePage): Promise<void> {
  const still = (): boolean => page.peek()?.case_no === found.case_no && page.peek()?.version === found.version;
  const may = (action: CasePage["allowed"][number]): boolean => found.allowed.includes(action);
  const quietly = <T,>(call: Promise<T>): Promise<T | null> => call.catch(() => null);
  const jobs: Promise<unknown>[] = [];
  if (may("link")) {
    jobs.push(quietly(calls.duplicates(found.case_no)).then((told) => {
      if (!still()) return;
      duplicates.value = told?.duplicates ?? [];
      compared.value = 0;
    }));
  } else duplicates.value = [];
  if (may("dispatch") && MAY_CHOOSE.has(me.peek()?.role ?? "")) {
    jobs.push(calls.candidates(found.case_no).then(
      (told) => {
        learn([told.then.dispatch.organisation, ...told.then.dispatch.candidates.map((one) => one.organisation)]);
        if (still()) candidates.value = told;
      },
      () => still() && (candidates.value = "failed"),
    ));
    jobs.push(quietly(calls.late()).then((told) => {
      learn((told?.groups ?? []).map((one) => ({ code: one.code, name_zh: one.name_zh ?? one.code, name_en: one.name_en })));
      load.value = new Map((told?.groups ?? []).map((one) => [one.code, one]));
    }));
  } else candidates.value = null;
  jobs.push(Promise.all([
    found.zone ? quietly(calls.outline("zones", found.zone.code)) : null,
    found.grid_cell ? quietly(calls.outline("grid_cells", found.grid_cell)) : null,
  ]).then(([zone, cell]) => {
    if (page.peek()?.case_no === found.case_no) outlines.value = { zone, cell };
  }));
  jobs.push(quietly(calls.near(found.lon, found.lat)).then((told) => {
    if (page.peek()?.case_no === found.case_no) near.value = (told ?? []).filter((one) => one.case_no !== found.case_no);
  }));
  await Promise.all(jobs);
}

/** Reads the opened case anew without letting go of what stands there. */
export async function reread(): Promise<CasePage | null> {
  const case_no = opened.peek();
  if (!case_no) return null;
  const mine = ++asking;
  const found = await calls.page(case_no);
  if (mine === asking) show(found);
  return found;
}
