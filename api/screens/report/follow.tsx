// What became of a report, for whoever holds its link: four steps, the result, stars, and what he may still say.
import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { NoAnswer, Refused } from "../shared/client";
import { Icon } from "../shared/icons";
import { clock, day, dayAndTime, fill, named, posted, said } from "../shared/i18n";
import { ProblemNote } from "../shared/problem_note";
import type { Problem } from "../shared/types";
import { calls, type Followed, photoAddress } from "./calls";
import { lastAnswer, pending } from "./sending";
import { go } from "./view";
import { own } from "./words";

type Known = { uid: string; followed: Followed; readAt: number };
const known = signal<Known | null>(null);
const problem = signal<Problem | null>(null);
const away = signal(false);
const LOOKED_AGAIN_MS = 30_000;

async function read(uid: string): Promise<void> {
  try {
    known.value = { uid, followed: await calls.follow(uid), readAt: Date.now() };
    problem.value = null;
    away.value = false;
  } catch (error) {
    if (error instanceof Refused) problem.value = error.problem;
    else away.value = true;
  }
}

/** Reads, and then again now and then while somebody looks. */
function useFollowing(uid: string): void {
  useEffect(() => {
    if (known.peek()?.uid !== uid) known.value = null;
    problem.value = null;
    void read(uid);
    const look = (): void => {
      if (document.visibilityState === "visible") void read(uid);
    };
    const timer = window.setInterval(look, LOOKED_AGAIN_MS);
    document.addEventListener("visibilitychange", look);
    window.addEventListener("online", look);
    return () => {
      window.clearInterval(timer);
      document.removeEventListener("visibilitychange", look);
      window.removeEventListener("online", look);
    };
  }, [uid]);
}

const STARS = [1, 2, 3, 4, 5];

/** Asks the server for something by the report's key; says what came of it. */
function useAct(uid: string) {
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<Problem | "lost" | null>(null);
  const act = async (work: () => Promise<unknown>): Promise<boolean> => {
    setBusy(true);
    setRefused(null);
    try {
      await work();
      await read(uid);
      return true;
    } catch (error) {
      if (error instanceof Refused) setRefused(error.problem);
      else if (error instanceof NoAnswer) setRefused("lost");
      else throw error;
      return false;
    } finally {
      setBusy(false);
    }
  };
  const note = refused === "lost" ? <p class="note warn" role="alert">{own.value.loadFailed}</p>
    : refused && (own.value.rules[refused.code] && refused.code !== "guard_failed"
      ? <p class="note warn" role="alert" data-problem={refused.code}>{own.value.rules[refused.code]}</p> : <ProblemNote problem={refused} />);
  return { busy, act, note };
}

function Star({ full }: { full: boolean }) {
  return <svg class={full ? "star full" : "star"} viewBox="0 0 24 24" aria-hidden="true"><path d="m12 3 2.800 5.900 6.200.8-4.600 4.400 1.200 6.400L12 17.400l-5.600 3.100 1.200-6.400L3 9.700l6.200-.8L12 3Z" /></svg>;
}

function Rate({ uid }: { uid: string }) {
  const text = own.value;
  const [score, setScore] = useState(0);
  const [words, setWords] = useState("");
  const { busy, act, note } = useAct(uid);
  return (
    <form class="stack-s rate" onSubmit={(event) => { event.preventDefault(); if (score) void act(() => calls.rate(uid, score, words.trim())); }} data-rate>
      <fieldset class="stars">
        <legend>{text.rateTitle}</legend>
        {STARS.map((n) => (
          <label key={n} class="star-label">
            <input class="visually-hidden" type="radio" name="score" value={n} checked={score === n} onChange={() => setScore(n)} aria-label={`${n} · ${text.stars[n - 1]}`} />
            <Star full={n <= score} />
          </label>
        ))}
        <span class="star-word" aria-hidden="true">{text.stars[score - 1] ?? ""}</span>
      </fieldset>
      {score > 0 && (
        <>
          <label class="visually-hidden" for="rate-text">{text.rateText}</label>
          <textarea id="rate-text" class="input" rows={2} maxLength={500} placeholder={text.rateText} value={words} onInput={(event) => setWords(event.currentTarget.value)} />
          <button type="submit" class="button primary wide" disabled={busy} data-act="rate">{text.rateSend}</button>
        </>
      )}
      {note}
    </form>
  );
}

function NotDone({ uid, until }: { uid: string; until: string | null }) {
  const text = own.value;
  const [open, setOpen] = useState(false);
  const [reason, setReason] = useState("");
  const { busy, act, note } = useAct(uid);
  if (!open) {
    return (
      <div class="line spread"><span class="small">{until && fill(text.notDoneHint, { day: day(until) })}</span>
        <button type="button" class="button" onClick={() => setOpen(true)} data-act="not-done">{text.notDone}</button></div>
    );
  }
  return (
    <form class="stack-s" onSubmit={(event) => { event.preventDefault(); if (reason.trim()) void act(() => calls.reopen(uid, reason.trim())); }}>
      <div class="field"><label for="reopen-reason">{text.notDoneReason}</label>
        <textarea id="reopen-reason" class="input" rows={3} maxLength={500} required value={reason} onInput={(event) => setReason(event.currentTarget.value)} /></div>
      <button type="submit" class="button primary wide" disabled={busy || !reason.trim()} data-act="reopen">{text.notDoneSend}</button>
      {note}
    </form>
  );
}

function Urge({ uid }: { uid: string }) {
  const text = own.value;
  const [done, setDone] = useState(false);
  const { busy, act, note } = useAct(uid);
  if (done) return <p class="note" role="status" data-urged>{text.urged}</p>;
  return (
    <div class="stack-s">
      <button type="button" class="button wide" disabled={busy} onClick={() => void act(() => calls.urge(uid)).then(setDone)} data-act="urge">{text.urge}</button>
      {note}
    </div>
  );
}

function SecretLink({ uid }: { uid: string }) {
  const text = own.value;
  const [copied, setCopied] = useState<boolean | null>(null);
  const link = `${location.origin}${location.pathname}#${uid}`;
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(link);
      setCopied(true);
    } catch {
      setCopied(false);
    }
  };
  return (
    <div class="note secret">
      <p>{text.keepLink}</p>
      <button type="button" class="button" onClick={() => void copy()} data-act="copy-link"><Icon name={copied ? "check" : "link"} />{copied ? text.copied : text.copyLink}</button>
      {copied === false && <label class="small">{text.copyYourself}<input class="input" readOnly value={link} onFocus={(event) => event.currentTarget.select()} /></label>}
    </div>
  );
}

function Steps({ followed }: { followed: Followed }) {
  const text = own.value;
  const { step, state } = followed.case;
  const ended = named({ name_zh: followed.case.step_zh, name_en: followed.case.step_en });
  const done = state === "closed" || state === "force_closed";
  return (
    <ol class="steps" aria-label={fill(text.step, { n: step })} data-step={step} data-state={state}>
      {text.steps.map((name, index) => {
        const n = index + 1;
        const how = n < step || (n === 4 && done) ? "past" : n === step ? "now" : "to-come";
        return <li key={name} class={how} aria-current={n === step ? "step" : undefined}><span class="step-mark">{how === "past" ? <Icon name="check" /> : n}</span><span>{n === 4 && step === 4 ? ended : name}</span></li>;
      })}
    </ol>
  );
}

function Pictures({ uid, title, hashes, kind }: { uid: string; title: string; hashes: string[]; kind: string }) {
  if (hashes.length === 0) return null;
  return (
    <section class="stack-s" data-pictures={kind}>
      <h3>{title}</h3>
      <ul class="photos">
        {hashes.map((sha256, index) => (
          <li key={sha256} class="photo">
            <a href={photoAddress(uid, sha256, "view")} target="_blank" rel="noopener"><img src={photoAddress(uid, sha256, "large")} alt={fill(own.value.photoOf, { n: index + 1 })} loading="lazy" /></a>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Story({ uid, followed }: { uid: string; followed: Followed }) {
  const text = own.value;
  const { case: one, may } = followed;
  const fresh = lastAnswer.value?.uid === uid ? lastAnswer.value.answer : null;
  const before = <Pictures uid={uid} title={text.yourPhotos} hashes={followed.photos} kind="report" />;
  return (
    <>
      {fresh && <p class="received" role="status" data-received={one.case_no ?? ""}><Icon name="check" />{fresh.joined ? text.receivedJoined : text.received}{fresh.joined && fresh.joined.code !== "joined" && <span class="small"> {said(fresh.joined)}</span>}</p>}
      <div class="surface card stack">
        <div class="line spread"><h2 id="follow-title">{named(one.category)}</h2></div>
        <Steps followed={followed} />
        <dl class="facts">
          {one.case_no && <div class="fact"><dt>{text.caseNo}</dt><dd class="case-no">{one.case_no}</dd></div>}
          <div class="fact"><dt>{text.reportedAt}</dt><dd>{dayAndTime(followed.received_at)}</dd></div>
          {followed.organisation && <div class="fact"><dt>{text.responsible}</dt><dd>{named(followed.organisation)}{followed.post && <span class="small"> · {posted(followed.post)}</span>}</dd></div>}
          {one.closed_at && one.step === 4
            ? <div class="fact"><dt>{text.closedAt}</dt><dd>{dayAndTime(one.closed_at)}</dd></div>
            : followed.organisation && <div class="fact"><dt>{text.deadline}</dt><dd>{one.deadline ? dayAndTime(one.deadline) : text.noDeadline}</dd></div>}
        </dl>
        {followed.counted_only && <p class="note warn">{text.countedOnly}</p>}
        {followed.result_photos.length > 0 && <div class="before-after">{before}<Pictures uid={uid} title={text.resultPhotos} hashes={followed.result_photos} kind="result" /></div>}
        {may.rate && <Rate uid={uid} />}
        {followed.score !== null && (
          <p class="rated" data-rated={followed.score}>{text.rated}: <span class="stars" role="img" aria-label={`${followed.score} · ${text.stars[followed.score - 1]}`}>{STARS.map((n) => <Star key={n} full={n <= followed.score!} />)}</span> {text.stars[followed.score - 1]}</p>
        )}
        {may.reopen && <NotDone uid={uid} until={may.reopen_until} />}
        {may.urge && <Urge uid={uid} />}
        {followed.result_photos.length === 0 && before}
        {followed.history.length > 0 && <details class="history"><summary>{text.history}</summary>
          <ol>{followed.history.map((entry, index) => <li key={index}><span class="small">{dayAndTime(entry.at)}</span> {said(entry)}</li>)}</ol></details>}
      </div>
      <SecretLink uid={uid} />
    </>
  );
}

export function FollowView({ uid }: { uid: string }) {
  const text = own.value;
  useFollowing(uid);
  const now = known.value?.uid === uid ? known.value : null;
  return (
    <section class="page stack" aria-labelledby="follow-title" data-follow={uid}>
      {away.value && <p class="note warn" role="status">{now ? fill(text.unreachable, { time: clock(now.readAt) }) : text.loadFailed}</p>}
      {now ? <Story uid={uid} followed={now.followed} /> : problem.value
        ? <div class="note warn" role="alert" data-problem={problem.value.code}><h2 id="follow-title" class="plain">{problem.value.code === "not_found" ? pending.value?.body.client_uid === uid ? text.unsent : text.notThere : problem.value.title}</h2></div>
        : <div role="status"><h2 id="follow-title" class="plain">{text.loading}</h2></div>}
      <div class="line">
        <button type="button" class="button" onClick={() => void read(uid)} data-act="refresh">{text.refresh}</button>
        <button type="button" class="button primary grow" onClick={() => go("what")} data-act="again"><Icon name="flag" />{text.again}</button>
      </div>
    </section>
  );
}
