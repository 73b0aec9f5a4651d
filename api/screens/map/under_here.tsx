// What lies under the point that was asked about, for whoever may see it: whose pipe is this?
import { useEffect, useState } from "preact/hooks";
import { api } from "../shared/api";
import { fill, metres, named, wordFor, words } from "../shared/i18n";
import type { Pipe } from "../shared/types";
import { city } from "../shared/catalog";
import { place } from "./state";

/** A pipe is a line: what is meant to lie on it is some metres beside it, and as far as the point is not known. */
const BESIDE_M = 5;
const MOST = 4;

export function UnderHere() {
  const text = words.value;
  const at = place.value;
  const allowed = city.value?.layers.some((layer) => layer.id === "pipes" && layer.allowed) ?? false;
  const [pipes, setPipes] = useState<Pipe[]>([]);
  useEffect(() => {
    setPipes([]);
    if (!at || !allowed) return;
    const asking = new AbortController();
    const withinM = Math.min(1000, at.accuracy_m + BESIDE_M);
    // Nothing is said where nothing is known: the answer above stands without it.
    api.under("pipes", at.lon, at.lat, withinM, asking.signal).then((found) => setPipes(found.features), () => undefined);
    return () => asking.abort();
  }, [at?.lon, at?.lat, at?.accuracy_m, allowed]);
  if (pipes.length === 0) return null;
  return (
    <div data-under>
      <h3>{text.underHere}</h3>
      <ul class="candidates">
        {pipes.slice(0, MOST).map(({ id, distance_m, properties }) => (
          <li key={id} data-pipe={id}>
            <span>
              {[
                wordFor(text.media, properties.medium),
                properties.owner_zh && named({ name_zh: properties.owner_zh, name_en: properties.owner_en ?? "" }),
                properties.depth_m != null && fill(text.deep, { n: metres(properties.depth_m) }),
              ].filter(Boolean).join(" · ")}
            </span>
            {distance_m > 0 && <span class="small">{fill(text.away, { n: metres(distance_m) })}</span>}
          </li>
        ))}
      </ul>
    </div>
  );
}
