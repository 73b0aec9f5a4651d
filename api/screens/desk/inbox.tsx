// The list: what there is to do, the gravest first.
import { useEffect, useRef } from "preact/hooks";
import { dayAndTime, fill, language, named } from "../shared/i18n";
import { Icon } from "../shared/icons";
import type { DeskCase } from "./calls";
import { opened } from "./case_state";
import {
  chooseState, chosenState, counts, hasMore, heldBack, hovering, listFailed, listRead, readInbox, rows, selected, showMore, toDo,
} from "./inbox_state";
import { openCase } from "./state";
import { left } from "./times";
import { own } from "./words";

const MARK = { critical: "!!", high: "!", low: "·", none: "" } as const;

export function Priority({ one }: { one: Pick<DeskCase, "priority" | "priority_zh" | "priority_en"> }) {
  if (one.priority === "none") return null;
  return (
    <span class={`priority ${one.priority}`} data-priority={one.priority}>
      <span aria-hidden="true">{MARK[one.priority]}</span>{language.value === "en" ? one.priority_en : one.priority_zh}
    </span>
  );
}

export const stateOf = (one: { state_zh: string; state_en: string }): string => (language.value === "en" ? one.state_en : one.state_zh);

/** In these the desk itself holds a case, so that its holder says nothing. */
const AT_DESK = new Set(["filed", "returned"]);

function Row({ one }: { one: DeskCase }) {
  const text = own.value;
  const time = left(one.clock);
  const chosen = selected.value === one.case_no;
  const line = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (chosen) line.current?.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  return (
    <li>
      <button ref={line} type="button" class={`row ${opened.value === one.case_no ? "open" : ""}`} data-row={one.case_no} data-state={one.state}
        aria-current={chosen} tabIndex={chosen ? 0 : -1} onClick={() => void openCase(one.case_no)}>
        <span class="row-what"><Priority one={one} /><strong>{named(one.category)}</strong></span>
        <span class={`row-left ${time.light}`} title={time.title}>{time.words}</span>
        <span class="row-where small">{one.case_no.slice(-6)} · {one.stage > 2 && !AT_DESK.has(one.state) ? named(one.organisation) : fill(text.reportedAtClock, { t: dayAndTime(one.reported_at) })}</span>
        <span class="row-state small">{stateOf(one)}</span>
        {(one.ambiguous || one.report_count > 1 || one.return_count > 0 || one.urged_count > 0 || one.is_rework) && (
          <span class="row-marks small">
            {[one.ambiguous && text.ambiguous, one.report_count > 1 && fill(text.reports, { n: one.report_count }),
              one.return_count > 0 && fill(text.returned, { n: one.return_count }), one.urged_count > 0 && fill(text.urged, { n: one.urged_count }),
              one.is_rework && text.recurrence].filter(Boolean).join(" · ")}
          </span>
        )}
      </button>
    </li>
  );
}

function States() {
  const text = own.value;
  const { n, more } = toDo.value;
  return (
    <div class="states" role="group" aria-label={text.inbox}>
      <button type="button" class="chip" aria-pressed={chosenState.value === null} data-state-chip="all" onClick={() => chooseState(null)}>
        {text.allMine}<b>{n}{more && "+"}</b></button>
      {counts.value.map((one) => (
        <button key={one.state} type="button" class="chip" aria-pressed={chosenState.value === one.state} data-state-chip={one.state}
          disabled={one.count === 0 && chosenState.value !== one.state} onClick={() => chooseState(one.state)}>
          {stateOf(one)}<b>{one.count}{one.more && "+"}</b></button>
      ))}
    </div>
  );
}

export function InboxList() {
  const text = own.value;
  return (
    <>
      <States />
      {/* Its place is always there, so that nothing moves when it has something to say. */}
      <p class="list-word small" role="status">
        {listFailed.value
          ? <>{text.listFailed} <button type="button" class="link" onClick={() => void readInbox()}>{text.reread}</button></>
          : heldBack.value > 0 ? fill(text.arrived, { n: heldBack.value }) : ""}
      </p>
      <ul class="rows" data-list onPointerEnter={() => (hovering.value = true)} onPointerLeave={() => (hovering.value = false)}>
        {rows.value.map((one) => <Row key={one.case_no} one={one} />)}
        {hasMore.value && <li><button type="button" class="button quiet wide" onClick={showMore}>{text.more}</button></li>}
        {listRead.value && rows.value.length === 0 && (
          <li class="nothing" data-empty><Icon name="check" /><p>{text.empty}</p><p class="small">{text.emptyHint}</p></li>
        )}
      </ul>
    </>
  );
}

