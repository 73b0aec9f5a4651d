// Numbers that are read again and again. A number that could not be read anew stays, and says since when; one that this role may
// not read is hidden. Everything is read every minute, and what follows the cases also when something happened, not oftener
// than every five seconds.
import { effect, type Signal, signal, untracked } from "@preact/signals";
import { readCity } from "../shared/catalog";
import { NoAnswer, Refused } from "../shared/client";
import { cases } from "../shared/live_cases";
import { me } from "../shared/session";

export interface Figure<T> {
  value: T | null;
  /** When it was last read (ms). */
  at: number;
  /** The last try to read it failed. */
  failing: boolean;
  /** This role may not read it. */
  refused: boolean;
}

export interface Reading<T> {
  figure: Signal<Figure<T>>;
  read: () => Promise<void>;
  /** How long it is good for (ms). */
  every: number;
  /** It follows the cases. */
  lively: boolean;
}

const EVERY_MS = 60_000;
const LIVELY_MS = 5_000;
const NOTHING = { value: null, at: 0, failing: false, refused: false };
const readings: Reading<unknown>[] = [];

export function reading<T>(ask: () => Promise<T>, { every = EVERY_MS, lively = false } = {}): Reading<T> {
  const figure = signal<Figure<T>>(NOTHING);
  let turn = 0;
  const read = async (): Promise<void> => {
    const mine = (turn += 1);
    try {
      const value = await ask();
      if (mine === turn) figure.value = { value, at: Date.now(), failing: false, refused: false };
    } catch (error) {
      if (mine !== turn) return;
      if (error instanceof Refused && error.problem.status === 403) figure.value = { ...NOTHING, refused: true };
      else if (error instanceof Refused || error instanceof NoAnswer) {
        figure.value = { ...figure.peek(), failing: true };
        // The sign-in has ended: the wall is to say so.
        if (error instanceof Refused && error.problem.status === 401) await readCity();
      } else throw error;
    }
  };
  const one = { figure, read, every, lively };
  readings.push(one as Reading<unknown>);
  return one;
}

/** Two at a time: a wall that asks everything at once would take a small server's every connection. */
async function readAll(wanted: Reading<unknown>[]): Promise<void> {
  const rest = wanted.filter((one) => !one.figure.peek().refused);
  const next = async (): Promise<void> => {
    for (let one = rest.shift(); one; one = rest.shift()) await one.read();
  };
  await Promise.all([next(), next()]);
}

/** Reads on for as long as somebody is signed in. Returns what ends it. */
export function keepReading(): () => void {
  return effect(() => {
    for (const one of readings) one.figure.value = NOTHING;
    if (!me.value) return;
    let busy = false;
    let lately = Date.now();
    let soon: number | undefined;
    const go = async (wanted: Reading<unknown>[]): Promise<void> => {
      if (busy) return;
      busy = true;
      await readAll(wanted);
      busy = false;
    };
    const lively = async (): Promise<void> => {
      soon = undefined;
      if (busy) return hear();
      lately = Date.now();
      await go(readings.filter((one) => one.lively));
    };
    const hear = (): void => {
      soon ??= window.setTimeout(() => void lively(), Math.max(300, lately + LIVELY_MS - Date.now()));
    };
    untracked(() => void go([...readings]));
    const timer = window.setInterval(() => {
      const now = Date.now();
      void go(readings.filter((one) => one.figure.peek().failing || one.figure.peek().at + one.every <= now + 1_000));
    }, 10_000);
    const unheard = cases.subscribe(() => {
      if (cases.peek().length > 0) hear();
    });
    // A network that goes is said at once, and one that comes back is used at once.
    const turned = (): void => void go([...readings]);
    window.addEventListener("offline", turned);
    window.addEventListener("online", turned);
    return () => {
      window.removeEventListener("offline", turned);
      window.removeEventListener("online", turned);
      unheard();
      window.clearInterval(timer);
      window.clearTimeout(soon);
    };
  });
}
