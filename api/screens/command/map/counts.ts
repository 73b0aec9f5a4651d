// How many there are of each layer, for the legend: read while it is open, and again now and then.
import { computed, effect, signal } from "@preact/signals";
import { city } from "../../shared/catalog";
import { fill } from "../../shared/i18n";
import { me } from "../../shared/session";
import { countOf } from "./calls";
import { number } from "./time";
import { own } from "./words";

export const layersOpen = signal(false);

/** A number, and whether it is but about so many: of people one may not see, squares are summed. */
const counts = signal<Record<string, { count: number; about: boolean }>>({});

export const counted = computed(() => (id: string): string | undefined => {
  const known = counts.value[id];
  return known && (known.about ? fill(own.value.about, { n: number(known.count) }) : number(known.count));
});

const AGAIN_MS = 60_000;
const allowed = computed(() => (city.value?.layers ?? []).filter((layer) => layer.allowed).map((layer) => layer.id).join(","));

effect(() => {
  void me.value;
  const ids = allowed.value;
  if (!layersOpen.value || ids === "") return;
  let over = false;
  // One after the other: a legend is no reason to keep a server busy.
  const read = async (): Promise<void> => {
    for (const id of ids.split(",")) {
      if (over) return;
      try {
        const { count, fewest } = await countOf(id);
        counts.value = { ...counts.peek(), [id]: { count, about: fewest !== null } };
      } catch {
        // No number is better than a wrong one; the layer itself stands in the list.
      }
    }
  };
  void read();
  const again = window.setInterval(() => void read(), AGAIN_MS);
  return () => {
    over = true;
    window.clearInterval(again);
  };
});
