// A case and what it may repeat, side by side: photographs, words, place and time.
import { dayAndTime, fill, metres, named } from "../shared/i18n";
import { act, busy, choose } from "./act_state";
import { thumb, type CasePage, type Duplicate } from "./calls";
import { compared, duplicates, enlarged } from "./case_state";
import { stateOf } from "./inbox";
import { span } from "./times";
import { own } from "./words";

export function Pictures({ shas, alt, size = "small" }: { shas: readonly string[]; alt: string; size?: "small" | "large" }) {
  return (
    <div class="pictures">
      {shas.map((sha, index) => (
        <button key={sha} type="button" class="picture" aria-label={`${alt} ${index + 1}`} onClick={() => (enlarged.value = sha)}>
          <img src={thumb(sha, size)} alt="" loading="lazy" />
        </button>
      ))}
    </div>
  );
}

function Side({ title, no, state, at, words, photos, category }:
  { title: string; no: string; state: string; at: string; words: string | null | undefined; photos: readonly string[]; category: string }) {
  const text = own.value;
  return (
    <div class="side" data-side={no}>
      <h4>{title} <span class="small">{no}</span></h4>
      {photos.length > 0 ? <Pictures shas={photos.slice(0, 3)} alt={`${title} ${text.photos}`} /> : <p class="no-picture small">{text.noPhotos}</p>}
      <p class="side-words">{words || text.noText}</p>
      <p class="small">{category} · {state}<br />{dayAndTime(at)}</p>
    </div>
  );
}

export function Twins({ page }: { page: CasePage }) {
  const text = own.value;
  const found = duplicates.value;
  const other: Duplicate | undefined = found[compared.value];
  if (!other || !page.allowed.includes("link")) return null;
  const apart = Math.abs(Date.parse(page.reported_at) - Date.parse(other.reported_at)) / 1000;
  const { parts } = other;
  const over = other.closed_at !== null;
  return (
    <section class="twins" aria-labelledby="twins-title" data-twins={found.length}>
      <header><h3 id="twins-title">{text.duplicatesTitle}</h3>
        {found.length > 1 && (
          <div class="chips" role="group" aria-label={text.duplicatesTitle}>
            {found.slice(0, 9).map((one, index) => (
              <button key={one.case_no} type="button" class="chip" aria-pressed={index === compared.value} data-twin={one.case_no} onClick={() => choose(index)}>
                <kbd aria-hidden="true">{index + 1}</kbd>{fill(text.score, { n: Math.round(one.score * 100) })}</button>
            ))}
          </div>
        )}
      </header>
      <div class="sides">
        <Side title={text.thisCase} no={page.case_no} state={stateOf(page)} at={page.reported_at} category={named(page.category)}
          words={page.reports[0]?.text} photos={page.reports.flatMap((one) => one.photos)} />
        <Side title={text.thatCase} no={other.case_no} state={stateOf(other)} at={other.reported_at} category={named(other.category)}
          words={other.text} photos={other.photos ?? []} />
      </div>
      <div class="twins-foot">
        <p class="small">
          {[fill(text.score, { n: Math.round(other.score * 100) }), fill(text.apart, { n: metres(parts.distance_m) }), fill(text.laterBy, { t: span(apart) }),
            parts.same_part && text.samePart, parts.same_device && text.sameDevice,
            parts.likeness !== undefined && fill(text.textAlike, { n: Math.round(parts.likeness * 100) })].filter(Boolean).join(" · ")}
        </p>
        {over ? <p class="small">{text.overAlready}</p>
          : <button type="button" class="button" data-act="link-this" disabled={busy.value} onClick={() => act("link")}>{text.linkTo}<kbd aria-hidden="true">L</kbd></button>}
      </div>
    </section>
  );
}
