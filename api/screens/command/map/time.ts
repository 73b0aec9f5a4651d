// Moments by the city's clock: a wall may hang anywhere.
import { language, timeZone } from "../../shared/i18n";

const zoned = (): Intl.DateTimeFormatOptions => (timeZone.value ? { timeZone: timeZone.value } : {});

export const when = (at: number): string =>
  new Intl.DateTimeFormat(language.value, { month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...zoned() }).format(at);

export const hourAndMinute = (at: number): string =>
  new Intl.DateTimeFormat(language.value, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...zoned() }).format(at);

/** An hour of the clock, which may be counted from before midnight. */
export const hourOfDay = (hour: number): string => `${String(((hour % 24) + 24) % 24).padStart(2, "0")}:00`;

export const number = (value: number): string => new Intl.NumberFormat(language.value).format(value);
