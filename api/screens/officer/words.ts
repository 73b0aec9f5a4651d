import { fill, metres, spoken } from "../shared/i18n";
import { bearing, distance } from "./inside";
import { en } from "./messages/en";
import { zhCN } from "./messages/zh-CN";

export const own = spoken({ "zh-CN": zhCN, en });

export const far = (m: number): string => (m < 1000 ? metres(m) : fill(own.value.kilometres, { n: (m / 1000).toFixed(m < 10_000 ? 1 : 0) }));

/** Nearer than any phone knows where it is, so that no way leads there. */
const HERE_M = 5;

/** How far and which way. */
export function away(from: { lon: number; lat: number }, to: { lon: number; lat: number }): string {
  if (distance(from, to) < HERE_M) return own.value.rightHere;
  const d = own.value.directions[Math.round(bearing(from, to) / 45) % 8]!;
  return fill(own.value.away, { m: far(distance(from, to)), d });
}

export const megabytes = (bytes: number): string => (bytes < 1_000_000 ? `${Math.max(1, Math.round(bytes / 1000))} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`);

/** How long that is, in its largest two units. */
export function lasting(seconds: number): string {
  const text = own.value;
  const minutes = Math.max(1, Math.round(Math.abs(seconds) / 60));
  const parts: [number, string][] = [[Math.floor(minutes / 1440), text.days], [Math.floor((minutes % 1440) / 60), text.hours], [minutes % 60, text.minutes]];
  const from = parts.findIndex(([n]) => n > 0);
  return parts.slice(from, from + (from === 0 && parts[0]![0] > 9 ? 1 : 2)).filter(([n]) => n > 0).map(([n, word]) => fill(word, { n })).join(text.joiner);
}
