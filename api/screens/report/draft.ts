// What is being written: kept on this device from the first tap on, so that a reload, a call or an empty battery costs nothing.
import { computed, effect, signal } from "@preact/signals";
import { api } from "../shared/api";
import { named } from "../shared/i18n";
import { remember, remembered } from "../shared/remember";
import type { Category } from "../shared/types";
import { newUid } from "../shared/uid";
import type { Told } from "./calls";

export interface Place {
  /** Where the map shows it, WGS-84: for what was said in another system, where the server put it. */
  shown: { lon: number; lat: number };
  told: Told;
  from: "device" | "map" | "search" | "pasted";
  name?: string;
  captured_at?: string;
}

export interface Joins {
  word: string;
  until: string;
  /** What the reader saw when he chose it. */
  code: string;
  distance_m: number;
}

export interface Draft {
  /** The report's number, made before anything is sent; it never changes while nobody knows whether the server has it. */
  uid: string;
  category: string;
  place: Place | null;
  text: string;
  /** Its photographs, by the names they have on this device. */
  photos: string[];
  joins: Joins | null;
  /** To be sent as soon as that is possible. */
  wanted: boolean;
}

export const LONGEST_TEXT = 2_000;

const fresh = (): Draft => ({ uid: newUid(), category: "", place: null, text: "", photos: [], joins: null, wanted: false });

function kept(): Draft {
  try {
    const known = JSON.parse(remembered("report.draft") ?? "null") as Draft | null;
    return known && typeof known.uid === "string" ? { ...fresh(), ...known } : fresh();
  } catch {
    return fresh();
  }
}

export const draft = signal<Draft>(kept());
effect(() => remember("report.draft", JSON.stringify(draft.value)));

export const change = (changes: Partial<Draft>): void => {
  draft.value = { ...draft.peek(), ...changes };
};
export const startAnew = (): void => {
  draft.value = fresh();
};
export const isEmpty = computed(() => !draft.value.category && !draft.value.text && draft.value.photos.length === 0);

// -- what can be reported -------------------------------------------------------------------------------------------

export const categories = signal<Category[]>([]);
export const categoriesFailed = signal(false);

export async function readCategories(): Promise<void> {
  try {
    categories.value = (await api.categories()).categories;
    categoriesFailed.value = false;
  } catch {
    categoriesFailed.value = categories.peek().length === 0;
  }
}

export const category = computed(() => categories.value.find((one) => one.code === draft.value.category) ?? null);
export const categoryName = computed(() => (category.value ? named(category.value) : draft.value.category));

/** What citizens report most in any city, in this order; of a city that has other kinds, its first ones. */
const COMMON = ["E01-10", "E01-13", "P01-37", "E05-06", "E04-09", "E04-10", "P01-02", "E04-06", "E01-36", "E03-01"];
const TILES = 8;
export const common = computed(() => {
  const known = COMMON.map((code) => categories.value.find((one) => one.code === code)).filter((one) => one !== undefined);
  return [...known, ...categories.value.filter((one) => !known.includes(one))].slice(0, TILES);
});
