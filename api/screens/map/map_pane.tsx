// Binds the signals to the map: style and overlays follow them, clicks and keys act on them.
import { effect } from "@preact/signals";
import type { Map as MapLibreMap } from "maplibre-gl";
import { useEffect, useRef } from "preact/hooks";
import { drawCases } from "../shared/case_overlay";
import { city, style } from "../shared/catalog";
import { cityMap, follow, type Padding } from "../shared/city_map";
import { named } from "../shared/i18n";
import { addCase, cases, dropCase, listed, readCases } from "../shared/live_cases";
import { clicked } from "../shared/map_view";
import { drawPlace, overlays } from "./overlays";
import { askAt, asked, pane, place, sent } from "./state";

let theMap: MapLibreMap | null = null;

export function askAtCentre(): void {
  if (!theMap) return;
  askAt({ ...clicked(theMap, theMap.getCenter()), from: "map" });
}

export function showOnMap(lon: number, lat: number): void {
  const zoom = Math.max(theMap?.getZoom() ?? 0, 15.5);
  theMap?.easeTo({ center: [lon, lat], zoom, essential: false });
}

/** Below this width the panels are sheets; map.css has the same numbers. */
const NARROW = 900;
const HEAD_REM = 3.5;
const TABS_REM = 4.25;
const rem = (): number => Number.parseFloat(getComputedStyle(document.documentElement).fontSize);

/** The panels cover parts of the map: its middle is the middle of what is left. */
function padding(): Padding {
  if (innerWidth < NARROW) return { left: 0, right: 0, top: HEAD_REM * rem(), bottom: TABS_REM * rem() };
  return { left: 21 * rem(), right: 24 * rem(), top: 0, bottom: 0 };
}

export function MapPane() {
  const container = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (!container.current || !style.peek() || !city.peek()) return;
    const { map, stop } = cityMap(container.current, { overlays, padding });
    theMap = map;
    map.on("click", (event) => {
      askAt({ ...clicked(map, event.lngLat), from: "map" });
    });
    const canvas = map.getCanvas();
    canvas.style.cursor = "crosshair";
    canvas.addEventListener("keydown", (event) => {
      if (event.key === "Enter") askAtCentre();
    });

    const still = matchMedia("(prefers-reduced-motion: reduce)");
    let calm: number | undefined;
    const redrawCases = (): void => {
      const left = drawCases(map, overlays, cases.value, (each) => named(each.category));
      window.clearTimeout(calm);
      if (left > 0) calm = window.setTimeout(redrawCases, left + 50);
    };
    const stops = [
      effect(() => {
        // Once the report is in, its pulsing case stands where the question's point stood.
        const at = sent.value.status === "answered" ? null : place.value;
        drawPlace(at, asked.value.status === "answered" ? asked.value.located : null);
      }),
      effect(redrawCases),
      follow(map, {
        before: listed,
        onCase: (event) => addCase({ ...event, mine: false, seen: Date.now() }),
        onGone: dropCase,
        read: (anew) => void readCases(anew),
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
      stop,
    ];
    return () => {
      window.clearTimeout(calm);
      for (const each of stops) each();
      theMap = null;
    };
  }, []);

  return <div id="map" class="map" ref={container} />;
}
