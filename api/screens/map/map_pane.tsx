// Binds the signals to the map: style and overlays follow them, clicks and keys act on them.
import { computed, effect, signal } from "@preact/signals";
import type { Map as MapLibreMap, StyleSpecification } from "maplibre-gl";
import { useEffect, useRef } from "preact/hooks";
import { language, named, words } from "../shared/i18n";
import { listen } from "../shared/live";
import { LiveTiles, renewSources } from "../shared/live_tiles";
import { makeMap, metresPerPixel } from "../shared/map_view";
import { catalogueId, composed } from "../shared/style";
import type { Bbox, City } from "../shared/types";
import { theme } from "../shared/theme";
import { drawCases, drawPlace, overlays } from "./overlays";
import {
  addCase, askAt, asked, cases, city, dropCase, me, pane, place, readCases, readLayers, refusedStyles, sent, shown, style, switched,
} from "./state";

let theMap: MapLibreMap | null = null;

/** A click is as exact as the hand that made it: about five pixels at the scale it was made in, 3 m at the least. */
function clickAccuracy(map: MapLibreMap): number {
  return Math.min(500, Math.max(3, Math.round(5 * metresPerPixel(map))));
}

export function askAtCentre(): void {
  if (!theMap) return;
  const { lng, lat } = theMap.getCenter();
  askAt({ lon: round(lng), lat: round(lat), accuracy_m: clickAccuracy(theMap), from: "map" });
}

export function showOnMap(lon: number, lat: number): void {
  const zoom = Math.max(theMap?.getZoom() ?? 0, 15.5);
  theMap?.easeTo({ center: [lon, lat], zoom, essential: false });
}

/** Seven decimals are a centimetre; more would only pretend. */
const round = (degrees: number): number => Math.round(degrees * 1e7) / 1e7;

const CASES_LAYER = "cases";
/** From here on what has a height is drawn upright. */
const UPRIGHT_DEGREES = 12;
const RENEWED_TOGETHER_MS = 150;
const LOOKED_AGAIN_MS = 60_000;

/** Below this width the panels are sheets; map.css has the same numbers. */
const NARROW = 900;
const HEAD_REM = 3.5;
const TABS_REM = 4.25;
const rem = (): number => Number.parseFloat(getComputedStyle(document.documentElement).fontSize);

/** The panels cover parts of the map: its middle is the middle of what is left. */
function padding(): { left: number; right: number; top: number; bottom: number } {
  if (innerWidth < NARROW) return { left: 0, right: 0, top: HEAD_REM * rem(), bottom: TABS_REM * rem() };
  return { left: 21 * rem(), right: 24 * rem(), top: 0, bottom: 0 };
}

/**
 * How much nearer to come than "the whole city is in sight": a wide city on a tall screen would be a thin strip, so its
 * middle fills most of the free space, and at most one zoom level of its ends is left outside.
 */
function fillingZoom(map: MapLibreMap, [west, south, east, north]: Bbox): number {
  const { left, right, top, bottom } = padding();
  const a = map.project([west, south]);
  const b = map.project([east, north]);
  const wide = (innerWidth - left - right) / Math.abs(b.x - a.x);
  const high = (innerHeight - top - bottom) / Math.abs(b.y - a.y);
  return Math.min(1, Math.max(0, 0.8 * Math.log2(Math.max(wide, high))));
}

/** The law of open data, and honesty: whose ground this is, and whether there is such a city. */
const creditOf = ({ attribution, sample }: City): string =>
  [attribution, sample && (sample.made_up ? "样例数据 / sample data" : "样例业务数据 / sample records")].filter(Boolean).join(" · ");

export function MapPane() {
  const container = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const firstStyle = style.peek();
    const firstCity = city.peek();
    if (!container.current || !firstStyle || !firstCity) return;
    const pitched = signal(false);
    const look = (server: StyleSpecification) =>
      composed(server, {
        language: language.value, shown, pitched: pitched.value, broken: refusedStyles.value, overlays: overlays.composed(theme.value !== "day"),
      });
    // Read before the map is made, which writes its own view there.
    const cameWithView = location.hash.includes("map=");
    let drawn = look(firstStyle);
    const map = makeMap(container.current, drawn, firstCity.bbox, creditOf(firstCity));
    theMap = map;
    overlays.attach(map);
    // For the browser's console, and for the tests that ask what is really drawn.
    Object.assign(window, { gisops: { map } });
    map.setPadding(padding());
    if (!cameWithView) {
      map.fitBounds(firstCity.bbox, { animate: false, padding: 24 });
      map.jumpTo({ zoom: map.getZoom() + fillingZoom(map, firstCity.bbox) });
    }
    const resized = (): void => {
      map.setPadding(padding());
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

    map.on("click", (event) => {
      const { lng, lat } = event.lngLat;
      askAt({ lon: round(lng), lat: round(lat), accuracy_m: clickAccuracy(map), from: "map" });
    });
    const canvas = map.getCanvas();
    canvas.style.cursor = "crosshair";
    canvas.addEventListener("keydown", (event) => {
      if (event.key === "Enter") askAtCentre();
    });

    let firstRun = true;
    const still = matchMedia("(prefers-reduced-motion: reduce)");
    let calm: number | undefined;
    const redrawCases = (): void => {
      const left = drawCases(map, cases.value, (each) => named(each.category));
      window.clearTimeout(calm);
      if (left > 0) calm = window.setTimeout(redrawCases, left + 50);
    };

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
      // Style, language, theme and switches: one composed style, of which MapLibre applies only what differs.
      effect(() => {
        void switched.value;
        const server = style.value;
        const next = server && look(server);
        canvas.setAttribute("aria-label", words.value.mapLabel);
        if (next && !firstRun) map.setStyle((drawn = next), { diff: true });
        firstRun = false;
      }),
      effect(() => {
        // Once the report is in, its pulsing case stands where the question's point stood.
        const at = sent.value.status === "answered" ? null : place.value;
        drawPlace(at, asked.value.status === "answered" ? asked.value.located : null);
      }),
      effect(redrawCases),
      effect(() => {
        const box = bbox.value;
        if (!me.value || !box) return;
        void readCases();
        // The overlay shows a case at once; the tiles of the cases layer follow, where it is and where it was.
        const tiles = new LiveTiles(map, CASES_LAYER);
        const listed = (caseNo: string) => cases.peek().find((one) => one.case_no === caseNo);
        const touch = (at: { lon: number; lat: number } | undefined): void => {
          if (at) tiles.changedAt(at.lon, at.lat);
        };
        const stop = listen(JSON.parse(box) as Bbox, {
          onCase: (event) => {
            const before = listed(event.case_no);
            if (before && (before.lon !== event.lon || before.lat !== event.lat)) touch(before);
            addCase({ ...event, mine: false, seen: Date.now() });
            touch(event);
          },
          onGone: (caseNo) => {
            const before = listed(caseNo);
            dropCase(caseNo);
            if (before) touch(before);
            else tiles.changedSomewhere();
          },
          onLayer: (change) => {
            if (change.version) changed.add(change.id);
            if (!change.version || !city.peek()?.layers.some((layer) => layer.id === change.id)) anew = true;
            renewal ??= window.setTimeout(() => void renew(), RENEWED_TOGETHER_MS);
          },
          onResync: () => {
            void readCases(true);
            void readLayers();
            tiles.changedSomewhere();
          },
        });
        return () => {
          tiles.stop();
          stop();
        };
      }),
      // Whoever is not signed in has no stream: the layers are looked at again now and then, and when he comes back.
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
      // On a phone the asked point is brought to the middle of what the sheet leaves free.
      effect(() => {
        const at = place.value;
        if (!at || innerWidth >= NARROW || (pane.value !== "ask" && pane.value !== "report")) return;
        const free = (HEAD_REM * rem() + innerHeight - TABS_REM * rem() - Math.min(0.62 * innerHeight, 34 * rem())) / 2;
        const { top, bottom } = padding();
        const offset: [number, number] = [0, free - (top + innerHeight - bottom) / 2];
        map.easeTo({ center: [at.lon, at.lat], offset, duration: still.matches ? 0 : 300 });
      }),
    ];
    return () => {
      for (const stop of stops) stop();
      window.clearTimeout(calm);
      window.clearTimeout(renewal);
      window.removeEventListener("resize", resized);
      map.remove();
      theMap = null;
    };
  }, []);

  return <div id="map" class="map" ref={container} />;
}
