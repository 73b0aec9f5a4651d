// The card of a number: what it counts, how it went in the last two weeks, and its cases.
import type { EChartsCoreOption } from "echarts/core";
import { useEffect, useState } from "preact/hooks";
import { fill, language, named, wordFor, words } from "../shared/i18n";
import { ProblemNote } from "../shared/problem_note";
import { calls, type CaseSummary, type DeskCase, type Numbers } from "./calls";
import { dateOf, due, moment, plusDays } from "./city_time";
import { listed, type Part, part, readOn, showPart } from "./list";
import { plain, valueOf, written } from "./number";
import { Panel } from "./panel";
import { type Look, Plot } from "./plot";
import { meanings } from "./readings";
import { openNumber, type OpenNumber, showCase } from "./state";
import { own } from "./words";

const TREND_DAYS = 14;
/** Seconds are no measure of days' work. */
const HOUR_S = 3600;

function Trend({ number }: { number: OpenNumber }) {
  const [told, setTold] = useState<Numbers | null>(null);
  const { code, query: { where } } = number;
  useEffect(() => {
    let gone = false;
    const date = dateOf(Date.now());
    setTold(null);
    // Without an answer there is no trend; the cases are what was asked for.
    void calls.numbers(code, { from: plusDays(date, -TREND_DAYS), to: date, by: "day", ...(where ? { where: [where] } : {}) })
      .then((numbers) => !gone && setTold(numbers), () => undefined);
    return () => {
      gone = true;
    };
  }, [code, where]);
  const meaning = told?.indicators[0];
  if (!told || !meaning) return <div class="trend"><h3>{own.value.trend}</h3></div>;
  const scale = meaning.form === "rate" ? 100 : meaning.form === "duration" ? 1 / HOUR_S : 1;
  const { units } = own.value;
  const unit = meaning.form === "rate" ? units.percent : meaning.form === "duration" ? units.hours : units.cases;
  const days = told.rows.map((row) => row.subject.key ?? "");
  const values = told.rows.map((row) => row.values[code]?.value ?? null);
  const option = (look: Look): EChartsCoreOption => {
    const label = { color: look.ink, fontSize: look.px(0.75), fontFamily: look.font };
    return {
      grid: { left: look.px(2.4), right: look.px(0.5), top: look.px(0.6), bottom: look.px(1.4) },
      xAxis: {
        type: "category", data: days, axisTick: { show: false }, axisLine: { lineStyle: { color: look.line } },
        axisLabel: { ...label, interval: 3, formatter: (day: string) => `${Number(day.slice(5, 7))}/${Number(day.slice(8))}` },
      },
      yAxis: { type: "value", splitNumber: 2, scale: meaning.form === "rate", axisLabel: label, splitLine: { lineStyle: { color: look.line, opacity: 0.5 } } },
      tooltip: {
        trigger: "axis", renderMode: "richText", confine: true, transitionDuration: 0, backgroundColor: "rgba(16,22,28,0.95)", borderColor: look.line,
        textStyle: { color: "#eef3f7", fontSize: look.px(0.8125), fontFamily: look.font },
        formatter: (at: unknown) => {
          const n = (at as { dataIndex: number }[])[0]?.dataIndex ?? 0;
          return `${days[n]}  ${plain(valueOf(meaning.form, told.rows[n]?.values[code]))}`;
        },
      },
      series: [{ type: meaning.form === "count" ? "bar" : "line", data: values.map((value) => value === null ? null : value * scale), symbol: "none",
        connectNulls: true, itemStyle: { color: look.series }, lineStyle: { color: look.series, width: look.px(0.15) } }],
    };
  };
  return (
    <div class="trend">
      <h3>{own.value.trend}{unit && ` · ${unit}`}</h3>
      <Plot of={`${code}${where}${language.value}${JSON.stringify(values)}`} option={option} label={fill(own.value.trendAria, { name: number.title })} />
    </div>
  );
}

function Row({ one }: { one: CaseSummary | DeskCase }) {
  const left = "clock" in one && one.clock.deadline ? due(one.clock.deadline) : null;
  return (
    <li data-case-no={one.case_no}>
      <button type="button" class="row plain" onClick={() => showCase(one.case_no, one)}>
        <span class="row-name"><strong>{named(one.category)}</strong>
          {(one.severity === "danger" || one.severity === "urgent") && <span class={`badge ${one.severity === "danger" ? "bad" : "warn"}`}>{own.value[one.severity]}</span>}</span>
        <span class={`row-time small ${left?.late ? "bad" : ""}`}>{left ? left.text : moment(one.reported_at)}</span>
        <span class="row-who small">{named(one.organisation)}</span>
        <span class="row-time small">{wordFor(words.value.states, one.state)}</span>
      </button>
    </li>
  );
}

function Meaning({ number }: { number: OpenNumber }) {
  const catalogue = meanings.figure.value.value?.indicators.find((one) => one.code === number.code);
  const ours = number.query.where ? undefined : own.value.means[number.code];
  const theirs = catalogue && (language.value === "en" ? catalogue.note_en : catalogue.note_zh);
  return (
    <div class="meaning small">
      {catalogue && number.query.where && <p><strong>{language.value === "en" ? catalogue.en : catalogue.zh}</strong></p>}
      {ours && <p>{ours}</p>}
      {theirs && <p>{theirs}</p>}
    </div>
  );
}

export function Drawer() {
  const text = own.value;
  const number = openNumber.value;
  if (!number) return null;
  const { rows, after, reading, problem } = listed.value;
  const indicator = meanings.figure.value.value?.indicators.find((one) => one.code === number.code);
  const parts: Part[] = ["counted", "rest"];
  return (
    <Panel id="list" title={number.title} onClose={() => (openNumber.value = null)}
      aside={!reading || rows.length > 0 ? <span class="small aside" data-listed={rows.length}>{fill(text.listOf, { n: `${written.count(rows.length).number}${after ? "+" : ""}` })}</span> : undefined}>
      <div class="part-body scroll">
        <Meaning number={number} />
        {indicator && <Trend number={number} />}
        {indicator?.form === "rate" && (
          <div class="choices" role="group" aria-label={number.title}>
            {parts.map((each) => <button key={each} type="button" class="choice" data-part={each} aria-pressed={part.value === each} onClick={() => showPart(each)}>{text.parts[each]}</button>)}
          </div>
        )}
        <ul class="rows whole">{rows.map((one) => <Row key={one.case_no} one={one} />)}</ul>
        {problem && <ProblemNote problem={{ ...problem, title: problem.title || words.value.loadFailed }} />}
        {reading ? <p class="small" role="status">{text.reading}</p>
          : problem ? <button type="button" class="button wide" onClick={() => void readOn()}>{words.value.tryAgain}</button>
          : after ? <button type="button" class="button wide" data-act="more" onClick={() => void readOn()}>{text.listMore}</button>
          : <p class="small" data-all>{rows.length ? text.listAll : text.listNone}</p>}
      </div>
    </Panel>
  );
}
