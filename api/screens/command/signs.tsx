// The signs of the city: each number says what it counts and beside what it stands, and opens its cases.
import { useId } from "preact/hooks";
import { fill } from "../shared/i18n";
import { Icon } from "../shared/icons";
import { type Numbers, queryOf } from "./calls";
import type { Figure } from "./figures";
import { fewOf, plain, valueOf, written, type Written } from "./number";
import { Stale } from "./panel";
import { type Compared, month, openCount, overdue, today, week } from "./readings";
import { openList, openNumber, type OpenNumber } from "./state";
import { own } from "./words";

interface Sign {
  code: string;
  figure: Figure<unknown>;
  shown: Written;
  /** Beside what it stands, in words. */
  beside: string | null;
  /** How much more it is, as a share; and whether more is better. */
  change?: number | null;
  /** It is one of shares, so it is in points of a hundred. */
  points?: boolean;
  better?: string | null;
  few?: boolean;
  opens: OpenNumber | null;
}

const indicatorOf = (told: Numbers, code: string) => told.indicators.find((one) => one.code === code);

/** By how much more; of nothing there is no share, and nothing twice is the same. */
const times = (now: number, before: number): number | null => (before !== 0 ? now / before - 1 : now === 0 ? 0 : null);

/** A number out of the indicators, beside the same of the time before. */
function counted(code: string, figure: Figure<Compared>, beside: string): Sign {
  const title = own.value.names[code] ?? code;
  const { now, before } = figure.value ?? {};
  const value = now?.total[code];
  const past = before?.total[code];
  const form = (now && indicatorOf(now, code)?.form) ?? "count";
  const change = value?.value != null && past?.value != null ? (form === "rate" ? value.value - past.value : times(value.value, past.value)) : null;
  return {
    code, figure, change, points: form === "rate", shown: valueOf(form, value), beside: past ? fill(beside, { n: plain(valueOf(form, past)) }) : null,
    better: now && (indicatorOf(now, code)?.better ?? null), few: fewOf(value) && value?.value != null,
    opens: value ? { code, title, query: queryOf(value.cases) } : null,
  } as Sign;
}

function signs(): Sign[] {
  const text = own.value;
  const late = overdue.figure.value;
  const sum = (light: "red" | "yellow"): number => (late.value?.groups ?? []).reduce((all, one) => all + one[light], 0);
  const open = openCount.figure.value;
  return [
    counted("case_count", today.figure.value, text.lastWeek),
    counted("filed_count", today.figure.value, text.lastWeek),
    counted("closings", today.figure.value, text.lastWeek),
    {
      code: "open", figure: open, shown: open.value ? written.count(open.value.count) : valueOf("count", undefined),
      beside: open.value && fill(text.ofWhich, { n: open.value.held }),
      opens: open.value ? { code: "open", title: text.names.open!, query: {} } : null,
    },
    {
      code: "overdue", figure: late, shown: late.value ? written.count(sum("red")) : valueOf("count", undefined),
      beside: late.value ? fill(text.soonOver, { n: sum("yellow") }) : null, opens: late.value ? { code: "overdue", title: text.names.overdue!, query: {} } : null,
    },
    counted("on_time_handling_rate", week.figure.value, text.sevenBefore),
    counted("handling_time", week.figure.value, text.sevenBefore),
    counted("satisfaction_rate", month.figure.value, text.thirtyBefore),
  ];
}

/** Less than this is the same. */
const SAME = 0.005;

function Change({ change, better, points }: { change: number; better: string | null | undefined; points: boolean }) {
  const text = own.value;
  if (Math.abs(change) < SAME) return <span class="change">{text.same}</span>;
  const up = change > 0;
  const good = better ? (better === "higher") === up : null;
  return (
    <span class={`change ${good === null ? "" : good ? "good" : "bad"}`}>
      <Icon name={up ? "up" : "down"} /><span class="visually-hidden">{up ? text.more : text.less}</span>{Math.abs(change * 100).toFixed(Math.abs(change) < 0.1 ? 1 : 0)}{points ? <span class="visually-hidden">{text.points}</span> : "%"}
    </span>
  );
}

function Tile({ sign }: { sign: Sign }) {
  const text = own.value;
  const means = useId();
  const { code, figure, shown, opens } = sign;
  if (figure.refused) return null;
  const { number, unit } = shown;
  return (
    <li class="sign" data-sign={code}>
      <button type="button" class="sign-face glass" disabled={!opens} aria-describedby={means} aria-pressed={opens !== null && openNumber.value?.title === opens.title}
        onClick={() => opens && openList(opens)}>
        <span class="sign-name">{text.names[code]}</span>
        <span class="sign-number"><strong data-value>{number}</strong>{unit && <span class="unit">{unit}</span>}
          {sign.few && <span class="badge warn" data-few>{text.few}</span>}</span>
        <span class="sign-beside">{figure.failing ? <Stale figure={figure} /> : <>{sign.change != null && sign.beside && <Change change={sign.change} better={sign.better} points={sign.points ?? false} />}<span>{sign.beside ?? "\u00a0"}</span></>}</span>
      </button>
      <span class="means" id={means} role="tooltip">{text.means[code]}</span>
    </li>
  );
}

export function Signs() {
  const all = signs();
  return (
    <section class="signs" aria-label={own.value.signs}>
      <ul>{all.map((sign) => <Tile key={sign.code} sign={sign} />)}</ul>
      {all.every((one) => one.figure.refused) && <p class="small glass">{own.value.notForRole}</p>}
    </section>
  );
}
