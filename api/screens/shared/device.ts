// What this device keeps of an account, and how it goes when somebody signs out, from whichever face he does it. Without a
// network the server hears of the sign-out later: until then nothing is asked with the cookie that is still there.
import { api, NoAnswer } from "./api";
import { forgetAccount } from "./outbox";
import { remember, remembered } from "./remember";
import { tell } from "./tabs";

const LEAVING = "leaving";
/** Storage may be forbidden; then this page at least remembers. */
let pending: string | null = remembered(LEAVING);

/** The account whose sign-out the server has not heard of, by its login. */
export const leaving = (): string | null => remembered(LEAVING) ?? pending;

export function beginLeaving(login: string): void {
  pending = login;
  remember(LEAVING, login);
}
export function stayed(): void {
  pending = null;
  remember(LEAVING, null);
}

/** Says a sign-out to the server that is not said yet. False where no answer came. */
export async function finishLeaving(): Promise<boolean> {
  const login = leaving();
  if (!login) return true;
  try {
    // Of this account alone: whoever signed in meanwhile stays signed in.
    await api.signOut(login);
  } catch (error) {
    if (error instanceof NoAnswer) return false;
  }
  if (leaving() === login) stayed();
  return true;
}

/** Tasks, zones, cases, forms that were not handed in and the way walked: all but what waits in the outbox. */
export async function forgetDevice(tells = true): Promise<void> {
  if (tells) tell("left");
  await forgetAccount().catch(() => undefined);
  if ("caches" in window) {
    const names = await caches.keys().catch(() => []);
    await Promise.all(names.filter((name) => name.startsWith("officer-seen")).map((name) => caches.delete(name).catch(() => false)));
  }
}
