// What the one who sits here may do now: the step that the state waits for stands open, everything else has its letter.
import { useEffect, useRef } from "preact/hooks";
import { clock, fill, language, metres, named, said, wordFor, words } from "../shared/i18n";
import { ProblemNote } from "../shared/problem_note";
import {
  act, busy, cancel, category, checkNow, choices, choose, conditions, confirm, current, dispatchWhy, doing, form, mark, missing, reason, text as written, typedCode,
} from "./act_state";
import { actsOf, isStep, KINDS, mainOf, onSite, REASONS } from "./acts";
import type { CasePage } from "./calls";
import { candidates, load } from "./case_state";
import { CategoryBox } from "../shared/category_box";
import { categories } from "./categories";
import { nameOf } from "./names";
import { own } from "./words";

const Key = ({ children }: { children: string }) => <kbd aria-hidden="true">{children}</kbd>;

export function whoOf(entry: { role: string | null; organisation: string | null }): string {
  const text = own.value;
  const role = entry.role === "system" ? text.system : entry.role === "public" ? text.public : wordFor(words.value.roles, entry.role ?? "");
  return entry.organisation && entry.role !== "system" && entry.role !== "public" ? `${nameOf(entry.organisation)} ${role}` : role;
}

/** Words of one's own; Enter confirms (Shift and Enter is a new line), as the rest of the desk does. */
function Why({ needed, hint }: { needed: boolean; hint?: string }) {
  const text = own.value;
  return (
    <div class="field">
      <label for="why">{needed ? text.writeWhyNeeded : text.writeWhy}</label>
      <textarea id="why" class="input" rows={2} maxLength={1000} placeholder={hint ?? text.writeWhyHint} value={written.value} aria-invalid={missing.value === "why"}
        onInput={(event) => (written.value = event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          confirm();
        }} />
      {missing.value === "why" && <p class="note warn" role="alert">{text.needWhy}</p>}
    </div>
  );
}

function Reasons({ codes }: { codes: readonly string[] }) {
  const text = own.value;
  return (
    <fieldset class="choices">
      <legend>{text.chooseReason}</legend>
      {codes.map((code, index) => (
        <label key={code} class="choice" data-reason={code}>
          <Key>{String(index + 1)}</Key>
          <input type="radio" name="reason" checked={reason.value === code} onChange={() => choose(index)} />
          <span>{wordFor(text.reasons, code)}</span>
        </label>
      ))}
      {missing.value === "reason" && <p class="note warn" role="alert">{text.needReason}</p>}
    </fieldset>
  );
}

function Conditions({ closing, has }: { closing: boolean; has: number }) {
  const text = own.value;
  const list = conditions.value;
  const inEnglish = language.value === "en";
  if (list.length === 0) return <p class="small">{text.noCondition}</p>;
  return (
    <fieldset class="choices">
      <legend>{closing ? text.chooseClosing : text.chooseCondition}</legend>
      {list.map((one, index) => {
        const limit = one.limits.find((each) => each.step === "handle") ?? one.limits[0];
        return (
          <label key={one.condition_id} class="choice" data-condition={one.seq}>
            <Key>{String(index + 1)}</Key>
            <input type="radio" name="condition" checked={mark.value === index} onChange={() => choose(index)} />
            <span>
              {closing ? (inEnglish && one.closing_en) || one.closing_zh || one.text_zh : (inEnglish && one.text_en) || one.text_zh}
              <span class="small">
                {one.is_default && ` · ${text.default}`}
                {!closing && limit && ` · ${fill(text.limit, { t: said(limit) })}`}
                {!closing && one.min_photos > 0 && ` · ${fill(text.evidenceHas, { n: one.min_photos, has })}`}
              </span>
            </span>
          </label>
        );
      })}
    </fieldset>
  );
}

function Organisations() {
  const text = own.value;
  const told = candidates.value;
  if (told === null) return <p class="small" role="status">{words.value.loading}</p>;
  const dispatch = told === "failed" ? null : told.then.dispatch;
  return (
    <>
      {told === "failed" && <p class="note warn">{text.candidatesFailed}</p>}
      {dispatch?.question && <p class="note warn" data-question><strong>{text.ambiguous}</strong>{said(dispatch.question)}</p>}
      {choices.value.length > 0 ? (
        <fieldset class="choices">
          <legend>{text.chooseOrganisation}</legend>
          {choices.value.slice(0, 9).map((one, index) => {
            const seen = dispatch?.candidates.find((each) => each.organisation?.code === one.code);
            const late = load.value.get(one.code);
            return (
              <label key={one.code} class="choice" data-candidate={one.code}>
                <Key>{String(index + 1)}</Key>
                <input type="radio" name="organisation" checked={!typedCode.value && mark.value === index} onChange={() => choose(index)} />
                <span>
                  <strong>{one.name}</strong>
                  {one.first && <span class="badge good">{text.recommended} · {fill(text.confidence, { n: Math.round((dispatch?.confidence ?? 0) * 100) })}</span>}
                  <span class="small choice-facts">
                    {[seen?.zone && named(seen.zone), seen?.part,
                      seen && (seen.covers ? text.covers : fill(text.distance, { n: metres(seen.distance_m) })),
                      late && late.red + late.yellow > 0 ? fill(text.load, { red: late.red, yellow: late.yellow }) : text.loadNone].filter(Boolean).join(" · ")}
                  </span>
                </span>
              </label>
            );
          })}
        </fieldset>
      ) : <p class="note warn">{text.noCandidates}</p>}
      {dispatch && dispatch.reasons.length > 0 && (
        <details class="because" open><summary>{text.whyThis}</summary>
          <ol class="reasons">{dispatch.reasons.map((one) => <li key={one.code} data-because={one.code}>{said(one)}</li>)}</ol></details>
      )}
      {form.value?.action === "dispatch" && (
        <>
          <div class="field"><label for="other-organisation">{text.otherOrganisation}</label>
            <input id="other-organisation" class="input" value={typedCode.value} placeholder={text.organisationHint} autocomplete="off" spellcheck={false}
              onInput={(event) => (typedCode.value = event.currentTarget.value)}
              onKeyDown={(event) => { if (event.key === "Enter" && !event.isComposing) { event.preventDefault(); confirm(); } }} /></div>
          <Why needed={false} hint={dispatchWhy()} />
        </>
      )}
    </>
  );
}

function Form({ page }: { page: CasePage }) {
  const text = own.value;
  const action = current.value;
  const body = useRef<HTMLDivElement>(null);
  const begun = form.value?.action;
  useEffect(() => {
    // Where words are what is needed, the field is where one types next; digits need no field.
    const kind = begun && KINDS[begun];
    if (kind && (kind.shape === "why" || kind.shape === "ask")) body.current?.querySelector("textarea")?.focus();
    if (kind && (kind.shape === "twin" || kind.shape === "correct")) body.current?.querySelector("input")?.focus();
  }, [begun]);
  if (!action) return null;
  const kind = KINDS[action]!;
  const photos = page.reports.reduce((sum, one) => sum + one.photos.length, 0) + page.photos.filter((one) => one.phase === "verify").length;
  return (
    <div class={`form stack ${form.value ? "begun" : ""}`} data-form={action} ref={body}>
      <h4>{wordFor(text.acts, action)}</h4>
      {kind.shape === "reason" && <><Reasons codes={REASONS[action] ?? []} /><Why needed={false} /></>}
      {(kind.shape === "why" || kind.shape === "ask") && <Why needed={kind.needsWords ?? false} />}
      {kind.shape === "correct" && <>
        <CategoryBox categories={categories.value} value={category.value} onChoose={(code) => (category.value = code)} />
        <Why needed /></>}
      {kind.shape === "twin" && (
        <div class="field"><label for="other-case">{text.searchNo}</label>
          <input id="other-case" class="input" value={typedCode.value} autocomplete="off" onInput={(event) => (typedCode.value = event.currentTarget.value)}
            onKeyDown={(event) => { if (event.key === "Enter" && !event.isComposing) { event.preventDefault(); confirm(); } }} /></div>
      )}
      {(kind.shape === "condition" || kind.shape === "closing") && <Conditions closing={kind.shape === "closing"} has={photos} />}
      {kind.shape === "organisation" && <Organisations />}
      <div class="form-acts">
        <button type="button" class="button primary" data-act="confirm" disabled={busy.value} onClick={confirm}>
          {busy.value ? text.working : wordFor(text.acts, action)}<Key>⏎</Key></button>
        {form.value && <button type="button" class="button" data-act="cancel" disabled={busy.value} onClick={cancel}>{text.cancel}<Key>Esc</Key></button>}
      </div>
    </div>
  );
}

function Outcome({ page }: { page: CasePage }) {
  const text = own.value;
  const now = doing.value;
  if (now.status === "idle" || now.status === "sending" || now.sent.case_no !== page.case_no) return null;
  if (now.status === "refused") {
    const { zh, en, guard } = now.problem as { zh?: string; en?: string; guard?: string };
    const heading = wordFor(text.acts, now.sent.action);
    // A guard says in both languages what does not hold.
    if (!zh || !en) return <ProblemNote problem={now.problem} heading={heading} />;
    return <div class="note bad" role="alert" data-problem={now.problem.code} data-guard={guard}><strong>{heading}</strong><p>{said({ zh, en })}</p></div>;
  }
  if (now.status === "checking") {
    return (
      <div class="note warn" role="alert" data-checking={now.stuck ? "stuck" : "asking"}>
        <strong>{text.unknown}</strong>
        {now.stuck && <><p>{text.unknownStill}</p><button type="button" class="button" onClick={checkNow}>{text.checkAgain}</button></>}
      </div>
    );
  }
  if (now.status === "not_done") return <div class="note warn" role="alert" data-not-done><strong>{text.notDone}</strong></div>;
  const may = actsOf(page).map((one) => wordFor(text.acts, one)).join(language.value === "en" ? ", " : "、");
  return (
    <div class="note warn" role="alert" data-conflict={page.state}>
      <strong>{text.conflict}</strong>
      {now.entry && <p>{fill(text.conflictNow, { who: whoOf(now.entry), at: clock(now.entry.at), act: said(now.entry), state: language.value === "en" ? page.state_en : page.state_zh })}</p>}
      <p>{may ? fill(text.conflictMay, { acts: may }) : text.conflictNone}{now.wrote && ` ${text.conflictKept}`}</p>
      {now.wrote && !form.value && <blockquote data-kept>{written.value}</blockquote>}
    </div>
  );
}

export function StepCard({ page }: { page: CasePage }) {
  const text = own.value;
  const acts = actsOf(page);
  const main = mainOf(page);
  const open = current.value;
  return (
    <section class="step" aria-labelledby="step-title" data-step={page.state}>
      <h3 id="step-title">{text.nextStep}</h3>
      <Outcome page={page} />
      {!acts.some(isStep) && !onSite(page) && <p class="small" data-no-step>{text.noStep} {text.noStepHint}</p>}
      {onSite(page) && <p class="note" data-on-site>{text.onSite} <a href="/officer">{text.onSiteOpen}</a></p>}
      {open && <Form page={page} />}
      {acts.length > 0 && (
        <div class="acts" role="group" aria-label={text.otherActs}>
          {acts.filter((one) => one !== open || (one === main && !form.value)).map((one) => (
            <button key={one} type="button" class={`button ${one === "accept" && !form.value ? "primary" : ""}`} data-act={one} disabled={busy.value} onClick={() => act(one)}>
              {one === open ? text.mainMore : wordFor(text.acts, one)}<Key>{KINDS[one]!.key.toUpperCase()}</Key>
            </button>
          ))}
        </div>
      )}
    </section>
  );
}
