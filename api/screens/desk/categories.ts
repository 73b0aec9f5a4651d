// What can be reported, as the one who sits here may choose of it.
import { effect, signal } from "@preact/signals";
import { api } from "../shared/api";
import { me } from "../shared/session";
import type { Category } from "../shared/types";

export const categories = signal<Category[]>([]);

effect(() => {
  if (!me.value) return;
  api.categories().then(
    (list) => (categories.value = list.categories),
    () => undefined, // the fields that need them say so
  );
});
