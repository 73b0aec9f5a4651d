// What the wall is looking at. Panels set it, the map follows, and the other way round.
import { signal } from "@preact/signals";

export interface Place {
  lon: number;
  lat: number;
}

/** Where the map is to go; it is taken back once the map is on its way. */
export const goTo = signal<(Place & { zoom?: number }) | null>(null);

/** The point that was clicked: the card says who is responsible, what is here, what happened here. */
export const asked = signal<(Place & { accuracy_m: number }) | null>(null);

/** The area that was drawn: the card says who and what is inside. */
export const area = signal<GeoJSON.Polygon | null>(null);

/** The case whose card is open. */
export const openCase = signal<string | null>(null);
/** Where it is, as soon as that is known. */
export const casePlace = signal<Place | null>(null);

/** The number whose cases are listed: an indicator, and for which part of the city or of the day. */
export interface OpenNumber {
  code: string;
  title: string;
  query: Record<string, string>;
}
export const openNumber = signal<OpenNumber | null>(null);

/** What the open list holds, for the map to point out. */
export interface Marked extends Place {
  case_no: string;
}
export const marked = signal<Marked[]>([]);

/** The tour goes from place to place by itself until somebody touches the wall. */
export const touring = signal(false);

// -- one card at a time: what was asked for last stands over what was asked before --------------------------------------

export function openList(number: OpenNumber): void {
  openCase.value = null;
  const open = openNumber.peek();
  // Pressed again it closes. Where a number's time ends moves on by itself, so it is known by its title.
  openNumber.value = open?.code === number.code && open.title === number.title ? null : number;
}

/** Shows a case on its card and on the map. */
export function showCase(case_no: string, at?: Place): void {
  openCase.value = case_no;
  casePlace.value = at ? { lon: at.lon, lat: at.lat } : null;
  if (at) goTo.value = { lon: at.lon, lat: at.lat, zoom: 16 };
}
