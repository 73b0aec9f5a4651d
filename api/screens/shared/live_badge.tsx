// How live a screen is, in words.
import { clock, fill, words } from "./i18n";
import { liveState } from "./live";
import { flow } from "./live_cases";
import { me } from "./session";

/** From so many events a second on, a list shows some of them: then the number is said. */
const MANY = 5;

export function LiveBadge() {
  const { state: known, since } = liveState.value;
  // Before the stream is asked for, whoever is signed in is only not connected yet.
  const state = known === "off" && me.value ? "connecting" : known;
  return (
    <span class="live" role="status" data-live={state}>
      <span class="live-dot" aria-hidden="true" />{fill(words.value.live[state], { t: clock(since) })}
      {state === "live" && flow.value >= MANY && <span data-flow={flow.value}> · {fill(words.value.flow, { n: flow.value })}</span>}
    </span>
  );
}
