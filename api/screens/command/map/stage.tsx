// The map of the wall.
import { useEffect, useRef } from "preact/hooks";
import { cityMap } from "../../shared/city_map";
import { Overlays } from "../../shared/map_view";

const overlays = new Overlays([], () => []);

export function Stage() {
  const container = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!container.current) return;
    return cityMap(container.current, { overlays, padding: () => ({ left: 0, right: 0, top: 0, bottom: 0 }) }).stop;
  }, []);
  return <div id="map" class="map" ref={container} />;
}
