// What an act says and shows: photographs, a reason, a result. It is kept as it is filled in.
import { useEffect, useState } from "preact/hooks";
import { fill, named } from "../shared/i18n";
import { Icon } from "../shared/icons";
import type { KeptPhoto } from "../shared/outbox";
import { act, draftOf, openDraft, write } from "./acts";
import { distance } from "./inside";
import { here } from "./position";
import { shownTasks } from "./shown_tasks";
import { Shots } from "./shots";
import { far, own } from "./words";

interface Asks {
  phases: Exclude<KeptPhoto["phase"], null>[];
  /** A photograph of this phase must be there. */
  needs?: KeptPhoto["phase"];
  reason: "needed" | "optional";
  code?: string[];
  result?: boolean;
  position?: boolean;
}
const FORMS: Record<string, Asks> = {
  finish: { phases: ["before", "after"], needs: "after", reason: "optional", position: true },
  verify: { phases: ["verify"], needs: "verify", reason: "optional", result: true, position: true },
  pass: { phases: ["check"], needs: "check", reason: "optional", position: true },
  fail: { phases: ["check"], reason: "needed", position: true },
  return: { phases: [], reason: "optional", code: ["not_ours", "wrong_place", "wrong_class", "beyond_powers", "already_done"] },
  not_mine: { phases: [], reason: "needed" },
};
/** Farther than this from a case no photograph of it counts. */
const ON_SITE_M = 100;

export function ActForm({ case_no, action }: { case_no: string; action: string }) {
  const text = own.value;
  const form = `${action}:${case_no}`;
  const asks = FORMS[action];
  const [wrong, setWrong] = useState<string | null>(null);
  const [code, setCode] = useState("");
  const [result, setResult] = useState("true");
  const [busy, setBusy] = useState(false);
  useEffect(() => void openDraft(form), [form]);
  const one = shownTasks.value.find(({ task }) => task.case_no === case_no);
  const back = () => history.back();
  const head = <header class="page-head"><button type="button" class="button quiet square" aria-label={text.back} onClick={back} data-act="back"><Icon name="back" /></button><h1 id="act-title">{text.acts[action]}</h1></header>;
  if (!asks || !one) return <section class="page">{head}<p class="empty">{text.notTasks}</p></section>;

  const at = here.value;
  const m = at && distance(at, one.task);
  const words = { before: text.before, after: text.after, verify: text.check, check: text.check };
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const { text: reason, photos } = draftOf(form);
    if (asks.needs && !photos.some((photo) => photo.phase === asks.needs)) return setWrong(text.needPhoto);
    if (photos.some((photo) => photo.lon === null)) return setWrong(text.photoNoPlace);
    if (asks.result && !at && photos.length === 0) return setWrong(text.needPlace);
    if (asks.reason === "needed" && !reason.trim()) return setWrong(text.reasonNeeded);
    // Where the work was shown, and not where the form is filled in afterwards.
    const shown = photos.filter((photo) => photo.phase === asks.phases.at(-1)).at(-1);
    const spot = shown && shown.lon !== null && shown.lat !== null ? { lon: shown.lon, lat: shown.lat, accuracy_m: shown.accuracy_m ?? 0 } : at;
    const position = asks.position && spot ? { position: { lon: spot.lon, lat: spot.lat, crs: "WGS84", accuracy_m: Math.min(spot.accuracy_m, 100_000) } } : {};
    setBusy(true);
    const kept = await act(case_no, action, {
      ...(reason.trim() && { reason: reason.trim() }), ...(asks.code && { reason_code: code || asks.code[0] }), ...(asks.result && { result }), ...position,
    });
    setBusy(false);
    if (kept) back();
    else setWrong(text.full);
  };
  return (
    <section class="page" aria-labelledby="act-title" data-form={action}>
      {head}
      <p class="act-of"><strong>{named(one.task.category)}</strong> <span class="small">{case_no}</span></p>
      <form class="stack" onSubmit={(event) => void submit(event)} noValidate>
        {asks.phases.length > 0 && !at && <p class="note warn" role="status">{text.needPlace}</p>}
        {asks.phases.length > 0 && m !== null && m > ON_SITE_M + (at?.accuracy_m ?? 0) && <p class="note warn" role="status" data-far>{fill(text.tooFar, { m: far(m) })}</p>}
        {asks.result && (
          <fieldset class="choices"><legend>{text.result}</legend>
            {Object.entries(text.results).map(([value, label]) => <label key={value} class="choice"><input type="radio" name="result" value={value} checked={result === value} onChange={() => setResult(value)} />{label}</label>)}
          </fieldset>
        )}
        {asks.code && (
          <fieldset class="choices"><legend>{text.reasonCode}</legend>
            {asks.code.map((value, n) => <label key={value} class="choice"><input type="radio" name="code" value={value} checked={(code || asks.code![0]) === value} onChange={() => setCode(value)} data-first={n === 0} />{text.reasons[value]}</label>)}
          </fieldset>
        )}
        {asks.phases.map((phase) => <Shots key={phase} form={form} phase={phase} label={words[phase]} />)}
        <div class="field"><label for="act-reason">{text.reason}{asks.reason === "optional" && ` (${text.optional})`}</label>
          <textarea id="act-reason" class="input" rows={3} maxLength={1000} value={draftOf(form).text} onInput={(event) => write(form, event.currentTarget.value)} /></div>
        {wrong && <p class="note bad" role="alert" data-wrong>{wrong}</p>}
        <div class="act-bar"><button type="submit" class="button primary wide tall" disabled={busy} data-act="submit">{text.submit}</button></div>
      </form>
    </section>
  );
}
