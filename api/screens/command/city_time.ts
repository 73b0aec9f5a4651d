// Days and moments as the city counts them, and spans of time in words.
import { signal } from "@preact/signals";
import { fill, language, timeZone } from "../shared/i18n";
import { own } from "./words";

/** The minute that is now (ms): what says how long is left follows it. */
export const minute = signal(Date.now());
window.setInterval(() => {
  minute.value = Date.now();
}, 20_000);

export const DAY_MS = 86_400_000;

/** The city's date of a moment, 2026-11-23. */
export function dateOf(at: number): string {
  const zone = timeZone.peek();
  // Swedish writes dates as ISO 8601 does.
  return new Intl.DateTimeFormat("sv-SE", zone ? { timeZone: zone } : {}).format(at);
}

/** So many days from a date. */
export const plusDays = (date: string, days: number): string => new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);

/** The city's hour of a moment, with what of it has passed: 13.5 is half past one. */
export function hourOf(at: number): number {
  const zone = timeZone.peek();
  const how: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(zone ? { timeZone: zone } : {}) };
  const [hour = 0, minutes = 0] = new Intl.DateTimeFormat("sv-SE", how).format(at).split(":").map(Number);
  return hour + minutes / 60;
}

/** A span as somebody would say it: 2 days 3 hours, 45 minutes. */
export function span(seconds: number): string {
  const text = own.value.spans;
  const minutes = Math.floor(Math.abs(seconds) / 60);
  const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60), minutes % 60];
  if (days > 0) return fill(text.days, { d: days, h: hours });
  if (hours > 0) return fill(text.hours, { h: hours, m: rest });
  return fill(text.minutes, { m: rest });
}

/** How a deadline stands now, in words. */
export function due(deadline: string | null): { text: string; late: boolean } | null {
  if (!deadline) return null;
  const left = (Date.parse(deadline) - minute.value) / 1000;
  return { late: left < 0, text: fill(left < 0 ? own.value.overBy : own.value.left, { span: span(left) }) };
}

/** Hour and minute; with the date where it is another day. */
export function moment(at: string): string {
  const zone = timeZone.value ? { timeZone: timeZone.value } : {};
  const other = dateOf(Date.parse(at)) !== dateOf(minute.value);
  const how: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (other) Object.assign(how, { month: "numeric", day: "numeric" });
  return new Intl.DateTimeFormat(language.value, { ...how, ...zone }).format(new Date(at));
}
