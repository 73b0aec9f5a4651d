// Report anything: what, photographs, a note, where. It goes into the outbox, and out when it can.
import { computed, effect, signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { CategoryBox } from "../shared/category_box";
import { fill, named } from "../shared/i18n";
import { Icon } from "../shared/icons";
import { draftOf, openDraft, report, write } from "./acts";
import { here } from "./position";
import { Shots } from "./shots";
import { receipts } from "./sender";
import { categories, who } from "./state";
import { far, own } from "./words";

export interface Picked {
  lon: number;
  lat: number;
  accuracy_m: number;
}
/** A place chosen on the map; null: where the phone is. */
export const picked = signal<Picked | null>(null);
// The place that one account chose is not the next one's.
const login = computed(() => who.value?.login);
effect(() => {
  void login.value;
  picked.value = null;
});
/** What the map's middle is, while there is a map. */
export const middle = signal<(() => Picked) | null>(null);

export function ReportTab() {
  const text = own.value;
  const [category, setCategory] = useState("");
  const [wrong, setWrong] = useState<string | null>(null);
  const [saved, setSaved] = useState(false);
  useEffect(() => void openDraft("report"), []);
  const at = picked.value ?? here.value;
  const draft = draftOf("report");
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const chosen = categories.value.find((one) => one.code === category);
    if (!chosen) return setWrong(text.needCategory);
    if (!at) return setWrong(text.needPosition);
    setWrong(null);
    const kept = await report({
      category, lon: at.lon, lat: at.lat, crs: "WGS84", accuracy_m: Math.min(at.accuracy_m, 100_000), text: draft.text.trim(),
      captured_at: new Date().toISOString(),
    } as never, named(chosen));
    if (!kept) return setWrong(text.full);
    picked.value = null;
    setCategory("");
    setSaved(true);
  };
  return (
    <section class="page report-page" aria-labelledby="report-title">
      <h1 id="report-title" class="page-title">{text.reportTitle}</h1>
      {saved && <p class="note" role="status" data-saved><strong>{text.saved}</strong></p>}
      {receipts.value.map((answer) => (
        <p key={answer.case.case_no + answer.report.received_at} class="note good" role="status" data-receipt={answer.case.case_no}>
          <strong>{text.sent} · {named(answer.case.category)}</strong>{fill(answer.joined ? text.joinedCase : text.caseNo, { n: answer.case.case_no ?? "" })}
        </p>
      ))}
      <form class="stack" onSubmit={(event) => void submit(event)} noValidate>
        <div class="place" data-place={at ? (picked.value ? "map" : "here") : "none"}>
          <p><Icon name="locate" /><span>{at ? <><strong>{picked.value ? text.placeMap : text.placeHere}</strong><span class="small"> {at.lon.toFixed(5)}, {at.lat.toFixed(5)} · {fill(text.accuracy, { m: far(at.accuracy_m) })}</span></> : text.noPosition}</span></p>
          <div class="place-acts">
            {picked.value && <button type="button" class="button" onClick={() => (picked.value = null)} data-act="use-here">{text.useHere}</button>}
            <button type="button" class="button" disabled={!middle.value} onClick={() => (picked.value = middle.value?.() ?? null)} data-act="use-map">{text.useMap}</button>
          </div>
        </div>
        <CategoryBox categories={categories.value} value={category} onChoose={(code) => { setCategory(code); setSaved(false); }} />
        <Shots form="report" phase={null} label={text.reportPhotos} />
        <div class="field"><label for="report-text">{text.reason} ({text.optional})</label>
          <textarea id="report-text" class="input" rows={3} maxLength={4000} value={draft.text} onInput={(event) => write("report", event.currentTarget.value)} /></div>
        {wrong && <p class="note bad" role="alert" data-wrong>{wrong}</p>}
        <div class="act-bar"><button type="submit" class="button primary wide tall" data-act="send-report"><Icon name="flag" />{text.submit}</button></div>
      </form>
    </section>
  );
}
