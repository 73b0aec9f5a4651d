// How much time is left, in as few words as it can be said: 还剩 12 分, 超时 3 时.
import { dayAndTime, fill } from "../shared/i18n";
import type { DeskCase } from "./calls";
import { now, readAt } from "./inbox_state";
import { own } from "./words";

export function span(seconds: number): string {
  const minutes = Math.floor(Math.abs(seconds) / 60);
  const text = own.value;
  if (minutes < 60) return fill(text.minutes, { n: minutes });
  const hours = Math.floor(minutes / 60);
  if (hours < 6) return minutes % 60 ? fill(text.hoursMinutes, { h: hours, m: minutes % 60 }) : fill(text.hours, { n: hours });
  if (hours < 48) return fill(text.hours, { n: hours });
  return fill(text.days, { n: Math.floor(hours / 24) });
}

export interface Left {
  words: string;
  light: "good" | "warn" | "bad" | "none";
  /** The moment itself, for whoever wants to know it. */
  title: string;
}

export function left(clock: DeskCase["clock"]): Left {
  const text = own.value;
  const title = clock.deadline ? dayAndTime(clock.deadline) : "";
  if (clock.left_s === null) return { words: clock.deadline ? text.paused : text.noClock, light: "none", title };
  const seconds = clock.left_s - (now.value - readAt.value) / 1000;
  const light = seconds < 0 ? "bad" : clock.light === "yellow" ? "warn" : "good";
  return { words: fill(seconds < 0 ? text.over : text.left, { t: span(seconds) }), light, title };
}
