// The latest cases.
import { clock, named, wordFor, words } from "../shared/i18n";
import { cases } from "../shared/live_cases";
import { me } from "../shared/session";
import { showOnMap } from "./map_pane";

export function LatestCases() {
  const text = words.value;
  const listed = cases.value;
  if (listed.length === 0) return <p class="hint small">{me.value ? text.latestNone : text.latestOwn}</p>;
  return (
    <>
      <ul class="cases" aria-live="polite" aria-relevant="additions">
        {listed.map((one) => (
          <li key={one.case_no} data-case-no={one.case_no} class={one.seen ? "new" : ""}>
            <button type="button" class="case" onClick={() => showOnMap(one.lon, one.lat)}>
              <span class="case-category">{named(one.category)}</span>
              <span class="case-time">{clock(one.at)}</span>
              <span class="case-to small">{named(one.organisation)}</span>
              <span class="case-state small">{wordFor(text.states, one.state)}{one.mine && <> · <strong>{text.mine}</strong></>}</span>
            </button>
          </li>
        ))}
      </ul>
      {!me.value && <p class="hint small">{text.latestOwn}</p>}
    </>
  );
}
