// "My reports": those that were sent from this device, each with where it stands.
import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { dayAndTime, named } from "../shared/i18n";
import { calls, type Followed } from "./calls";
import { isEmpty } from "./draft";
import { mine } from "./mine";
import { clearAll, pending } from "./sending";
import { go } from "./view";
import { own } from "./words";

const standing = signal<Record<string, Followed["case"] | "unknown">>({});
/** So many are asked for; of older ones the list says what it is, and a tap says the rest. */
const MOST_ASKED = 12;

async function read(): Promise<void> {
  for (const { uid } of mine.peek().slice(0, MOST_ASKED)) {
    try {
      const { case: one } = await calls.follow(uid);
      standing.value = { ...standing.peek(), [uid]: one };
    } catch {
      standing.value = { ...standing.peek(), [uid]: "unknown" };
    }
  }
}

export function MineView() {
  const text = own.value;
  const [sure, setSure] = useState(false);
  const [cleared, setCleared] = useState(false);
  useEffect(() => void read(), []);
  return (
    <section class="page stack" aria-labelledby="mine-title">
      <h2 id="mine-title" class="visually-hidden">{text.mine}</h2>
      <p class="small">{text.mineHint}</p>
      {pending.value && (
        <button type="button" class="mine surface" onClick={() => go("more")} data-unsent><strong>{named(pending.value.mine.category)}</strong><span class="badge warn">{text.unsent}</span></button>
      )}
      {mine.value.length === 0 && !pending.value && <p class="hint" role="status">{cleared ? text.mineCleared : text.mineNone}</p>}
      <ul class="stack-s">
        {mine.value.map((one) => {
          const now = standing.value[one.uid];
          return (
            <li key={one.uid}>
              <button type="button" class="mine surface" onClick={() => go(one.uid)} data-mine={one.uid}>
                <span><strong>{named(one.category)}</strong><span class="small">{[one.where, dayAndTime(one.at)].filter(Boolean).join(" · ")}</span></span>
                {now && <span class={now === "unknown" ? "badge warn" : now.step === 4 ? "badge good" : "badge"}>{now === "unknown" ? text.unsent : named({ name_zh: now.step_zh, name_en: now.step_en })}</span>}
              </button>
            </li>
          );
        })}
      </ul>
      {(mine.value.length > 0 || pending.value || !isEmpty.value) && (sure ? (
        <div class="note warn" role="alert">
          <p>{text.mineClearSure}</p>
          <div class="line">
            <button type="button" class="button primary" onClick={() => { clearAll(); setSure(false); setCleared(true); }} data-act="clear-sure">{text.mineClear}</button>
            <button type="button" class="button" onClick={() => setSure(false)}>{text.back}</button>
          </div>
        </div>
      ) : <button type="button" class="button quiet" onClick={() => setSure(true)} data-act="clear">{text.mineClear}</button>)}
    </section>
  );
}
