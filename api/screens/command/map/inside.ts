// What a drawn area holds: everybody and everything, layer by layer, as much of each as is the reader's to see.
import { computed, effect, signal } from "@preact/signals";
import { NoAnswer, Refused } from "../../shared/api";
import { city } from "../../shared/catalog";
import type { CityLayer } from "../../shared/types";
import { area } from "../state";
import { type Found, foundInside } from "./calls";

export interface Inside {
  layer: string;
  status: "asking" | "answered" | "failed";
  found: Found[];
  /** There were more than one answer holds. */
  more: boolean;
  /** What the server said where it refused. */
  detail: string;
}
export const inside = signal<Inside[]>([]);

/** What decides comes first: people and events, then things, then areas; the others as the catalogue has them. */
const FIRST = ["cases", "officers", "vehicles", "buildings", "places", "flood_control", "cameras", "sensors", "fixtures", "zones", "grid_cells"];
/** A street's outline is no thing in an area, and a camera's view is there with its camera. */
const NO_THINGS = ["admin_areas", "camera_views"];
const AT_ONCE = 3;

const asks = computed(() =>
  (city.value?.layers ?? []).filter((layer) => layer.allowed && !NO_THINGS.includes(layer.id))
    .map((layer) => layer.id)
    .sort((a, b) => place(a) - place(b))
    .join(","));
const place = (id: string): number => (FIRST.includes(id) ? FIRST.indexOf(id) : FIRST.length);

/** Layers that are there but not the reader's: what they hold is not counted, and that is said. */
export const closed = computed<CityLayer[]>(() => (city.value?.layers ?? []).filter((layer) => !layer.allowed));

function told(layer: string, answer: Partial<Inside>): void {
  inside.value = inside.peek().map((each) => (each.layer === layer ? { ...each, ...answer } : each));
}

export const again = signal(0);

effect(() => {
  void again.value;
  const geometry = area.value;
  const ids = asks.value === "" ? [] : asks.value.split(",");
  if (!geometry || ids.length === 0) {
    inside.value = [];
    return;
  }
  const control = new AbortController();
  inside.value = ids.map((layer) => ({ layer, status: "asking", found: [], more: false, detail: "" }));
  const waiting = [...ids];
  const next = async (): Promise<void> => {
    for (let layer = waiting.shift(); layer !== undefined && !control.signal.aborted; layer = waiting.shift()) {
      try {
        const { features, more } = await foundInside(layer, geometry, control.signal);
        if (!control.signal.aborted) told(layer, { status: "answered", found: features, more });
      } catch (error) {
        if (control.signal.aborted) return;
        if (!(error instanceof Refused || error instanceof NoAnswer)) throw error;
        told(layer, { status: "failed", detail: error instanceof Refused ? error.problem.detail ?? error.problem.code : "" });
      }
    }
  };
  for (let n = 0; n < AT_ONCE; n += 1) void next();
  return () => control.abort();
});

const numberOf = (value: unknown): number => (typeof value === "number" ? value : 0);

/** Those who live in the buildings that touch the area, where the reader is told how many live in a building. */
export const residents = computed<{ people: number; households: number; more: boolean } | null>(() => {
  const buildings = inside.value.find((each) => each.layer === "buildings" && each.status === "answered");
  if (!buildings || !buildings.found.some((each) => typeof each.properties.residents === "number")) return null;
  return {
    people: buildings.found.reduce((sum, each) => sum + numberOf(each.properties.residents), 0),
    households: buildings.found.reduce((sum, each) => sum + numberOf(each.properties.households), 0),
    more: buildings.more,
  };
});

/** Square metres of a ring on the sphere. */
export const areaM2 = computed(() => {
  const ring = area.value?.coordinates[0] ?? [];
  const radians = (degrees: number): number => (degrees * Math.PI) / 180;
  let sum = 0;
  for (let n = 0; n + 1 < ring.length; n += 1) {
    const [a, b] = [ring[n]!, ring[n + 1]!];
    sum += radians(b[0]! - a[0]!) * (2 + Math.sin(radians(a[1]!)) + Math.sin(radians(b[1]!)));
  }
  return Math.abs((sum * 6_371_007 ** 2) / 2);
});
