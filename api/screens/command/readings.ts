// What the wall reads, each once, whoever shows it.
import { signal } from "@preact/signals";
import { calls, type Numbers } from "./calls";
import { DAY_MS, dateOf, plusDays } from "./city_time";
import { reading } from "./figures";

const TODAY = "case_count,filed_count,closings";
const LATELY = "on_time_handling_rate,handling_time";
const iso = (at: number): string => new Date(at).toISOString();

export interface Compared {
  now: Numbers;
  /** The same, of the time it is compared with. */
  before: Numbers;
}

/** Today until now, hour by hour; and the same weekday a week ago until the same time. */
export const today = reading<Compared>(async () => {
  const date = dateOf(Date.now());
  const now = await calls.numbers(TODAY, { from: date, to: plusDays(date, 1), by: "hour" });
  const before = await calls.numbers(TODAY, { from: plusDays(date, -7), to: iso(Date.parse(now.to) - 7 * DAY_MS) });
  return { now, before };
}, { lively: true });

/** So many days until now, and as many before. */
async function lately(codes: string, days: number): Promise<Compared> {
  const until = Date.now();
  const middle = until - days * DAY_MS;
  const [now, before] = await Promise.all([
    calls.numbers(codes, { from: iso(middle), to: iso(until) }), calls.numbers(codes, { from: iso(middle - days * DAY_MS), to: iso(middle) }),
  ]);
  return { now, before };
}
export const week = reading(() => lately(LATELY, 7));
export const month = reading(() => lately("satisfaction_rate", 30));

/** What is not done, and how much of it is on hold. */
export const openCount = reading(async () => {
  const [{ count }, { counts }] = await Promise.all([calls.openCount(), calls.held()]);
  const held = counts.find((one) => one.state === "suspended");
  return { count: count ?? 0, held: `${held?.count ?? 0}${held?.more ? "+" : ""}` };
}, { lively: true });
export const overdue = reading(() => calls.overdue(100, null), { lively: true });

/** What is dangerous or urgent and not done, by what runs out first. */
export const urgent = reading(async () => {
  const [danger, soon] = await Promise.all([calls.open("danger", 30, null), calls.open("urgent", 30, null)]);
  return { cases: [...danger.cases, ...soon.cases], more: danger.next !== null || soon.next !== null };
}, { lively: true });

/** A usual day: how many came in each hour of the last four weeks, today left out. */
export const USUAL_DAYS = 28;
export const usual = reading(() => {
  const date = dateOf(Date.now());
  return calls.numbers("case_count", { from: plusDays(date, -USUAL_DAYS), to: date, by: "hour" });
}, { every: 600_000 });

/** How far back the ranking of categories looks. */
export type Back = 1 | 7 | 30;
export const back = signal<Back>(7);
export const categories = reading(() => {
  const until = Date.now();
  return calls.numbers("case_count", { from: iso(until - back.peek() * DAY_MS), to: iso(until), by: "category" });
});
export function lookBack(days: Back): void {
  back.value = days;
  void categories.read();
}

export const STREET_DAYS = 30;
export const streets = reading(() => {
  const until = Date.now();
  return calls.numbers("on_time_handling_rate,case_count", { from: iso(until - STREET_DAYS * DAY_MS), to: iso(until), by: "street" });
});

/** What each number means, in the catalogue's words. */
export const meanings = reading(() => calls.meanings(), { every: 3_600_000 });
