// What the click says: who is responsible, what is here, what happened here.
import { CategoryBox } from "../../shared/category_box";
import { city } from "../../shared/catalog";
import { fill, metres, named, posted, said, titled, wordFor, words } from "../../shared/i18n";
import { Icon } from "../../shared/icons";
import { me } from "../../shared/session";
import type { Located } from "../../shared/types";
import { asked, goTo, openCase } from "../state";
import type { Found, Happening } from "./calls";
import { Card, Told } from "./card";
import { again, AROUND_M, BACK_DAYS, categories, category, happened, responsible, under } from "./here";
import { listed, nameOf } from "./names";
import { when } from "./time";
import { own } from "./words";

const askAgain = (): void => {
  again.value += 1;
};

function Who({ located }: { located: Located }) {
  const text = words.value;
  const percent = Math.round(located.confidence * 100);
  const people = [located.handler, located.superior].filter((each) => each != null);
  return (
    <div class="stack" data-answer>
      <div class="who">
        <p class="who-organisation" data-organisation={located.organisation.code}>{named(located.organisation)}</p>
        {located.mode === "desk" && <p class="badge warn">{text.onDesk}</p>}
        {people.map((post, n) => (
          <p key={n} class="who-post">{n === 0 && located.handler ? text.handler : text.superior} · {[posted(post), post.name].filter(Boolean).join(" ")}</p>
        ))}
      </div>
      <div class="confidence">
        <div class="confidence-line"><span>{text.confidence} <strong>{percent}%</strong></span>
          {located.ambiguous && <span class="badge warn"><Icon name="warn" />{text.ambiguous}</span>}</div>
        <meter min={0} max={100} low={60} high={90} optimum={100} value={percent} aria-label={text.confidence}>{percent}%</meter>
      </div>
      <details class="why"><summary>{own.value.whyTitle}</summary>
        <ol class="reasons">{located.reasons.map((reason, n) => <li key={n} data-reason={reason.code}>{said(reason)}</li>)}</ol></details>
      <dl class="facts">
        {located.zone && <div class="fact"><dt>{text.zone}</dt><dd>{named(located.zone)}</dd></div>}
        {located.grid_cell && <div class="fact"><dt>{text.gridCell}</dt><dd>{located.grid_cell}</dd></div>}
        <div class="fact"><dt>{text.areas}</dt><dd>{[located.areas.district, located.areas.street, located.areas.community].filter((each) => each != null).map(named).join(" › ")}</dd></div>
      </dl>
    </div>
  );
}

/** How many names of one layer are listed before the rest is a number. */
const LISTED = 3;

function What({ found, more }: { found: Found[]; more: boolean }) {
  if (found.length === 0) return <p class="small">{own.value.nothingHere}</p>;
  const layers = Map.groupBy(found, (each) => each.layer);
  return (
    <>
      <dl class="facts" data-under>
        {(city.value?.layers ?? []).filter((layer) => layers.has(layer.id)).map((layer) => {
          const its = layers.get(layer.id)!;
          const names = [...new Set(its.map(nameOf))];
          return (
            <div class="fact" key={layer.id} data-under-layer={layer.id}>
              <dt>{titled(layer)}</dt>
              <dd>{listed(names.slice(0, LISTED))}{its.length > LISTED && <span class="small"> {fill(own.value.andMore, { n: its.length })}</span>}</dd>
            </div>
          );
        })}
      </dl>
      {more && <p class="small">{own.value.more}</p>}
    </>
  );
}

function Was({ cases, more }: { cases: Happening[]; more: boolean }) {
  if (cases.length === 0) return <p class="small">{fill(own.value.nothingHappened, { d: BACK_DAYS, m: metres(AROUND_M) })}</p>;
  return (
    <>
      <ul class="cases" data-happened={cases.length}>
        {cases.map((each) => (
          <li key={each.case_no}>
            <button type="button" class="case" data-case-no={each.case_no} onClick={() => {
              goTo.value = { lon: each.lon, lat: each.lat };
              openCase.value = each.case_no;
            }}>
              <span class="case-category">{named(each.category)}</span>
              <span class="case-time">{when(Date.parse(each.reported_at))}</span>
              <span class="case-to small">{each.distance_m != null && fill(words.value.away, { n: metres(each.distance_m) })}</span>
              <span class="case-state small">{wordFor(words.value.states, each.state)}</span>
            </button>
          </li>
        ))}
      </ul>
      {more && <p class="small">{own.value.more}</p>}
    </>
  );
}

export function HereCard() {
  const text = own.value;
  const at = asked.value;
  if (!at) return null;
  const was = happened.value;
  return (
    <Card id="here" title={text.here} onClose={() => (asked.value = null)}
      aside={<span class="small">{at.lon.toFixed(5)}, {at.lat.toFixed(5)} ±{metres(at.accuracy_m)}</span>}>
      <section class="stack" aria-live="polite">
        <h3>{text.who}</h3>
        <CategoryBox categories={categories.value} value={category.value} onChoose={(code) => (category.value = code)} />
        {responsible.value && <Told answer={responsible.value} onAgain={askAgain} show={(located) => <Who located={located} />} />}
      </section>
      {under.value && <section><h3>{text.whatIs}</h3>
        <Told answer={under.value} onAgain={askAgain} show={({ found, more }) => <What found={found} more={more} />} /></section>}
      {was && <section><h3>{text.whatWas} <span class="small">{fill(text.around, { m: metres(AROUND_M), d: BACK_DAYS })}{was.status === "answered" && ` · ${fill(text.count, { n: was.told.cases.length })}`}</span></h3>
        <Told answer={was} onAgain={askAgain} show={({ cases, more }) => <Was cases={cases} more={more} />} /></section>}
      {!me.value && <p class="small">{text.signInForMore}</p>}
    </Card>
  );
}
