// A clerk takes a call: what it is, where it is, what the caller says.
import { useEffect, useRef, useState } from "preact/hooks";
import { CategoryBox } from "../shared/category_box";
import { dayAndTime, fill, metres, named, words } from "../shared/i18n";
import { Icon } from "../shared/icons";
import { ProblemNote } from "../shared/problem_note";
import type { ReportAnswer } from "../shared/types";
import { callCategory, callPlace, callSent, callText, find, hits, nextCall, query, sendCall, takeHit } from "./call_state";
import { categories } from "./categories";
import { stateOf } from "./inbox";
import { calling, openCase } from "./state";
import { own } from "./words";

const FIND_AFTER_MS = 250;

function Found({ answer }: { answer: ReportAnswer }) {
  const text = own.value;
  const shared = words.value;
  return (
    <div class="stack" role="status" data-receipt={answer.case.case_no}>
      <p class="received"><Icon name="check" />{text.callDone}</p>
      <dl class="facts">
        <div class="fact"><dt>{shared.caseNo}</dt><dd class="case-no">{answer.case.case_no}</dd></div>
        <div class="fact"><dt>{shared.state}</dt><dd>{stateOf(answer.case)}</dd></div>
        <div class="fact"><dt>{text.callTo}</dt><dd>{answer.dispatch.mode === "desk" ? shared.waitsAtDesk : named(answer.dispatch.organisation)}</dd></div>
        <div class="fact"><dt>{shared.deadline}</dt><dd>{answer.case.deadline ? dayAndTime(answer.case.deadline) : shared.noDeadline}</dd></div>
      </dl>
      {answer.suggested && answer.suggested.length > 0 && (
        <div><h3>{text.callNear}</h3>
          <ul class="near">{answer.suggested.map((one) => (
            <li key={one.case_no}>{one.case_no} · {stateOf(one)} · {fill(text.apart, { n: metres(one.distance_m) })}</li>
          ))}</ul></div>
      )}
      <div class="form-acts">
        <button type="button" class="button primary" data-act="call-open" onClick={() => { const no = answer.case.case_no; nextCall(); if (no) void openCase(no); }}>{text.callOpen}</button>
        <button type="button" class="button" data-act="call-another" onClick={nextCall}>{text.callAnother}</button>
      </div>
    </div>
  );
}

export function CallForm() {
  const text = own.value;
  const shared = words.value;
  const now = callSent.value;
  const at = callPlace.value;
  const [wrong, setWrong] = useState<string | null>(null);
  const timer = useRef<number | undefined>(undefined);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current?.querySelector("textarea")?.focus(), [now.status === "editing"]);
  useEffect(() => setWrong(null), [at, callCategory.value]);
  const frozen = now.status === "sending" || now.status === "unknown";
  const submit = (event: Event): void => {
    event.preventDefault();
    if (now.status === "editing") {
      if (!callCategory.value) return setWrong(shared.needCategory);
      if (!at) return setWrong(text.needPlace);
    }
    void sendCall();
  };
  return (
    <section class="call" aria-labelledby="call-title" data-call={now.status}>
      <header class="panel-head"><h2 id="call-title">{text.newCall}</h2>
        <button type="button" class="button quiet square" aria-label={shared.close} data-act="call-close" onClick={() => (calling.value = false)}><Icon name="close" /></button></header>
      {now.status === "answered" ? <Found answer={now.answer} /> : (
        <form class="stack" ref={form} onSubmit={submit} noValidate>
          <div class="field"><label for="call-text">{text.caller}</label>
            <textarea id="call-text" class="input" rows={3} maxLength={4000} placeholder={text.callerHint} disabled={frozen}
              value={now.status === "unknown" ? now.body.text ?? "" : callText.value} onInput={(event) => (callText.value = event.currentTarget.value)} /></div>
          <CategoryBox categories={categories.value} value={callCategory.value} onChoose={(code) => (callCategory.value = code)} disabled={frozen} />
          <fieldset class="where" disabled={frozen}>
            <legend>{text.callWhere}</legend>
            <div class="field"><label for="call-find">{text.callFind}</label>
              <input id="call-find" class="input" autocomplete="off" placeholder={text.callFindHint} value={query.value}
                onInput={(event) => {
                  query.value = event.currentTarget.value;
                  window.clearTimeout(timer.current);
                  timer.current = window.setTimeout(() => void find(), FIND_AFTER_MS);
                }}
                onKeyDown={(event) => {
                  if (event.key !== "Enter" || event.isComposing) return;
                  event.preventDefault();
                  const first = hits.value?.[0];
                  if (first) takeHit(first);
                  else void find();
                }} /></div>
            {hits.value && (hits.value.length === 0 ? <p class="small" role="status">{fill(text.callNoHits, { q: query.value.trim() })}</p> : (
              <ul class="hits" data-hits>{hits.value.map((hit) => (
                <li key={`${hit.layer}/${hit.key}`}><button type="button" class="hit" data-hit={hit.key} onClick={() => takeHit(hit)}>
                  <span>{hit.label}</span><span class="small">{hit.key}</span></button></li>
              ))}</ul>
            ))}
            {at ? (
              <div class="where-line"><span><strong>{at.label ?? `${at.lon.toFixed(6)}, ${at.lat.toFixed(6)}`}</strong>
                {at.label && <span class="small">{at.lon.toFixed(6)}, {at.lat.toFixed(6)}</span>}</span>
                <label class="accuracy"><span>{text.callAccuracy}</span>
                  <input class="input" type="number" min="1" max="5000" value={at.accuracy_m}
                    onChange={(event) => { const value = Number(event.currentTarget.value); if (value >= 1) callPlace.value = { ...at, accuracy_m: value }; }} /></label></div>
            ) : <p class="small">{text.callPick}</p>}
          </fieldset>
          {wrong && <p class="note warn" role="alert">{wrong}</p>}
          {now.status === "editing" && now.problem && <ProblemNote problem={now.problem} />}
          {now.status === "unknown" && <div class="note warn" role="alert" data-unknown><strong>{shared.noAnswer}</strong><p>{shared.noAnswerHint}</p></div>}
          <div class="form-acts">
            <button type="submit" class="button primary" disabled={now.status === "sending"} data-act="call-send">
              {now.status === "sending" ? shared.sending : now.status === "unknown" ? shared.sendAgain : text.callSend}</button>
            {now.status === "unknown" && <button type="button" class="button quiet" onClick={nextCall}>{shared.giveUp}</button>}
          </div>
        </form>
      )}
    </section>
  );
}
