// Turns the server's style into the one this page draws: adds the reader's language, the layer switches, and this page's
// own overlays. The server's document is never changed in place.
import type { LayerSpecification, StyleSpecification } from "maplibre-gl";
import { MAP_FONT } from "./fonts";
import type { Language } from "./i18n";

/** A legend entry a layer's style may carry in `metadata["gisops:legend"]`. */
export interface LegendEntry {
  zh: string;
  en: string;
  colour: string;
  edge?: string;
  shape?: "fill" | "line" | "circle";
  dashed?: boolean;
  glyph?: string;
  /** The outline of the map's own icon, as SVG path data on a plane of 24 by 24. */
  path?: string;
}

type Metadata = Record<string, unknown> | undefined;

/** The catalogue layer a style layer belongs to; null for the background and this page's overlays. */
export const catalogueId = (layer: LayerSpecification): string | null => {
  const id = (layer.metadata as Metadata)?.["gisops:layer"];
  return typeof id === "string" ? id : null;
};

/** An overlay that lies under the server's points and labels, so that these can be read over it. */
const lies = (layer: LayerSpecification): boolean => (layer.metadata as Metadata)?.["gisops:under"] === true;
const above = (layer: LayerSpecification): boolean => ["points", "labels"].includes(String((layer.metadata as Metadata)?.["gisops:level"]));

/** What has a height is drawn upright only where the map is looked at from the side. */
const uprightOnly = (layer: LayerSpecification): boolean => (layer.metadata as Metadata)?.["gisops:pitched"] === true;

/** Layers whose own style the server could not compose. */
export const brokenIn = (style: StyleSpecification): string[] => ((style.metadata as Metadata)?.["gisops:broken"] as string[] | undefined) ?? [];

export const shownByDefault = (style: StyleSpecification, id: string): boolean =>
  style.layers.some((layer) => catalogueId(layer) === id && layer.layout?.visibility !== "none");

type Json = string | number | boolean | null | undefined | Json[] | { [key: string]: Json };

/** Read loosely: the specification's types know each layer type apart, this code treats them alike. */
interface Loose {
  type: string;
  layout?: Record<string, Json>;
  paint?: Record<string, Json>;
}

const walk = (value: Json, change: (value: Json) => Json): Json => {
  const changed = change(value);
  if (changed !== value) return changed;
  if (Array.isArray(value)) return value.map((item) => walk(item, change));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item, change)]));
  }
  return value;
};

/** Labels ask for name_zh; an English reader gets name_en first and the Chinese one where it is missing. */
const inEnglish = (value: Json): Json => {
  if (Array.isArray(value) && value[0] === "get" && typeof value[1] === "string" && value[1].endsWith("_zh")) {
    return ["coalesce", ["get", value[1].replace(/_zh$/, "_en")], value];
  }
  return value;
};

/** A size so many times as large, be it a number, an expression or stops: a zoom must stay on the outside of an expression. */
function times(value: Json, factor: number): Json {
  if (typeof value === "number") return Math.round(value * factor * 100) / 100;
  if (Array.isArray(value)) {
    const [kind] = value;
    if (kind === "interpolate") return value.map((each, n) => (n > 3 && n % 2 === 0 ? times(each, factor) : each));
    if (kind === "step") return value.map((each, n) => (n > 1 && n % 2 === 0 ? times(each, factor) : each));
    return ["*", factor, value];
  }
  if (value && typeof value === "object" && Array.isArray(value.stops)) {
    return { ...value, stops: value.stops.map((stop) => (Array.isArray(stop) ? [stop[0], times(stop[1], factor)] : stop)) };
  }
  return value;
}

/** What MapLibre takes where a style says nothing. */
const TEXT_SIZE = 16;

/** Text grows with the screen as the panels' does; signs and dots by half as much, or they would hide the ground. */
function enlarged(layer: Loose, larger: number): Loose {
  const half = 1 + (larger - 1) / 2;
  const grown = (part: Record<string, Json> | undefined, name: string, factor: number, otherwise?: Json): Record<string, Json> => {
    const size = part?.[name] ?? otherwise;
    return size === undefined ? { ...part } : { ...part, [name]: times(size, factor) };
  };
  if (layer.type === "symbol") {
    const layout = layer.layout?.["text-field"] === undefined ? { ...layer.layout } : grown(layer.layout, "text-size", larger, TEXT_SIZE);
    return { ...layer, layout: layout["icon-image"] === undefined ? layout : grown(layout, "icon-size", half, 1), paint: grown(layer.paint, "text-halo-width", half) };
  }
  if (layer.type !== "circle") return layer;
  return { ...layer, paint: grown(grown(layer.paint, "circle-radius", half), "circle-stroke-width", half) };
}

export interface Look {
  language: Language;
  /** How many times as large the screen's text is as a desk's. */
  larger: number;
  /** Is this catalogue layer switched on? */
  shown: (id: string) => boolean;
  /** Layers with a style MapLibre refuses: one of them would take the whole map down. */
  broken: ReadonlySet<string>;
  pitched: boolean;
  overlays: Pick<StyleSpecification, "sources" | "layers">;
}

export function composed(server: StyleSpecification, look: Look): StyleSpecification {
  const layers = server.layers.filter((each) => !look.broken.has(catalogueId(each) ?? "")).map((original) => {
    const id = catalogueId(original);
    const copy = structuredClone(original) as unknown as Loose;
    const layer = look.larger > 1 ? enlarged(copy, look.larger) : copy;
    if (id !== null) layer.layout = { ...layer.layout, visibility: look.shown(id) && (look.pitched || !uprightOnly(original)) ? "visible" : "none" };
    if (layer.type === "symbol" && layer.layout) {
      layer.layout["text-font"] ??= [MAP_FONT];
      if (look.language === "en") layer.layout["text-field"] = walk(layer.layout["text-field"] ?? "", inEnglish);
    }
    return layer as unknown as LayerSpecification;
  });
  const own = look.overlays.layers.map((each) => (look.larger > 1 ? enlarged(each as unknown as Loose, look.larger) : each) as LayerSpecification);
  const under = own.filter(lies);
  const first = layers.findIndex(above);
  layers.splice(first < 0 ? layers.length : first, 0, ...under);
  const { glyphs: _never, ...rest } = server;
  return {
    ...rest,
    sources: { ...server.sources, ...look.overlays.sources },
    layers: [...layers, ...own.filter((each) => !lies(each))],
  } as StyleSpecification;
}

/** What the legend says about a layer: the style's own entries, else a swatch read from its first painted layer. */
export function legendOf(style: StyleSpecification, id: string): LegendEntry[] {
  const own = style.layers.filter((layer) => catalogueId(layer) === id);
  const declared = own.flatMap(
    (layer) => ((layer.metadata as Record<string, unknown>)["gisops:legend"] as LegendEntry[] | undefined) ?? [],
  );
  if (declared.length > 0) return declared;
  for (const type of ["circle", "fill", "line", "fill-extrusion"] as const) {
    for (const layer of own) {
      if (layer.type !== type) continue;
      const paint = (layer.paint ?? {}) as Record<string, Json>;
      const colour = firstColour(paint[`${type}-color`]);
      if (!colour) continue;
      const entry: LegendEntry = { zh: "", en: "", colour, shape: type === "fill-extrusion" ? "fill" : type };
      const edge = firstColour(paint["fill-outline-color"]) ?? firstColour(paint["circle-stroke-color"]);
      if (edge) entry.edge = edge;
      if (paint["line-dasharray"]) entry.dashed = true;
      return [entry];
    }
  }
  return [];
}

const COLOUR = /^(#|rgba?\(|hsla?\()/;

function firstColour(value: Json): string | undefined {
  if (typeof value === "string") return COLOUR.test(value) ? value : undefined;
  if (Array.isArray(value)) {
    for (const item of value) {
      const found = firstColour(item);
      if (found) return found;
    }
  }
  return undefined;
}
