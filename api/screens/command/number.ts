// How numbers are written.
import { language } from "../shared/i18n";
import type { Value } from "./calls";
import { own } from "./words";

export interface Written {
  number: string;
  unit: string;
}

const write = (value: number, digits: number): string =>
  new Intl.NumberFormat(language.value, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);

export const written = {
  count: (value: number): Written => ({ number: write(value, 0), unit: own.value.units.cases }),
  rate: (value: number | null): Written =>
    value === null ? { number: "–", unit: "" } : { number: write(value * 100, value === 1 || value === 0 ? 0 : 1), unit: own.value.units.percent },
  duration: (seconds: number | null): Written =>
    seconds === null ? { number: "–", unit: "" }
      : seconds < 3600 ? { number: write(seconds / 60, 0), unit: own.value.units.minutes }
      : { number: write(seconds / 3600, 1), unit: own.value.units.hours },
};

export function valueOf(form: string, value: Value | undefined): Written {
  if (!value) return { number: "–", unit: "" };
  if (form === "rate") return written.rate(value.value);
  if (form === "duration") return written.duration(value.value);
  return written.count(value.value ?? 0);
}

export const plain = ({ number, unit }: Written): string => (unit === "%" ? number + unit : [number, unit].filter(Boolean).join(" "));
export const fewOf = (value: Value | undefined): boolean => Boolean(value && "few" in value && value.few);
