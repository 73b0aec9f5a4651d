// What is known of a point: who is responsible, what is here, what happened here. Each is asked for by itself, and none waits for another.
import { computed, effect, signal } from "@preact/signals";
import { api, NoAnswer, Refused } from "../../shared/api";
import { city } from "../../shared/catalog";
import { me } from "../../shared/session";
import type { Category, Located, Problem } from "../../shared/types";
import { asked } from "../state";
import { type Found, foundAt, happenedNear, type Happening } from "./calls";

export type Answer<T> =
  | { status: "asking" }
  | { status: "answered"; told: T }
  | { status: "refused"; problem: Problem }
  | { status: "unreachable" };

export const categories = signal<Category[]>([]);
export const category = signal("");
export const responsible = signal<Answer<Located> | null>(null);
export const under = signal<Answer<{ found: Found[]; more: boolean }> | null>(null);
export const happened = signal<Answer<{ cases: Happening[]; more: boolean }> | null>(null);

export const AROUND_M = 150;
export const BACK_DAYS = 90;
const DAY_MS = 86_400_000;
/** What is meant to lie here is some metres beside it, and as far as the hand that clicked is inexact. */
const BESIDE_M = 5;
const MOST_LAYERS = 20;
/** They say whose point it is, which the answer above says in words; cases have a list of their own. */
const TOLD_ELSEWHERE = ["cases", "admin_areas"];
const COMMON = ["E01-10", "E01-12"];

effect(() => {
  void me.value;
  if (!city.value) return;
  api.categories().then((list) => {
    categories.value = list.categories;
    if (!list.categories.some((one) => one.code === category.peek())) {
      category.value = COMMON.find((code) => list.categories.some((one) => one.code === code)) ?? list.categories[0]?.code ?? "";
    }
  }, () => undefined);
});

const failed = (error: unknown): Answer<never> => {
  if (error instanceof Refused) return { status: "refused", problem: error.problem };
  if (error instanceof NoAnswer) return { status: "unreachable" };
  throw error;
};

/** Asks for as long as the same is asked: an answer to a point that was left is thrown away. */
function asking<T>(into: { value: Answer<T> | null }, call: (signal: AbortSignal) => Promise<T>): () => void {
  const control = new AbortController();
  into.value = { status: "asking" };
  call(control.signal).then(
    (told) => { if (!control.signal.aborted) into.value = { status: "answered", told }; },
    (error: unknown) => { if (!control.signal.aborted) into.value = failed(error); },
  );
  return () => control.abort();
}

const openLayers = computed(() =>
  (city.value?.layers ?? []).filter((layer) => layer.allowed && !TOLD_ELSEWHERE.includes(layer.id)).slice(0, MOST_LAYERS)
    .map((layer) => layer.id).join(","));

/** Asking again is a new question about the same place. */
export const again = signal(0);

effect(() => {
  void again.value;
  const at = asked.value;
  const code = category.value;
  if (!at || !code) {
    responsible.value = null;
    return;
  }
  return asking(responsible, (stop) => api.locate(at.lon, at.lat, code, at.accuracy_m, stop));
});

effect(() => {
  void again.value;
  const at = asked.value;
  // By the layers as text: a city read anew that has the same ones is no new question.
  const layers = openLayers.value;
  if (!at || layers === "") {
    under.value = null;
    return;
  }
  const within = Math.min(200, at.accuracy_m + BESIDE_M);
  return asking(under, async (stop) => {
    const { features, more } = await foundAt(layers.split(","), at.lon, at.lat, within, stop);
    return { found: features, more };
  });
});

effect(() => {
  void again.value;
  const at = asked.value;
  if (!at || !me.value) {
    happened.value = null;
    return;
  }
  return asking(happened, async (stop) => {
    const { cases, more } = await happenedNear(at.lon, at.lat, AROUND_M, new Date(Date.now() - BACK_DAYS * DAY_MS), stop);
    return { cases, more };
  });
});
