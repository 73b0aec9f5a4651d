// The city's map, bound to what the screen knows: its look follows style, language, theme and switches; what the live
// stream says of layers and cases reaches its tiles. A screen adds its overlays and what a click means.
import { computed, effect, signal } from "@preact/signals";
import type { Map as MapLibreMap, StyleSpecification } from "maplibre-gl";
import { city, readLayers, refusedStyles, shown, style, switched } from "./catalog";
import { language, words } from "./i18n";
import { inspect } from "./inspect";
import { listen } from "./live";
import { LiveTiles, renewSources } from "./live_tiles";
import { makeMap, type Overlays } from "./map_view";
import { me } from "./session";
import { catalogueId, composed } from "./style";
import { theme } from "./theme";
import type { Bbox, City, LiveCase } from "./types";

export interface Padding {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export interface CityMapOptions {
  overlays: Overlays;
  /** What the panels cover, in pixels: the map's middle is the middle of what is left. */
  padding: () => Padding;
  /** Which layers this screen shows; the reader's switches unless it has its own mind. */
  shows?: (id: string) => boolean;
  /** Is what is in sight written behind the # of the address? Not where something else stands there. */
  inAddress?: boolean;
  /** From how far aside a reader who came with no view of his own looks at first, degrees. */
  pitch?: number;
}

/** From here on what has a height is drawn upright. */
const UPRIGHT_DEGREES = 12;
const RENEWED_TOGETHER_MS = 150;
const LOOKED_AGAIN_MS = 60_000;
const CASES_LAYER = "cases";

/** The root size of a desk's screen: the sizes of a style are meant for it. */
const DESK_PX = 15;
const largerNow = (): number => Math.max(1, Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / DESK_PX);

/** The law of open data, and honesty: whose ground this is, and whether there is such a city. */
const creditOf = ({ attribution, sample }: City): string =>
  [attribution, sample && (sample.made_up ? "样例数据 / sample data" : "样例业务数据 / sample records")].filter(Boolean).join(" · ");

/**
 * How much nearer to come than "the whole city is in sight": a wide city on a tall screen would be a thin strip, so its
 * middle fills most of the free space, and at most one zoom level of its ends is left outside.
 */
function fillingZoom(map: MapLibreMap, [west, south, east, north]: Bbox, { left, right, top, bottom }: Padding): number {
  const a = map.project([west, south]);
  const b = map.project([east, north]);
  const wide = (innerWidth - left - right) / Math.abs(b.x - a.x);
  const high = (innerHeight - top - bottom) / Math.abs(b.y - a.y);
  return Math.min(1, Math.max(0, 0.8 * Math.log2(Math.max(wide, high))));
}

/** Call once city and style are there. `stop` takes the map away again. */
export function cityMap(container: HTMLElement, options: CityMapOptions): { map: MapLibreMap; stop: () => void } {
  const firstStyle = style.peek();
  const firstCity = city.peek();
  if (!firstStyle || !firstCity) throw new Error("the map was asked for before the city was read");
  const { overlays, padding, shows = shown, inAddress = true, pitch = 0 } = options;
  // Read before the map is made, which writes its own view there.
  const cameWithView = inAddress && location.hash.includes("map=");
  const pitched = signal(!cameWithView && pitch > UPRIGHT_DEGREES);
  const larger = signal(largerNow());
  const look = (server: StyleSpecification): StyleSpecification =>
    composed(server, {
      language: language.value, larger: larger.value, shown: shows, pitched: pitched.value, broken: refusedStyles.value, overlays: overlays.composed(theme.value !== "day"),
    });
  let drawn = look(firstStyle);
  const map = makeMap(container, drawn, firstCity.bbox, creditOf(firstCity), inAddress);
  overlays.attach(map);
  inspect({ map });
  map.setPadding(padding());
  if (!cameWithView) {
    map.fitBounds(firstCity.bbox, { animate: false, padding: 24 });
    map.jumpTo({ zoom: map.getZoom() + fillingZoom(map, firstCity.bbox, padding()), pitch });
  }
  const resized = (): void => {
    map.setPadding(padding());
    larger.value = largerNow();
  };
  window.addEventListener("resize", resized);
  map.on("pitchend", () => {
    pitched.value = map.getPitch() > UPRIGHT_DEGREES;
  });
  // MapLibre draws nothing at all of a style with one mistake in it: the layer that made it is left out.
  map.on("error", ({ error }) => {
    const number = /^layers\[(\d+)\]/.exec(error.message)?.[1];
    const wrong = number && drawn.layers[Number(number)];
    const id = wrong ? catalogueId(wrong) : null;
    // Everything else is said where MapLibre itself would say it.
    if (id === null) console.error(error);
    else if (!refusedStyles.peek().has(id)) refusedStyles.value = new Set([...refusedStyles.peek(), id]);
  });

  let firstRun = true;
  // Style, language, theme and switches: one composed style, of which MapLibre applies only what differs.
  const restyled = effect(() => {
    void switched.value;
    const server = style.value;
    const next = server && look(server);
    map.getCanvas().setAttribute("aria-label", words.value.mapLabel);
    if (next && !firstRun) map.setStyle((drawn = next), { diff: true });
    firstRun = false;
  });
  return {
    map,
    stop: () => {
      restyled();
      window.removeEventListener("resize", resized);
      map.remove();
    },
  };
}

export interface CasesListener {
  /** Where the case was when it was last heard of, if it was. */
  before: (caseNo: string) => { lon: number; lat: number } | undefined;
  onCase: (event: LiveCase) => void;
  onGone: (caseNo: string) => void;
  /** The stream has begun (`anew` false), or nobody knows what was missed (true): read the present state. */
  read: (anew: boolean) => void;
}

/**
 * Follows what happens, for as long as somebody is signed in: the listener hears of cases, the map's tiles are asked for
 * again where something changed, and layers are read anew where they did. Whoever is not signed in has no stream: his
 * layers are looked at again now and then, and when he comes back. Returns what stops it.
 */
export function follow(map: MapLibreMap, listener: CasesListener): () => void {
  // As text: a city read anew, because a layer came or went, is in the same place.
  const bbox = computed(() => city.value && JSON.stringify(city.value.bbox));
  // A load changes several layers: one look for all of them.
  const changed = new Set<string>();
  let anew = false;
  let renewal: number | undefined;
  const renew = async (): Promise<void> => {
    renewal = undefined;
    const renewed = new Set(changed);
    const look = anew;
    changed.clear();
    anew = false;
    if (look) await readLayers();
    renewSources(map, renewed);
  };

  const stops = [
    effect(() => {
      const box = bbox.value;
      if (!me.value || !box) return;
      listener.read(false);
      // An overlay shows a case at once; the tiles of the cases layer follow, where it is and where it was.
      const tiles = new LiveTiles(map, CASES_LAYER);
      const touch = (at: { lon: number; lat: number } | undefined): void => {
        if (at) tiles.changedAt(at.lon, at.lat);
      };
      const stop = listen(JSON.parse(box) as Bbox, {
        onCase: (event) => {
          const before = listener.before(event.case_no);
          if (before && (before.lon !== event.lon || before.lat !== event.lat)) touch(before);
          listener.onCase(event);
          touch(event);
        },
        onGone: (caseNo) => {
          const before = listener.before(caseNo);
          listener.onGone(caseNo);
          if (before) touch(before);
          else tiles.changedSomewhere();
        },
        onLayer: (change) => {
          if (change.version) changed.add(change.id);
          if (!change.version || !city.peek()?.layers.some((layer) => layer.id === change.id)) anew = true;
          renewal ??= window.setTimeout(() => void renew(), RENEWED_TOGETHER_MS);
        },
        onResync: () => {
          listener.read(true);
          void readLayers();
          tiles.changedSomewhere();
        },
      });
      return () => {
        tiles.stop();
        stop();
      };
    }),
    effect(() => {
      if (me.value) return;
      const look = (): void => {
        if (document.visibilityState === "visible") void readLayers();
      };
      const timer = window.setInterval(look, LOOKED_AGAIN_MS);
      document.addEventListener("visibilitychange", look);
      return () => {
        window.clearInterval(timer);
        document.removeEventListener("visibilitychange", look);
      };
    }),
  ];
  return () => {
    for (const stop of stops) stop();
    window.clearTimeout(renewal);
  };
}
