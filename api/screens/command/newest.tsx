// The newest cases, as they come in.
import { named, wordFor, words } from "../shared/i18n";
import { cases } from "../shared/live_cases";
import { moment } from "./city_time";
import { useFit } from "./fit";
import { Panel } from "./panel";
import { openCase, showCase } from "./state";
import { own } from "./words";

const ROW_REM = 3;

export function Newest() {
  const text = own.value;
  const [list, room] = useFit(ROW_REM);
  return (
    <Panel id="newest" title={text.newest}>
      {cases.value.length === 0 && <p class="part-body small">{text.newestNone}</p>}
      <ul class="rows" ref={list}>
        {cases.value.slice(0, room).map((one) => (
          <li key={one.case_no} class={one.seen ? "new" : ""} data-case-no={one.case_no}>
            <button type="button" class="row plain" aria-pressed={openCase.value === one.case_no} onClick={() => showCase(one.case_no, one)}>
              <span class="row-name"><strong>{named(one.category)}</strong></span>
              <span class="row-time small">{moment(one.at)}</span>
              <span class="row-who small">{named(one.organisation)}</span>
              <span class="row-time small">{wordFor(words.value.states, one.state)}</span>
            </button>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
