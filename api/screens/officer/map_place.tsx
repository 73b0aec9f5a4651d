// The place of the map, which is loaded when it is first to be seen: the list of tasks never waits for it.
import { useEffect, useRef, useState } from "preact/hooks";
import { words } from "../shared/i18n";
import { readMap } from "./map_data";
import { own } from "./words";

export function MapPlace({ shown }: { shown: boolean }) {
  const container = useRef<HTMLDivElement>(null);
  const [state, setState] = useState<"loading" | "there" | "failed">("loading");
  const [tries, setTries] = useState(0);
  useEffect(() => {
    let stop: (() => void) | null = null;
    let gone = false;
    setState("loading");
    Promise.all([import("./map_pane"), readMap()]).then(
      ([{ phoneMap }]) => {
        if (gone || !container.current) return;
        stop = phoneMap(container.current);
        setState("there");
      },
      () => gone || setState("failed"),
    );
    return () => {
      gone = true;
      stop?.();
    };
  }, [tries]);
  return (
    <div class="map-place" hidden={!shown} data-map={state}>
      <div id="map" class="map" ref={container} />
      {state === "loading" && <p class="map-word" role="status">{words.value.loading}</p>}
      {state === "failed" && <p class="map-word" role="alert">{own.value.mapFailed}<button type="button" class="button" onClick={() => setTries(tries + 1)}>{words.value.tryAgain}</button></p>}
    </div>
  );
}
