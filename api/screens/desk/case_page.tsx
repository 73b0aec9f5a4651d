// The case: what is to be decided first, then everything that is known of it.
import { useEffect, useRef, useState } from "preact/hooks";
import { NoAnswer, Refused } from "../shared/api";
import { dayAndTime, fill, language, metres, named, posted, said, wordFor, words } from "../shared/i18n";
import { Icon } from "../shared/icons";
import { ProblemNote } from "../shared/problem_note";
import type { Problem } from "../shared/types";
import { newUid } from "../shared/uid";
import { calls, photo, type CasePage, type HandbookEntry } from "./calls";
import { enlarged, failed, opened, outOfDate, page, reread } from "./case_state";
import { Priority, stateOf } from "./inbox";
import { rows } from "./inbox_state";
import { StepCard, whoOf } from "./step_card";
import { left } from "./times";
import { Pictures, Twins } from "./twins";
import { own } from "./words";

function Head({ one }: { one: CasePage }) {
  const text = own.value;
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    // Keys go on from here, and a screen reader says which case it is; whoever is typing keeps his field.
    if (document.activeElement?.matches("input, textarea")) return;
    heading.current?.focus({ preventScroll: true });
  }, [one.case_no]);
  const row = rows.value.find((each) => each.case_no === one.case_no);
  const time = row && left(row.clock);
  return (
    <header class="case-head">
      <h2 ref={heading} tabIndex={-1}>{named(one.category)} <span class="category-code">{one.category.code}</span></h2>
      <p class="case-line"><span class="case-no" data-opened={one.case_no}>{one.case_no}</span>
        <span class="badge state" data-case-state={one.state}>{stateOf(one)}</span><Priority one={one} />
        {one.ambiguous && <span class="badge warn">{text.ambiguous}</span>}
        {one.report_count > 1 && <span class="badge">{fill(text.reports, { n: one.report_count })}</span>}
        {one.return_count > 0 && <span class="badge warn">{fill(text.returned, { n: one.return_count })}</span>}
        {one.is_rework && <span class="badge warn">{text.recurrence}</span>}
        {time && <span class={`row-left ${time.light}`} title={time.title}>{time.words}</span>}</p>
    </header>
  );
}

function Told({ one }: { one: CasePage }) {
  const text = own.value;
  return (
    <section aria-labelledby="told-title">
      <h3 id="told-title">{text.told}</h3>
      <ul class="told">
        {one.reports.map((report) => (
          <li key={report.report_id}>
            {report.photos.length > 0 && <Pictures shas={report.photos} alt={text.photos} />}
            <p class="told-text">{report.text || text.noText}</p>
            <p class="small">{wordFor(text.channels, report.channel)} · {dayAndTime(report.received_at)}
              {report.accuracy_m !== null && ` · ${text.reporterAccuracy} ±${metres(report.accuracy_m)}`}
              {report.part_code && ` · ${text.part} ${report.part_code}`}</p>
          </li>
        ))}
      </ul>
      {one.crowd_count > 0 && <p class="small">{fill(text.moreReports, { n: one.crowd_count })}</p>}
    </section>
  );
}

function Photos({ one }: { one: CasePage }) {
  const text = own.value;
  if (one.photos.length === 0) return null;
  // What was before stands left of what is after.
  const before = [...one.reports.flatMap((report) => report.photos), ...one.photos.filter((each) => each.phase === "before" || each.phase === "verify").map((each) => each.sha256)];
  const after = one.photos.filter((each) => each.phase === "after" || each.phase === "check").map((each) => each.sha256);
  return (
    <section aria-labelledby="photos-title" data-photos>
      <h3 id="photos-title">{text.photos}</h3>
      <div class="sides">
        {([["before", before], ["after", after]] as const).map(([phase, shas]) => (
          <div key={phase} class="side"><h4>{wordFor(text.phases, phase)}</h4>
            {shas.length > 0 ? <Pictures shas={shas} alt={wordFor(text.phases, phase)} /> : <p class="no-picture small">{text.noPhotos}</p>}</div>
        ))}
      </div>
    </section>
  );
}

function Facts({ one }: { one: CasePage }) {
  const text = own.value;
  const shared = words.value;
  const decision = one.decisions.at(-1);
  return (
    <section aria-labelledby="facts-title">
      <h3 id="facts-title">{text.facts}</h3>
      <dl class="facts">
        <div class="fact"><dt>{shared.responsible}</dt><dd>{named(one.organisation)}{one.handler && <span class="small"> · {posted(one.handler)}{one.handler.name && ` ${one.handler.name}`}</span>}</dd></div>
        {one.zone && <div class="fact"><dt>{shared.zone}</dt><dd>{named(one.zone)}</dd></div>}
        {one.grid_cell && <div class="fact"><dt>{shared.gridCell}</dt><dd>{one.grid_cell}</dd></div>}
        <div class="fact"><dt>{text.coordinates}</dt><dd>{one.lon.toFixed(6)}, {one.lat.toFixed(6)}</dd></div>
        <div class="fact"><dt>{text.deadlineOfCase}</dt><dd>{one.deadline ? dayAndTime(one.deadline) : shared.noDeadline}</dd></div>
      </dl>
      {decision && decision.dispatch.reasons.length > 0 && (
        <details class="because"><summary>{text.whyDecided}</summary>
          <ol class="reasons">{decision.dispatch.reasons.map((each) => <li key={each.code}>{said(each)}</li>)}</ol></details>
      )}
    </section>
  );
}

function Story({ one }: { one: CasePage }) {
  const text = own.value;
  return (
    <section aria-labelledby="story-title">
      <h3 id="story-title">{text.story}</h3>
      <ol class="story">
        {one.history.map((entry) => {
          const pictures = one.photos.filter((each) => each.seq === entry.seq);
          return (
            <li key={entry.seq} data-entry={entry.action}>
              <p><strong>{said(entry)}</strong> <span class="small">{whoOf(entry)}</span></p>
              <p class="small"><time dateTime={entry.at}>{dayAndTime(entry.at)}</time></p>
              {entry.reason && <p class="told-text">{entry.reason}</p>}
              {pictures.length > 0 && <Pictures shas={pictures.map((each) => each.sha256)} alt={wordFor(text.phases, pictures[0]!.phase)} />}
            </li>
          );
        })}
      </ol>
      {one.clocks.length > 0 && (
        <details class="because"><summary>{text.clocks}</summary>
          <table class="clocks"><tbody>
            {one.clocks.map((each, index) => (
              <tr key={index}><th scope="row">{wordFor(text.steps, each.step)}</th><td>{each.deadline ? dayAndTime(each.deadline) : "—"}</td>
                <td>{each.outcome ? wordFor(text.outcomes, each.outcome) : each.paused_at ? text.paused : "…"}</td></tr>
            ))}
          </tbody></table></details>
      )}
    </section>
  );
}

function HandbookHint({ one }: { one: CasePage }) {
  const text = own.value;
  const entry: HandbookEntry | null = one.handbook.closed_under ?? one.handbook.filed_under;
  if (!entry) return null;
  const inEnglish = language.value === "en";
  const limits = entry.limits.map(said).join(" · ");
  return (
    <section aria-labelledby="handbook-title">
      <h3 id="handbook-title">{text.handbook}</h3>
      <dl class="facts">
        <div class="fact"><dt>{text.filedUnder}</dt><dd>{(inEnglish && entry.text_en) || entry.text_zh}{limits && <span class="small"> · {fill(text.limit, { t: limits })}</span>}</dd></div>
        <div class="fact"><dt>{text.closedWhen}</dt><dd>{(inEnglish && entry.closing_en) || entry.closing_zh || "—"}</dd></div>
      </dl>
      <p class="small">{said(entry.certainty)}</p>
    </section>
  );
}

function Thread({ one }: { one: CasePage }) {
  const text = own.value;
  const [typed, setTyped] = useState("");
  const [problem, setProblem] = useState<Problem | "unknown" | null>(null);
  const [sending, setSending] = useState(false);
  // One number for one message: sent again after a lost answer, it is the same message.
  const id = useRef(newUid());
  useEffect(() => {
    setTyped("");
    setProblem(null);
    id.current = newUid();
  }, [one.case_no]);
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    const said = typed.trim();
    if (!said || sending) return;
    setSending(true);
    setProblem(null);
    try {
      await calls.say(one.case_no, said, id.current);
      id.current = newUid();
      setTyped("");
      await reread();
    } catch (error) {
      if (error instanceof Refused && error.problem.status < 500) setProblem(error.problem);
      else if (error instanceof Refused || error instanceof NoAnswer) setProblem("unknown");
      else throw error;
    } finally {
      setSending(false);
    }
  };
  return (
    <section aria-labelledby="thread-title">
      <h3 id="thread-title">{text.thread}</h3>
      {one.messages.length === 0 && <p class="small">{text.threadNone}</p>}
      <ul class="thread">
        {one.messages.map((each) => (
          <li key={each.message_id} class={each.mine ? "mine" : ""}>
            <p class="small">{each.mine ? text.me : each.author ? posted(each.author) : wordFor(words.value.roles, each.role)}
              {each.organisation && ` · ${named(each.organisation)}`} · {dayAndTime(each.at)}</p>
            <p class="told-text">{each.erased_at ? text.erased : each.text}</p>
          </li>
        ))}
      </ul>
      <form class="say" onSubmit={(event) => void send(event)}>
        <input class="input" aria-label={text.sayHint} placeholder={text.sayHint} maxLength={2000} value={typed} data-say onInput={(event) => setTyped(event.currentTarget.value)} />
        <button type="submit" class="button" disabled={sending || !typed.trim()}>{text.say}</button>
      </form>
      {problem === "unknown" && <p class="note warn" role="alert">{text.sayUnknown}</p>}
      {problem && problem !== "unknown" && <ProblemNote problem={problem} />}
    </section>
  );
}

export function Lightbox() {
  const dialog = useRef<HTMLDialogElement>(null);
  const sha = enlarged.value;
  useEffect(() => {
    if (sha && !dialog.current?.open) dialog.current?.showModal();
    if (!sha && dialog.current?.open) dialog.current.close();
  }, [sha]);
  return (
    <dialog ref={dialog} class="lightbox" aria-label={own.value.photos} onClose={() => (enlarged.value = null)} onClick={() => (enlarged.value = null)}>
      {sha && <><img src={photo(sha)} alt={own.value.photos} />
        <button type="button" class="button square" aria-label={words.value.close}><Icon name="close" /></button></>}
    </dialog>
  );
}

export function CasePane() {
  const text = own.value;
  const one = page.value;
  if (!one) {
    return (
      <div class="case-none">
        {failed.value === "gone" ? <p role="alert">{text.caseGone}</p>
          : failed.value ? <div role="alert" class="stack"><p>{text.caseFailed}</p>
            <button type="button" class="button" onClick={() => void reread().catch(() => undefined)}>{words.value.tryAgain}</button></div>
          : opened.value ? <p role="status">{text.loadingCase}</p> : <><p>{text.choose}</p><p class="small">{text.chooseHint}</p></>}
      </div>
    );
  }
  return (
    <article class="case-page" data-page={one.case_no} data-version={one.version} key={one.case_no}>
      <Head one={one} />
      {outOfDate.value && <p class="note warn" role="status">{text.noStepHint}</p>}
      <StepCard page={one} />
      <Twins page={one} />
      <Told one={one} />
      <Photos one={one} />
      <Facts one={one} />
      <Story one={one} />
      <HandbookHint one={one} />
      <Thread one={one} />
    </article>
  );
}
