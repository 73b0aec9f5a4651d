// The city and its layers, as this reader may see them: what there is, how it looks, what is switched on.
import { computed, effect, signal } from "@preact/signals";
import type { StyleSpecification } from "maplibre-gl";
import { api } from "./api";
import { beginLeaving, finishLeaving, forgetDevice, leaving, stayed } from "./device";
import { timeZone } from "./i18n";
import { remember, remembered } from "./remember";
import { me, signingIn } from "./session";
import { tell } from "./tabs";
import { brokenIn, shownByDefault } from "./style";
import { theme } from "./theme";
import type { City } from "./types";

export const city = signal<City | null>(null);
export const style = signal<StyleSpecification | null>(null);
/** Nothing could be read, so there is nothing to show. */
export const unreachable = signal(false);

// -- switches -------------------------------------------------------------------------------------------------------

/** Each screen remembers its own: what a wall shows is not what a phone shows. */
const SWITCHES = `layers${location.pathname === "/" ? "" : `.${location.pathname.slice(1)}`}`;
export const switched = signal<Record<string, boolean>>(JSON.parse(remembered(SWITCHES) ?? "{}") as Record<string, boolean>);

export function shown(id: string): boolean {
  const chosen = switched.value[id];
  return chosen ?? (style.value !== null && shownByDefault(style.value, id));
}

export function switchLayer(id: string, on: boolean): void {
  switched.value = { ...switched.value, [id]: on };
  remember(SWITCHES, JSON.stringify(switched.value));
}

/** Layers whose style MapLibre refused when it was to be drawn. */
export const refusedStyles = signal<ReadonlySet<string>>(new Set());
export const brokenStyles = computed<ReadonlySet<string>>(
  () => new Set([...refusedStyles.value, ...(style.value ? brokenIn(style.value) : [])]),
);

// -- reading --------------------------------------------------------------------------------------------------------

/** Reads the city, the style the reader may see, and who the reader is. */
export async function readCity(): Promise<void> {
  try {
    if (leaving() && !(await finishLeaving())) {
      me.value = null;
      unreachable.value = true;
      return;
    }
    const [theCity, theStyle] = await Promise.all([api.city(), api.style(theme.peek())]);
    // Asking /api/me while signed out is a 401 in the console of every visitor; the catalogue says it as well.
    const signedIn = theCity.layers.some((layer) => layer.class !== "public" && layer.allowed);
    me.value = signedIn ? await api.me() : null;
    style.value = theStyle as StyleSpecification;
    timeZone.value = theCity.timezone;
    city.value = theCity;
    unreachable.value = false;
  } catch {
    unreachable.value = true;
  }
}

/** Reads again which layers there are and how they look, and tells the screen where that is different. */
export async function readLayers(): Promise<void> {
  try {
    const [theCity, theStyle] = await Promise.all([api.city(), api.style(theme.peek())]);
    if (JSON.stringify(theCity) !== JSON.stringify(city.peek())) city.value = theCity;
    if (JSON.stringify(theStyle) === JSON.stringify(style.peek())) return;
    // Whoever mended a style deserves another try.
    refusedStyles.value = new Set();
    style.value = theStyle as StyleSpecification;
  } catch {
    // What is shown stays; the next change or the next look tells.
  }
}

async function restyle(): Promise<void> {
  try {
    style.value = (await api.style(theme.peek())) as StyleSpecification;
  } catch {
    unreachable.value = true;
  }
}

let first = true;
effect(() => {
  void theme.value;
  if (!first) void restyle();
  first = false;
});

// -- sign-in --------------------------------------------------------------------------------------------------------

export async function signIn(login: string, password: string): Promise<void> {
  await finishLeaving();
  await api.signIn(login, password);
  stayed();
  tell("account");
  signingIn.value = false;
  await readCity();
}

export async function signOut(): Promise<void> {
  const login = me.peek()?.login;
  if (login) beginLeaving(login);
  await forgetDevice();
  await readCity();
}
