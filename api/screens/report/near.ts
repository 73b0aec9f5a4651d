// What others have reported near by: asked for once place and kind are known, and asked again when either changes.
import { signal } from "@preact/signals";
import { calls, type NearReport } from "./calls";
import { change, draft } from "./draft";

export const near = signal<NearReport[]>([]);
let asked = 0;

export async function readNear(): Promise<void> {
  const { place, category } = draft.peek();
  const mine = ++asked;
  near.value = [];
  // A word is another one each time, so what was chosen of the list before is chosen again.
  if (draft.peek().joins && !draft.peek().wanted) change({ joins: null });
  if (!place || !category) return;
  try {
    const found = await calls.near(place.told, category);
    if (mine === asked) near.value = found;
  } catch {
    // It is a help and no condition: without an answer the report goes its own way, and the desk sees that it is the same.
  }
}

export function join(one: NearReport | null): void {
  change({ joins: one && { word: one.joins, until: one.valid_until, code: one.category.code, distance_m: one.distance_m } });
}
