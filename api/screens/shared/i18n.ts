// Words in the reader's language. Chinese is the default; the choice is remembered on this device.
import { computed, effect, signal } from "@preact/signals";
import { en } from "./messages/en";
import { zhCN, type Messages } from "./messages/zh-CN";
import { remember, remembered } from "./remember";
import type { Named, Post, Words } from "./types";

export type Language = "zh-CN" | "en";

export const language = signal<Language>(remembered("language") === "en" ? "en" : "zh-CN");
export const words = computed<Messages>(() => (language.value === "en" ? en : zhCN));

/** A screen's own words, in both languages and in the reader's. */
export const spoken = <T>(both: Record<Language, T>) => computed<T>(() => both[language.value]);

effect(() => {
  document.documentElement.lang = language.value;
  remember("language", language.value);
});

/** The name in the reader's language; Chinese where no English one is recorded. */
export const named = (thing: Named): string => (language.value === "en" && thing.name_en) || thing.name_zh;
export const titled = (thing: { title_zh: string; title_en: string }): string =>
  (language.value === "en" && thing.title_en) || thing.title_zh;
export const said = (thing: Words): string => (language.value === "en" && thing.en) || thing.zh;
export const posted = (post: Post): string => (language.value === "en" && post.post_en) || post.post_zh;

/** Fills `{name}` places of a message. */
export const fill = (message: string, values: Record<string, string | number>): string =>
  message.replace(/\{(\w+)\}/g, (whole, key: string) => String(values[key] ?? whole));

/** A word from one of the message tables, or the code itself where the table does not know it (yet). */
export const wordFor = (table: Record<string, string>, code: string): string => table[code] ?? code.replaceAll("_", " ");

/** A city's times are its own, wherever the screen stands; this device's until the city is read. */
export const timeZone = signal<string | undefined>(undefined);
const zoned = (how: Intl.DateTimeFormatOptions): Intl.DateTimeFormat =>
  new Intl.DateTimeFormat(language.value, timeZone.value ? { ...how, timeZone: timeZone.value } : how);

export const dayAndTime = (at: string): string =>
  zoned({
    month: "numeric", day: "numeric", weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  }).format(new Date(at));
export const day = (at: string): string =>
  zoned({ year: "numeric", month: "numeric", day: "numeric" }).format(new Date(at));
export const clock = (at: string | number): string =>
  zoned({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(new Date(at));
export const metres = (value: number): string =>
  fill(words.value.metres, { n: value < 10 ? value.toFixed(1).replace(/\.0$/, "") : Math.round(value) });
