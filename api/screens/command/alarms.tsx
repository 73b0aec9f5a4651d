// What cannot wait: what is dangerous or urgent and not done, then what is over its time.
import { fill, named } from "../shared/i18n";
import { Icon } from "../shared/icons";
import type { DeskCase } from "./calls";
import { due } from "./city_time";
import { useFit } from "./fit";
import { Panel } from "./panel";
import { overdue, urgent } from "./readings";
import { openCase, showCase } from "./state";
import { own } from "./words";

const ROW_REM = 3;

type Why = "danger" | "urgent" | "late";

/** Each case once, for its gravest reason; the dangerous before the urgent before the late. */
export function alarmsOf(pressing: DeskCase[], late: DeskCase[]): { one: DeskCase; why: Why }[] {
  const found = new Map<string, { one: DeskCase; why: Why }>();
  for (const one of pressing) found.set(one.case_no, { one, why: one.severity === "danger" ? "danger" : "urgent" });
  for (const one of late) if (one.clock.light === "red" && !found.has(one.case_no)) found.set(one.case_no, { one, why: "late" });
  return [...found.values()];
}

export function Alarms() {
  const text = own.value;
  const pressing = urgent.figure.value;
  const late = overdue.figure.value;
  const [list, room] = useFit(ROW_REM);
  const all = alarmsOf(pressing.value?.cases ?? [], late.value?.cases ?? []);
  const red = (late.value?.groups ?? []).reduce((sum, one) => sum + one.red, 0);
  return (
    <Panel id="alarms" title={text.alarms} figure={pressing}
      aside={pressing.value && late.value ? <span class="small aside">{fill(text.alarmsCount, { u: `${pressing.value.cases.length}${pressing.value.more ? "+" : ""}`, o: red })}</span> : undefined}>
      {pressing.value && all.length === 0 && <p class="part-body small">{text.alarmsNone}</p>}
      <ul class="rows" ref={list}>
        {all.slice(0, room).map(({ one, why }) => {
          const left = due(one.clock.deadline ?? one.deadline);
          return (
            <li key={one.case_no}>
              <button type="button" class="row" data-alarm={one.case_no} aria-pressed={openCase.value === one.case_no} onClick={() => showCase(one.case_no, one)}>
                <span class={`row-mark ${why}`}><Icon name={why === "late" ? "clock" : "warn"} /></span>
                <span class="row-name"><strong>{named(one.category)}</strong></span>
                <span class={`badge ${why === "urgent" ? "warn" : "bad"}`}>{text[why]}</span>
                <span class="row-who small">{named(one.organisation)}</span>
                <span class={`row-time small ${left?.late ? "bad" : ""}`}>{left?.text ?? text.noDeadline}</span>
              </button>
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}
