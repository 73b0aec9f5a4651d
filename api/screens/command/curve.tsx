// The day by the hour, over a usual day.
import type { EChartsCoreOption } from "echarts/core";
import { fill } from "../shared/i18n";
import { type Numbers, queryOf } from "./calls";
import { hourOf } from "./city_time";
import { Panel } from "./panel";
import { type Look, Plot } from "./plot";
import { today, usual, USUAL_DAYS } from "./readings";
import { openList } from "./state";
import { own } from "./words";

const HOURS = Array.from({ length: 24 }, (_, hour) => String(hour).padStart(2, "0"));

const byHour = (told: Numbers): Map<string | null, number> =>
  new Map(told.rows.map((row) => [row.subject.key, row.values.case_count?.value ?? 0]));

interface Drawn {
  /** Of the hours that are over. */
  today: (number | null)[];
  /** The hour that runs, so far. */
  running: (number | null)[];
  usual: number[];
}

export function hours(now: Numbers, past: Numbers | null): Drawn {
  const counted = byHour(now);
  const until = Math.floor(hourOf(Date.parse(now.to)));
  const mean = past ? byHour(past) : null;
  return {
    today: HOURS.map((hour, n) => (n >= until ? null : counted.get(hour) ?? 0)),
    running: HOURS.map((hour, n) => (n === until ? counted.get(hour) ?? 0 : null)),
    usual: mean ? HOURS.map((hour) => (mean.get(hour) ?? 0) / USUAL_DAYS) : [],
  };
}

function option(look: Look, drawn: Drawn): EChartsCoreOption {
  const text = own.value;
  const label = { color: look.ink, fontSize: look.px(0.75), fontFamily: look.font };
  return {
    grid: { left: look.px(2), right: look.px(0.75), top: look.px(0.75), bottom: look.px(1.5) },
    xAxis: {
      type: "category", data: HOURS, boundaryGap: false, axisLine: { lineStyle: { color: look.line } }, axisTick: { show: false },
      axisLabel: { ...label, interval: 5, showMaxLabel: false, formatter: (hour: string) => fill(text.hours, { h: Number(hour) }) },
    },
    yAxis: {
      type: "value", minInterval: 1, splitNumber: 3, axisLabel: label, splitLine: { lineStyle: { color: look.line, opacity: 0.5 } },
    },
    tooltip: {
      trigger: "axis", renderMode: "richText", confine: true, transitionDuration: 0, backgroundColor: "rgba(16,22,28,0.95)", borderColor: look.line,
      textStyle: { color: "#eef3f7", fontSize: look.px(0.8125), fontFamily: look.font },
      valueFormatter: (value: unknown) => (typeof value === "number" ? String(Math.round(value * 10) / 10) : "–"),
    },
    series: [
      {
        name: text.curveUsual, type: "line", data: drawn.usual, symbol: "none", smooth: true, smoothMonotone: "x", silent: true, z: 1,
        lineStyle: { color: look.usual, width: look.px(0.125), type: "dashed" }, itemStyle: { color: look.usual },
      },
      {
        name: text.curveToday, type: "line", data: drawn.today, symbolSize: look.px(0.4), symbol: "circle", smooth: true, smoothMonotone: "x", z: 3, lineStyle: { color: look.series, width: look.px(0.1875) }, itemStyle: { color: look.series },
        areaStyle: { color: look.series, opacity: 0.18 },
      },
      {
        name: text.curveRunning, type: "bar", data: drawn.running, barWidth: look.px(0.5), z: 2,
        itemStyle: { color: "transparent", borderColor: look.series, borderWidth: look.px(0.125), borderRadius: [look.px(0.15), look.px(0.15), 0, 0] },
      },
    ],
  };
}

export function Curve() {
  const text = own.value;
  const now = today.figure.value;
  const past = usual.figure.value.value;
  const drawn = now.value && hours(now.value.now, past);
  const pick = (index: number): void => {
    const row = now.value?.now.rows.find((each) => each.subject.key === HOURS[index]);
    if (row) openList({ code: "case_count", title: fill(text.hourCases, { h: Number(HOURS[index]) }), query: queryOf(row.values.case_count?.cases) });
  };
  const told = drawn ? `${text.curveAria}: ${drawn.today.map((n, hour) => (n === null ? "" : `${fill(text.hours, { h: hour })} ${n}`)).filter(Boolean).join(", ")}` : text.curveAria;
  return (
    <Panel id="curve" title={text.curve} figure={now}
      aside={<span class="keys"><span class="key key-today">{text.curveToday}</span><span class="key key-usual" title={text.curveAria}>{text.curveUsual}</span></span>}>
      {drawn && <Plot of={JSON.stringify([drawn, text.curve])} label={told} option={(look) => option(look, drawn)} onPick={pick} />}
      <ol class="hour-list">
        {now.value?.now.rows.map((row) => (
          <li key={row.subject.key}><button type="button" data-hour={row.subject.key} onClick={() => pick(Number(row.subject.key))}>
            {fill(text.hourCases, { h: Number(row.subject.key) })}: {row.values.case_count?.value}</button></li>
        ))}
      </ol>
    </Panel>
  );
}
