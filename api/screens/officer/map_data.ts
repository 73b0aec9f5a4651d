// City and style for the map: asked for, or as the service worker saw them last. Who is signed in is another question.
import type { StyleSpecification } from "maplibre-gl";
import { api } from "../shared/api";
import { city, style } from "../shared/catalog";
import { theme } from "../shared/theme";
import type { City } from "../shared/types";

export async function readMap(): Promise<void> {
  const [theCity, theStyle] = await Promise.all([city.peek() ?? api.city(), style.peek() ?? api.style(theme.peek())]);
  city.value ??= theCity as City;
  style.value ??= theStyle as StyleSpecification;
}
