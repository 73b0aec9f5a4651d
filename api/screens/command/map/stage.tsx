// The map of the wall: what the signals say is drawn, what a hand does becomes a signal.
import { effect } from "@preact/signals";
import type { Map as MapLibreMap } from "maplibre-gl";
import { useEffect, useRef } from "preact/hooks";
import { drawCases } from "../../shared/case_overlay";
import { city, shown, style } from "../../shared/catalog";
import { cityMap, follow } from "../../shared/city_map";
import { named } from "../../shared/i18n";
import { EMPTY } from "../../shared/map_view";
import { addCase, cases, dropCase, listed, readCases } from "../../shared/live_cases";
import { area, asked, casePlace, goTo, marked, touring } from "../state";
import { drawing, stopDrawing } from "./drawing";
import { responsible } from "./here";
import { ask, fly, padding, theMap, tilted, TILT } from "./hold";
import { fullest, glowing, hexagons, hotspots, shownDots } from "./hotspots";
import { followOfficers, officerPoints, OFFICERS } from "./officers";
import { drawArea, drawAsked, drawHeat, drawHexagons, drawMarked, OFFICER_POINTS, overlays } from "./overlays";
import { followTour } from "./tour";
import "./wall_map.css";

/**
 * Officers are drawn with the age of their position, which a tile does not tell by itself; and where hotspots count the
 * cases of a period, the dots of those that are open now would be taken for what is counted.
 */
const shows = (id: string): boolean => id !== OFFICERS && shown(id) && (id !== "cases" || hotspots.value === "off");

function keys(map: MapLibreMap): () => void {
  const canvas = map.getCanvas();
  const onMap = (event: KeyboardEvent): void => {
    if (event.key === "Enter" && !drawing.peek()) ask(map, map.getCenter());
  };
  // Escape takes back what is uppermost: the pen, the area, the question.
  const anywhere = (event: KeyboardEvent): void => {
    if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (drawing.peek()) stopDrawing();
    else if (asked.peek()) asked.value = null;
    else if (area.peek()) area.value = null;
  };
  canvas.addEventListener("keydown", onMap);
  document.addEventListener("keydown", anywhere);
  return () => {
    canvas.removeEventListener("keydown", onMap);
    document.removeEventListener("keydown", anywhere);
  };
}

/** Cases that have just come in pulse, and calm down again. */
function pulses(map: MapLibreMap): () => void {
  let calm: number | undefined;
  const redraw = (): void => {
    const left = drawCases(map, overlays, cases.value, (each) => named(each.category));
    window.clearTimeout(calm);
    if (left > 0) calm = window.setTimeout(redraw, left + 50);
  };
  const stop = effect(redraw);
  return () => {
    window.clearTimeout(calm);
    stop();
  };
}

function drawn(): (() => void)[] {
  return [
    effect(() => drawAsked(asked.value, responsible.value?.status === "answered" ? (responsible.value.told.boundary as GeoJSON.Geometry | null) : null)),
    effect(() => drawArea(area.value)),
    effect(() => drawMarked(marked.value, casePlace.value)),
    effect(() => drawHeat(hotspots.value === "heat" ? shownDots.value : [], glowing.value)),
    effect(() => drawHexagons(hotspots.value === "hexagons" ? hexagons.value : [], fullest.value)),
    // Half a thousand people on foot would hide what is counted.
    effect(() => overlays.set(OFFICER_POINTS, hotspots.value === "off" ? officerPoints() : EMPTY)),
  ];
}

function begin(container: HTMLElement): () => void {
  // Where there are buildings to stand up closer by, the wall looks at its city from a little aside.
  const upright = style.peek()?.layers.some((each) => (each.metadata as Record<string, unknown> | undefined)?.["gisops:pitched"] === true) ?? false;
  const { map, stop } = cityMap(container, { overlays, padding, shows, pitch: upright ? TILT - 15 : 0 });
  map.getCanvas().style.cursor = "crosshair";
  map.on("click", (event) => {
    if (!drawing.peek()) ask(map, event.lngLat);
  });
  const leaned = (): void => {
    tilted.value = map.getPitch() > 12;
  };
  leaned();
  map.on("pitchend", leaned);
  theMap.value = map;

  // The panels say what they cover when they stand, which is after the map does.
  const covered = new MutationObserver(() => map.setPadding(padding()));
  covered.observe(document.documentElement, { attributes: true, attributeFilter: ["style"] });
  const stops = [
    () => covered.disconnect(),
    keys(map),
    pulses(map),
    ...drawn(),
    effect(() => {
      const to = goTo.value;
      if (!to) return;
      goTo.value = null;
      touring.value = false;
      fly(to.lon, to.lat, to.zoom);
    }),
    follow(map, {
      before: listed,
      onCase: (event) => addCase({ ...event, mine: false, seen: Date.now() }),
      onGone: dropCase,
      read: (anew) => void readCases(anew),
    }),
    followOfficers(),
    followTour(),
    stopDrawing,
    stop,
  ];
  return () => {
    theMap.value = null;
    for (const each of stops) each();
  };
}

function Canvas() {
  const container = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let stop: (() => void) | undefined;
    // Once the panels stand: what they cover says where the city's middle is to be.
    const soon = window.setTimeout(() => {
      if (container.current) stop = begin(container.current);
    });
    return () => {
      window.clearTimeout(soon);
      stop?.();
    };
  }, []);
  return <div id="map" class="map" ref={container} />;
}

export function Stage() {
  return city.value && style.value ? <Canvas /> : null;
}
