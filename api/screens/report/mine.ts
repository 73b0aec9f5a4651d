// The reports that were sent from this device, by their keys: kept in this browser and nowhere else.
import { signal } from "@preact/signals";
import { remember, remembered } from "../shared/remember";
import type { Named } from "../shared/types";

export interface Mine {
  uid: string;
  category: Named;
  at: string;
  where: string;
}

const MOST_KEPT = 50;
/** A key opens its report for whoever holds this device: what is long done with is not worth that. */
const KEPT_MS = 90 * 86_400_000;

function kept(): Mine[] {
  try {
    const known = JSON.parse(remembered("report.mine") ?? "[]") as unknown;
    return Array.isArray(known) ? (known as Mine[]).filter((one) => Date.now() - Date.parse(one.at) < KEPT_MS) : [];
  } catch {
    return [];
  }
}

export const mine = signal<Mine[]>(kept());

const save = (list: Mine[]): void => {
  mine.value = list;
  remember("report.mine", list.length > 0 ? JSON.stringify(list) : null);
};
export const addMine = (one: Mine): void => save([one, ...mine.peek().filter((each) => each.uid !== one.uid)].slice(0, MOST_KEPT));
export const clearMine = (): void => save([]);
// What was dropped for its age goes from the device as well.
if (remembered("report.mine")) save(mine.peek());
