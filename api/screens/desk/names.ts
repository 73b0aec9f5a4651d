// Names of organisations, learnt from whatever answer tells them: a history has their codes alone.
import { signal } from "@preact/signals";
import { named } from "../shared/i18n";
import type { CodeNamed } from "../shared/types";

const known = signal<ReadonlyMap<string, CodeNamed>>(new Map());

export function learn(told: (CodeNamed | null | undefined)[]): void {
  const fresh = told.filter((one): one is CodeNamed => Boolean(one) && !known.peek().has(one!.code));
  if (fresh.length > 0) known.value = new Map([...known.peek(), ...fresh.map((one) => [one.code, one] as const)]);
}

export const nameOf = (code: string): string => {
  const one = known.value.get(code);
  return one ? named(one) : code;
};
