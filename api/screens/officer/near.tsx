// What is near: parts and places with their distance, of one layer at a time.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { NoAnswer, Refused } from "../shared/api";
import { city } from "../shared/catalog";
import { language, titled } from "../shared/i18n";
import { Icon } from "../shared/icons";
import { ProblemNote } from "../shared/problem_note";
import type { Problem } from "../shared/types";
import { calls, type Near as Found } from "./calls";
import { here } from "./position";
import { who } from "./state";
import { own, away, far } from "./words";

/** What an officer looks for; those that are open to him and drawn as points. */
const LAYERS = ["fixtures", "places", "flood_control", "sensors"];
const layer = signal("fixtures");
export const found = signal<Found[]>([]);
const status = signal<"idle" | "asking" | "lost" | Problem>("idle");

async function look(): Promise<void> {
  const at = here.peek();
  if (!at) return;
  const asked = layer.peek();
  const login = who.peek()?.login;
  status.value = "asking";
  try {
    const { features } = await calls.nearest(asked, at.lon, at.lat);
    if (layer.peek() !== asked || who.peek()?.login !== login) return;
    found.value = features;
    status.value = "idle";
  } catch (error) {
    if (error instanceof Refused) status.value = error.problem;
    else if (error instanceof NoAnswer) status.value = "lost";
    else throw error;
  }
}

/** First what the reader can read: a lamp's name is often no more than the Chinese word for a lamp. Then the rest of what is told. */
function wordsOf({ properties, id }: Found): string[] {
  const [here, other] = language.value === "en" ? ["en", "zh"] : ["zh", "en"];
  const told = [properties[`name_${here}`], properties[`category_${here}`], properties.name_zh, properties[`supervisor_${here}`] ?? properties[`supervisor_${other}`]];
  const words = told.filter(Boolean).map(String);
  return words.length > 0 ? [...new Set(words)] : [String(id ?? "")];
}
const pointOf = ({ geometry }: Found): { lon: number; lat: number } | null =>
  geometry.type === "Point" ? { lon: geometry.coordinates[0]!, lat: geometry.coordinates[1]! } : null;

export function Near() {
  const text = own.value;
  const at = here.value;
  const layers = LAYERS.map((id) => city.value?.layers.find((one) => one.id === id && one.allowed)).filter((one) => one !== undefined);
  useEffect(() => void look(), [layer.value, at === null]);
  // What one account found is not the next one's.
  useEffect(() => () => void (found.value = []), []);
  const now = status.value;
  return (
    <section class="page" aria-labelledby="near-title">
      <header class="page-head"><h1 id="near-title">{text.nearTitle}</h1>
        <button type="button" class="button" onClick={() => void look()} disabled={!at} data-act="refresh">{text.refresh}</button></header>
      <div class="chips" role="group" aria-label={text.nearTitle}>
        {layers.map((one) => <button key={one.id} type="button" class="chip" aria-pressed={layer.value === one.id} data-layer={one.id}
          onClick={() => { found.value = []; layer.value = one.id; }}>{titled(one)}</button>)}
      </div>
      {!at && <p class="empty"><Icon name="locate" />{text.nearNeeds}</p>}
      {now === "lost" && <p class="note warn" role="alert">{text.nearOffline}</p>}
      {typeof now === "object" && <ProblemNote problem={now} />}
      {at && now === "idle" && found.value.length === 0 && <p class="empty">{text.nearNone}</p>}
      <ol class="near-list" aria-busy={now === "asking"}>
        {found.value.map((one) => {
          const point = pointOf(one);
          const [name, ...rest] = wordsOf(one);
          return (
            <li key={`${one.layer}:${String(one.id)}`} data-near={String(one.id)}>
              <strong>{name}</strong>
              <span class="near-far">{at && point ? away(at, point) : far(one.distance_m)}</span>
              <span class="small">{rest.join(" · ")}</span><span class="small near-id">{String(one.id)}</span>
            </li>
          );
        })}
      </ol>
    </section>
  );
}
