// What a feature is called, whatever layer it is of.
import { language } from "../../shared/i18n";
import type { Found } from "./calls";

const text = (value: unknown): string => (typeof value === "string" ? value.trim() : "");

/** Its name in the reader's language, else what it is, else its key. */
export function nameOf({ id, properties }: Pick<Found, "id" | "properties">): string {
  const both = (stem: string): string =>
    (language.value === "en" && text(properties[`${stem}_en`])) || text(properties[`${stem}_zh`]);
  return both("name") || text(properties.name) || both("title") || both("category") || both("post") || both("kind") || String(id);
}

/** How many of each name there are, the most first. */
export function grouped(found: Found[]): [name: string, count: number][] {
  const counts = new Map<string, number>();
  for (const each of found) counts.set(nameOf(each), (counts.get(nameOf(each)) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}

export const listed = (names: string[]): string => names.join(language.value === "en" ? ", " : "、");
