// The streets in the order of their on-time rate; of how few cases a rate is, is said.
import { fill, said } from "../shared/i18n";
import { type Numbers, queryOf } from "./calls";
import { useFit } from "./fit";
import { plain, written } from "./number";
import { Panel } from "./panel";
import { streets } from "./readings";
import { openList, openNumber } from "./state";
import { own } from "./words";

const RATE = "on_time_handling_rate";
const ROW_REM = 1.9;

interface Ranked {
  key: string;
  name: string;
  rate: number;
  numerator: number;
  denominator: number;
  few: boolean;
  cases: string | undefined;
}

/** Best first; of equal ones that which has handled more. Whoever had nothing to handle has no rank. */
export function ranked(told: Numbers): Ranked[] {
  const found: Ranked[] = [];
  for (const { subject, values } of told.rows) {
    const value = values[RATE];
    if (subject.key === null || !value || !("numerator" in value) || value.value === null) continue;
    found.push({
      key: subject.key, name: said(subject), rate: value.value, numerator: value.numerator ?? 0, denominator: value.denominator, few: value.few, cases: value.cases,
    });
  }
  return found.sort((a, b) => b.rate - a.rate || b.denominator - a.denominator);
}

/** Where there is no room for all, the best and the worst: those between them are nobody's concern from across a room. */
export function bestAndWorst(rows: Ranked[], room: number): { row: Ranked; rank: number; gap: boolean }[] {
  const all = rows.map((row, n) => ({ row, rank: n + 1, gap: false }));
  if (all.length <= room) return all;
  const best = Math.ceil(room / 2);
  return [...all.slice(0, best), ...all.slice(all.length - (room - best)).map((one, n) => ({ ...one, gap: n === 0 }))];
}

export function Streets() {
  const text = own.value;
  const figure = streets.figure.value;
  const [list, room] = useFit(ROW_REM);
  const rows = figure.value ? ranked(figure.value) : [];
  return (
    <Panel id="streets" title={text.streets} figure={figure} aside={<span class="small aside">{text.streetsOf}</span>}>
      {figure.value && rows.length === 0 && <p class="part-body small">{text.noStreets}</p>}
      <ol class="bars ranked" ref={list}>
        {bestAndWorst(rows, room).map(({ row, rank, gap }) => {
          const title = `${row.name} · ${text.rate}`;
          return (
            <li key={row.key} class={gap ? "gap" : ""}>
              <button type="button" class="bar-row" data-street={row.key} aria-pressed={openNumber.value?.title === title}
                title={`${fill(text.ratio, { k: row.numerator, n: row.denominator })}${row.few ? ` · ${text.few}` : ""}`}
                onClick={() => openList({ code: RATE, title, query: queryOf(row.cases) })}>
                <span class="bar-rank">{rank}</span>
                <span class="bar-name" title={row.name}>{row.name}</span>
                <span class="bar-track"><span class="bar-fill" style={{ width: `${100 * row.rate}%` }} /></span>
                <span class="bar-number">{plain(written.rate(row.rate))}{row.few && <abbr class="few" title={text.few}>*</abbr>}</span>
              </button>
            </li>
          );
        })}
      </ol>
    </Panel>
  );
}
