// What was asked for and is the reader's to grant, what has waited longest first.
import { dayAndTime, fill, named, wordFor } from "../shared/i18n";
import { ProblemNote } from "../shared/problem_note";
import { approvalProblem, decide, deciding, declineText, declining, keyOf, waiting } from "./approvals_state";
import type { Waiting } from "./calls";
import { stateOf } from "./inbox";
import { openCase } from "./state";
import { own } from "./words";

function One({ one }: { one: Waiting }) {
  const text = own.value;
  const key = keyOf(one);
  const problem = approvalProblem.value?.key === key ? approvalProblem.value.problem : null;
  return (
    <li class="approval" data-approval={key} data-kind={one.kind}>
      <button type="button" class="row" onClick={() => void openCase(one.case_no)}>
        <span class="row-what"><strong>{fill(text.asked, { kind: wordFor(text.kinds, one.kind) })}</strong></span>
        <span class="row-left none">{one.until && fill(text.until, { at: dayAndTime(one.until) })}</span>
        <span class="row-where small">{one.case_no.slice(-6)} · {named(one.category)} · {named(one.organisation)}</span>
        <span class="row-state small">{stateOf(one.case)}</span>
        <span class="row-marks small">{fill(text.askedAt, { at: dayAndTime(one.requested_at) })}{one.reason_code && ` · ${wordFor(text.reasons, one.reason_code)}`}</span>
      </button>
      {one.own ? <p class="small">{text.own}</p> : one.kind === "appeal" ? <p class="small">{text.appealElsewhere}</p> : (
        declining.value === key ? (
          <form class="stack" onSubmit={(event) => { event.preventDefault(); if (declineText.value.trim()) void decide(one, false); }}>
            <textarea class="input" rows={2} aria-label={text.writeWhyNeeded} placeholder={text.writeWhyHint} value={declineText.value} onInput={(event) => (declineText.value = event.currentTarget.value)} />
            <div class="form-acts">
              <button type="submit" class="button primary" disabled={deciding.value || !declineText.value.trim()} data-act="decline-send">{text.decline}</button>
              <button type="button" class="button" onClick={() => (declining.value = null)}>{text.cancel}</button></div>
          </form>
        ) : (
          <div class="form-acts">
            <button type="button" class="button primary" disabled={deciding.value} data-act="grant" onClick={() => void decide(one, true)}>{text.grant}</button>
            <button type="button" class="button" disabled={deciding.value} data-act="decline" onClick={() => { declining.value = key; declineText.value = ""; }}>{text.decline}</button>
          </div>
        )
      )}
      {problem === "unknown" && <p class="note warn" role="alert">{text.unknown}</p>}
      {problem && problem !== "unknown" && <ProblemNote problem={problem} />}
    </li>
  );
}

export function Approvals() {
  const text = own.value;
  return (
    <ul class="rows" data-approvals>
      {waiting.value.map((one) => <One key={keyOf(one)} one={one} />)}
      {waiting.value.length === 0 && <li class="nothing" data-empty><p>{text.approvalsNone}</p></li>}
    </ul>
  );
}
