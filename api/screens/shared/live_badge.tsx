// How live a screen is, in words.
import { clock, fill, words } from "./i18n";
import { liveState } from "./live";

export function LiveBadge() {
  const { state, since } = liveState.value;
  return (
    <span class="live" role="status" data-live={state}>
      <span class="live-dot" aria-hidden="true" />{fill(words.value.live[state], { t: clock(since) })}
    </span>
  );
}
