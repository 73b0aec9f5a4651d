// A case on its card: where it stands of seven steps, who has it and until when, its story and its photographs.
import { useEffect, useState } from "preact/hooks";
import { fill, language, named, posted, wordFor, words } from "../shared/i18n";
import { Icon } from "../shared/icons";
import { NoAnswer, Refused } from "../shared/client";
import { cases } from "../shared/live_cases";
import { ProblemNote } from "../shared/problem_note";
import type { Problem } from "../shared/types";
import { calls, type CasePage } from "./calls";
import { due, moment } from "./city_time";
import { Panel } from "./panel";
import { casePlace, goTo, openCase, openNumber } from "./state";
import { own } from "./words";

const OVER = 7;

/** When each of the seven steps was come to; null for what is still ahead or was passed over. */
export function steps(one: CasePage): (string | null)[] {
  const first = (...states: string[]): string | null => one.history.find((entry) => states.includes(entry.state))?.at ?? null;
  return [
    one.reported_at, one.filed_at, one.dispatched_at, first("handling"), one.handled_at, first("checking", "to_close"),
    one.closed_at ?? (one.stage >= OVER ? one.history.at(-1)?.at ?? null : null),
  ];
}

function Steps({ one }: { one: CasePage }) {
  const text = own.value;
  const at = steps(one);
  return (
    <ol class="steps" data-stage={one.stage}>
      {text.steps.map((name, n) => (
        <li key={name} class={n + 1 < one.stage || one.stage >= OVER ? "done" : n + 1 === one.stage ? "present" : "ahead"} aria-current={n + 1 === one.stage ? "step" : undefined}>
          <span class="step-name">{name}{n + 1 === one.stage && one.stage < OVER && <span class="visually-hidden">{text.now}</span>}</span>
          <span class="step-at">{at[n] ? moment(at[n]!) : "–"}</span>
        </li>
      ))}
    </ol>
  );
}

function Photo({ sha256, label }: { sha256: string; label: string }) {
  const [gone, setGone] = useState(false);
  if (gone) return null;
  return <figure><img src={`/api/photos/${sha256}/thumb`} alt={label} loading="lazy" onError={() => setGone(true)} /><figcaption class="small">{label}</figcaption></figure>;
}

function Story({ one }: { one: CasePage }) {
  const text = own.value;
  const left = one.stage < OVER ? due(one.deadline) : null;
  // What was written and what was photographed is for those whose work is with cases: they are told the text.
  const works = one.reports.some((report) => report.text !== undefined);
  const said = one.reports.map((report) => report.text).filter(Boolean);
  const ended = one.closed_at ?? one.history.at(-1)?.at;
  return (
    <>
      <p class="case-line"><span class="badge">{wordFor(words.value.states, one.state)}</span>
        {(one.severity === "danger" || one.severity === "urgent") && <span class={`badge ${one.severity === "danger" ? "bad" : "warn"}`}>{text[one.severity]}</span>}
        <span class="small case-no">{one.case_no}</span></p>
      {one.stage >= OVER ? ended && <p class="deadline good">{fill(text.ended, { t: moment(ended) })}</p>
        : <p class={`deadline ${left?.late ? "bad" : ""}`} data-deadline={left?.late ? "over" : "left"}><Icon name="clock" />{left?.text ?? text.noDeadline}
          {one.deadline && <span class="small">{text.deadline} {moment(one.deadline)}</span>}</p>}
      <Steps one={one} />
      <dl class="facts">
        <div class="fact"><dt>{text.who}</dt><dd>{named(one.organisation)}</dd></div>
        {one.handler && <div class="fact"><dt>{text.handler}</dt><dd>{posted(one.handler)}{one.handler.name ? ` · ${one.handler.name}` : ""}</dd></div>}
        <div class="fact"><dt>{text.priority}</dt><dd>{language.value === "en" ? one.priority_en : one.priority_zh}</dd></div>
        <div class="fact"><dt>{text.reports}</dt><dd>{one.report_count}</dd></div>
        {one.grid_cell && <div class="fact"><dt>{text.cell}</dt><dd>{one.grid_cell}</dd></div>}
      </dl>
      {said.length > 0 && <section><h3>{text.said}</h3>{said.slice(0, 3).map((words_, n) => <p key={n} class="quote">{words_}</p>)}</section>}
      {works && one.photos.length > 0 && (
        <section><h3>{text.photos}</h3>
          <div class="photos">{one.photos.slice(0, 6).map((photo) => <Photo key={`${photo.seq}-${photo.n}`} sha256={photo.sha256} label={text.phases[photo.phase] ?? photo.phase} />)}</div></section>
      )}
      <section><h3>{text.history}</h3>
        <ol class="story">
          {[...one.history].reverse().slice(0, 12).map((entry) => (
            <li key={entry.seq}><span class="small">{moment(entry.at)}</span><span>{language.value === "en" ? entry.en : entry.zh}</span></li>
          ))}
        </ol></section>
    </>
  );
}

export function CaseCard() {
  const text = own.value;
  const case_no = openCase.value;
  const [shown, setShown] = useState<{ case_no: string; one: CasePage | null; problem: Problem | null } | null>(null);
  // Read anew when the stream says that something happened to it.
  const live = cases.value.find((one) => one.case_no === case_no);
  useEffect(() => {
    if (!case_no) return;
    let gone = false;
    calls.case(case_no).then((one) => {
      if (gone) return;
      setShown({ case_no, one, problem: null });
      casePlace.value = { lon: one.lon, lat: one.lat };
    }, (error: unknown) => {
      if (gone) return;
      const problem: Problem = error instanceof Refused ? error.problem : { type: "about:blank", status: 0, code: "no_answer", title: words.peek().loadFailed };
      if (!(error instanceof Refused || error instanceof NoAnswer)) throw error;
      // What is shown stays while no answer comes.
      setShown((before) => (before?.case_no === case_no && before.one && !(error instanceof Refused) ? before : { case_no, one: null, problem }));
    });
    return () => {
      gone = true;
      casePlace.value = null;
    };
  }, [case_no, live?.at, live?.state]);
  if (!case_no) return null;
  const here = shown?.case_no === case_no ? shown : null;
  const one = here?.one;
  return (
    <Panel id="case" title={one ? named(one.category) : text.caseTitle} onClose={() => (openCase.value = null)}
      aside={
        <>
          {openNumber.value && <button type="button" class="button quiet square" aria-label={text.back} title={text.back} data-act="back" onClick={() => (openCase.value = null)}><Icon name="back" /></button>}
          {one && <button type="button" class="button quiet square" aria-label={text.onMap} title={text.onMap} data-act="on-map" onClick={() => (goTo.value = { lon: one.lon, lat: one.lat, zoom: 16.5 })}><Icon name="locate" /></button>}
        </>
      }>
      <div class="part-body scroll stack" data-case={one ? case_no : undefined}>
        {here?.problem ? <ProblemNote problem={here.problem.status === 404 ? { ...here.problem, title: text.caseGone } : here.problem} />
          : one ? <Story one={one} /> : <p class="small" role="status">{text.reading}</p>}
      </div>
    </Panel>
  );
}
