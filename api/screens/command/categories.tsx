// What is reported most: each bar opens its cases and shows them on the map.
import { said } from "../shared/i18n";
import { queryOf } from "./calls";
import { useFit } from "./fit";
import { written } from "./number";
import { Panel } from "./panel";
import { type Back, back, categories, lookBack } from "./readings";
import { openList, openNumber } from "./state";
import { own } from "./words";

const TEN = 10;
const ROW_REM = 1.9;

export function TopTen() {
  const text = own.value;
  const { value, ...figure } = categories.figure.value;
  const [list, room] = useFit(ROW_REM);
  const rows = (value?.rows ?? []).filter((row) => (row.values.case_count?.value ?? 0) > 0)
    .sort((a, b) => (b.values.case_count?.value ?? 0) - (a.values.case_count?.value ?? 0)).slice(0, TEN);
  const most = rows[0]?.values.case_count?.value ?? 1;
  const periods: Back[] = [1, 7, 30];
  return (
    <Panel id="categories" title={text.topTen} figure={{ value, ...figure }}
      aside={
        <span class="choices" role="group" aria-label={text.topTen}>
          {periods.map((days) => (
            <button key={days} type="button" class="choice" aria-pressed={back.value === days} data-back={days} onClick={() => lookBack(days)}>{text.backs[days]}</button>
          ))}
        </span>
      }>
      {value && rows.length === 0 && <p class="part-body small">{text.noCategories}</p>}
      <ol class="bars" ref={list}>
        {rows.slice(0, room).map((row) => {
          const count = row.values.case_count?.value ?? 0;
          const title = `${said(row.subject)} · ${text.backs[back.value]}`;
          return (
            <li key={row.subject.key}>
              <button type="button" class="bar-row" data-category={row.subject.key} aria-pressed={openNumber.value?.title === title}
                onClick={() => openList({ code: "case_count", title, query: queryOf(row.values.case_count?.cases) })}>
                <span class="bar-name" title={said(row.subject)}>{said(row.subject)}</span>
                <span class="bar-track"><span class="bar-fill" style={{ width: `${(100 * count) / most}%` }} /></span>
                <span class="bar-number">{written.count(count).number}</span>
              </button>
            </li>
          );
        })}
      </ol>
    </Panel>
  );
}
