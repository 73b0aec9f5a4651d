// Step three: send as it is, or say more. What others reported near by stands first: it may save a case.
import { useEffect } from "preact/hooks";
import { Icon } from "../shared/icons";
import { fill, metres, named, words } from "../shared/i18n";
import { ProblemNote } from "../shared/problem_note";
import type { NearReport } from "./calls";
import { category, categoryName, change, draft, LONGEST_TEXT } from "./draft";
import { KindIcon } from "./kind_icon";
import { join, near, readNear } from "./near";
import { addPhotos, MOST_PHOTOS, type Photo, photos, removePhoto, sendPhotos } from "./photos";
import { frozen, giveUp, online, pending, pump, send, sending } from "./sending";
import { go, goInstead } from "./view";
import { own } from "./words";

function ago(hours: number): string {
  const text = own.value;
  if (hours < 1) return text.within1h;
  return hours < 24 ? fill(text.hoursAgo, { n: hours }) : fill(text.daysAgo, { n: Math.floor(hours / 24) });
}

function NearCard({ one }: { one: NearReport }) {
  const text = own.value;
  const chosen = draft.value.joins?.word === one.joins;
  const facts = [
    one.distance_m < 10 ? text.justHere : fill(text.about, { n: metres(one.distance_m) }),
    ago(one.age_hours),
    ...(one.reports_at_least > 1 ? [fill(text.atLeast, { n: one.reports_at_least })] : []),
  ];
  return (
    <li class={chosen ? "near chosen" : "near"} data-near={one.category.code}>
      <div>
        <strong>{named(one.category)}</strong> <span class="badge">{named({ name_zh: one.step_zh, name_en: one.step_en })}</span>
        <p class="small">{facts.join(" · ")}</p>
      </div>
      <button type="button" class={chosen ? "button primary" : "button"} aria-pressed={chosen} disabled={frozen.value} onClick={() => join(chosen ? null : one)} data-act="me-too">
        {chosen && <Icon name="check" />}{text.meToo}
      </button>
    </li>
  );
}

function Near() {
  const text = own.value;
  if (near.value.length === 0) return null;
  return (
    <section class="note nears" aria-labelledby="near-title">
      <strong id="near-title">{text.somebodyDid}</strong>
      <p class="small">{text.somebodyDidHint}</p>
      <ul>{near.value.map((one) => <NearCard key={one.joins} one={one} />)}</ul>
    </section>
  );
}

function PhotoTile({ one, n }: { one: Photo; n: number }) {
  const text = own.value;
  return (
    <li class={`photo ${one.state}`} data-photo={one.state}>
      {one.url ? <img src={one.url} alt={fill(text.photoOf, { n })} /> : <span class="photo-empty" />}
      <span class="photo-state" role="status">
        {one.state === "sent" ? <Icon name="check" /> : one.state === "refused" ? <Icon name="warn" /> : <span class="turning" aria-hidden="true" />}
        {text.photoStates[one.state]}
      </span>
      {!frozen.value && (
        <button type="button" class="photo-remove" aria-label={fill(text.removePhoto, { n })} onClick={() => removePhoto(one.id)} data-act="remove-photo"><Icon name="close" /></button>
      )}
    </li>
  );
}

function Photos() {
  const text = own.value;
  const spoiled = photos.value.find((one) => one.state === "refused")?.problem;
  return (
    <section class="stack-s" aria-labelledby="photos-title">
      <h3 id="photos-title">{text.photos}</h3>
      <ul class="photos">
        {photos.value.map((one, index) => <PhotoTile key={one.id} one={one} n={index + 1} />)}
        {photos.value.length < MOST_PHOTOS && !frozen.value && (
          <li>
            <label class="photo-add">
              <Icon name="camera" /><span>{text.addPhoto}</span>
              <input class="visually-hidden" type="file" accept="image/*" multiple data-field="photos"
                onChange={(event) => { void addPhotos(event.currentTarget.files ?? []); event.currentTarget.value = ""; }} />
            </label>
          </li>
        )}
      </ul>
      {spoiled === "unreadable" ? <p class="note bad" role="alert">{text.photoBad}</p> : spoiled && <ProblemNote problem={spoiled} heading={text.rules[spoiled.code] ?? ""} />}
      <p class="small">{fill(text.photosHint, { n: MOST_PHOTOS })}</p>
    </section>
  );
}

/** What is happening to it, while it is under way or waits. */
function Progress() {
  const text = own.value;
  const now = sending.value;
  if (now.status === "waiting") {
    return (
      <div class="note warn stack-s" role="status" data-waiting={pending.value ? "answer" : "photos"}>
        <p>{online.value && pending.value ? text.unknown : text.offline}</p>
        <div class="line">
          <button type="button" class="button" onClick={() => void pump()} data-act="retry">{text.retryNow}</button>
          <button type="button" class="button quiet" onClick={giveUp} data-act="give-up">{text.giveUp}</button>
        </div>
      </div>
    );
  }
  if (now.status === "idle" && now.problem) {
    return now.problem.code === "not_joinable"
      ? <p class="note warn" role="alert" data-problem="not_joinable">{text.notJoinable}</p>
      : <ProblemNote problem={now.problem} heading={words.value.refused} />;
  }
  return null;
}

function sendLabel(): string {
  const text = own.value;
  const now = sending.value;
  if (now.status === "photos" && photos.value.some((one) => one.state !== "sent")) {
    return fill(text.sendingPhotos, { n: photos.value.filter((one) => one.state === "sent").length + 1, all: photos.value.length });
  }
  if (now.status === "sending" || now.status === "photos") return text.sending;
  if (now.status === "waiting") return text.sendingLater;
  return draft.value.joins ? text.sendMeToo : text.send;
}

export function MoreStep() {
  const text = own.value;
  const { place, text: written, category: code } = draft.value;
  useEffect(() => {
    if (!draft.peek().category) return goInstead("what");
    if (!draft.peek().place) return goInstead("where");
    if (near.peek().length === 0 && !frozen.peek()) void readNear();
    // What could not be sent when it was chosen.
    void sendPhotos().catch(() => undefined);
  }, []);
  const busy = sending.value.status === "sending" || sending.value.status === "photos";
  return (
    <form class="more-step" onSubmit={(event) => { event.preventDefault(); send(); }} noValidate>
      <div class="page stack">
        <h2 class="visually-hidden">{text.checkTitle}</h2>
        <ul class="chosen-so-far surface">
          <li><KindIcon code={code} /><strong>{categoryName.value}</strong>
            {!frozen.value && <button type="button" class="link" onClick={() => go("what")} data-act="change-kind">{text.changeKind}</button>}</li>
          <li><Icon name="ask" /><span>{place?.name || text.fromMap}{place && <span class="small"> ±{metres(place.told.accuracy_m)}</span>}</span>
            {!frozen.value && <button type="button" class="link" onClick={() => go("where")} data-act="change-place">{text.changePlace}</button>}</li>
        </ul>
        {category.value?.severity === "danger" && <p class="note bad"><strong>{text.danger}</strong></p>}
        <Near />
        <p class="label-line">{text.moreTitle}</p>
        <Photos />
        <div class="field">
          <label for="note">{text.note}</label>
          <textarea id="note" class="input" rows={3} maxLength={LONGEST_TEXT} placeholder={text.noteHint} value={written} disabled={frozen.value} dir="auto"
            onInput={(event) => change({ text: event.currentTarget.value })} />
        </div>
      </div>
      <div class="sheet">
        {!online.value && sending.value.status !== "waiting" && <p class="note warn" role="status" data-offline>{text.offline}</p>}
        <Progress />
        <button type="submit" class="button primary wide big" disabled={busy || frozen.value} data-act="send"><Icon name="flag" />{sendLabel()}</button>
      </div>
    </form>
  );
}
