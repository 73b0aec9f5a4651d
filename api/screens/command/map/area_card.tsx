// What the drawn area holds: who lives and works in it, what stands in it, what goes on in it.
import { city } from "../../shared/catalog";
import { fill, titled, words } from "../../shared/i18n";
import { Icon } from "../../shared/icons";
import { area, goTo, openCase } from "../state";
import { MOST_INSIDE } from "./calls";
import { Card } from "./card";
import { again, areaM2, closed, inside, type Inside, residents } from "./inside";
import { grouped, listed } from "./names";
import { number } from "./time";
import { own } from "./words";

const LISTED = 8;

const counted = ({ found, more }: { found: unknown[]; more: boolean }): string =>
  more ? fill(own.value.atLeast, { n: number(MOST_INSIDE) }) : number(found.length);

function Members({ of }: { of: Inside }) {
  if (of.layer === "cases") {
    return (
      <ul class="inside-list">
        {of.found.slice(0, LISTED * 2).map((each) => (
          <li key={each.id}><button type="button" class="link" data-case-no={each.id} onClick={() => (openCase.value = String(each.id))}>{grouped([each])[0]?.[0]} <span class="small">{each.id}</span></button></li>
        ))}
        {of.found.length > LISTED * 2 && <li class="small">{own.value.more}</li>}
      </ul>
    );
  }
  const groups = grouped(of.found);
  return (
    <ul class="inside-list">
      {groups.slice(0, LISTED).map(([name, count]) => <li key={name}>{name}{count > 1 && <span class="small"> × {count}</span>}</li>)}
      {groups.length > LISTED && <li class="small">{own.value.more}</li>}
    </ul>
  );
}

function Row({ of }: { of: Inside }) {
  const layer = city.value?.layers.find((each) => each.id === of.layer);
  if (!layer) return null;
  const title = titled(layer);
  if (of.status !== "answered" || of.found.length === 0) {
    return (
      <li class="inside-row" data-inside={of.layer} data-status={of.status}>
        <span>{title}</span>
        {of.status === "failed" ? <span class="badge warn"><Icon name="warn" />{of.detail || own.value.readFailed}</span>
          : <span class="small">{of.status === "asking" ? own.value.asking : own.value.none}</span>}
      </li>
    );
  }
  return (
    <li data-inside={of.layer} data-status="answered" data-number={of.found.length}>
      <details>
        <summary class="inside-row"><span>{title}</span><strong>{counted(of)}</strong></summary>
        <Members of={of} />
      </details>
    </li>
  );
}

/** The numbers that are asked for first. */
const TOTALS = ["cases", "officers", "buildings", "fixtures"] as const;

export function AreaCard() {
  const text = own.value;
  if (!area.value) return null;
  const all = inside.value;
  const people = residents.value;
  const m2 = areaM2.value;
  const size = m2 >= 100_000 ? fill(text.areaSize, { n: number(Math.round(m2 / 1e4) / 100) }) : fill(text.areaSizeM, { n: number(Math.round(m2)) });
  const failed = all.some((each) => each.status === "failed");
  return (
    <Card id="area" title={text.areaTitle} aside={<span class="small" data-area-m2={Math.round(m2)}>{size}</span>} onClose={() => (area.value = null)}>
      <dl class="totals" aria-live="polite">
        {people && <div class="total"><dt>{text.residents}</dt>
          <dd data-residents={people.people}>{people.more ? fill(text.atLeast, { n: number(people.people) }) : number(people.people)}</dd>
          <dd class="small" title={text.residentsNote}>{fill(text.households, { n: number(people.households) })}</dd></div>}
        {TOTALS.map((id) => {
          const of = all.find((each) => each.layer === id && each.status === "answered");
          return of ? <div class="total" key={id}><dt>{text.totals[id]}</dt><dd data-total={id}>{counted(of)}</dd></div> : null;
        })}
      </dl>
      <ul class="inside">{all.map((each) => <Row key={each.layer} of={each} />)}</ul>
      {closed.value.length > 0 && <p class="small">{fill(text.notCounted, { names: listed(closed.value.map(titled)) })}</p>}
      <div class="inside-actions">
        {failed && <button type="button" class="button" onClick={() => (again.value += 1)}>{words.value.tryAgain}</button>}
        <button type="button" class="button" data-act="show-area" onClick={() => {
          const ring = area.value?.coordinates[0] ?? [];
          const [lons, lats] = [ring.map((at) => at[0]!), ring.map((at) => at[1]!)];
          goTo.value = { lon: (Math.min(...lons) + Math.max(...lons)) / 2, lat: (Math.min(...lats) + Math.max(...lats)) / 2 };
        }}><Icon name="locate" />{text.showArea}</button>
        <button type="button" class="button" data-act="clear-area" onClick={() => (area.value = null)}><Icon name="close" />{text.clear}</button>
      </div>
    </Card>
  );
}
