// Coordinates copied from elsewhere: whose they are is said by who copied them, never guessed and never converted here.
import { useEffect, useRef, useState } from "preact/hooks";
import { city } from "../shared/catalog";
import { Refused } from "../shared/client";
import { Icon } from "../shared/icons";
import { fill, words } from "../shared/i18n";
import { ProblemNote } from "../shared/problem_note";
import type { Problem } from "../shared/types";
import { pasted, twoNumbers } from "./where_acts";
import { own } from "./words";

const SYSTEMS = ["GCJ02", "BD09", "WGS84"] as const;

export function PasteDialog({ onClose }: { onClose: () => void }) {
  const text = own.value;
  const box = useRef<HTMLDialogElement>(null);
  const [typed, setTyped] = useState("");
  const [crs, setCrs] = useState<string | null>(null);
  const [wrong, setWrong] = useState<string | Problem | null>(null);
  const [asking, setAsking] = useState(false);
  useEffect(() => box.current?.showModal(), []);
  const numbers = twoNumbers(typed, city.value?.bbox ?? []);
  const show = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (!numbers) return setWrong(text.pasteNone);
    if (!crs) return setWrong(text.pasteCrsNeeded);
    setAsking(true);
    setWrong(null);
    try {
      await pasted(numbers.lon, numbers.lat, crs);
      box.current?.close();
    } catch (error) {
      setWrong(error instanceof Refused ? error.problem : text.loadFailed);
    } finally {
      setAsking(false);
    }
  };
  const suggestion = typeof wrong === "object" ? wrong?.suggestion : undefined;
  return (
    <dialog ref={box} class="dialog surface" aria-labelledby="paste-title" onClose={onClose} data-dialog="paste">
      <form class="stack" onSubmit={(event) => void show(event)} noValidate>
        <header class="panel-head">
          <h2 id="paste-title">{text.pasteTitle}</h2>
          <button type="button" class="button quiet square" aria-label={words.value.close} onClick={() => box.current?.close()}><Icon name="close" /></button>
        </header>
        <div class="field">
          <label for="paste-field">{text.pasteField}</label>
          <input id="paste-field" class="input" inputMode="text" autocomplete="off" placeholder={text.pastePlaceholder} value={typed} maxLength={80}
            aria-describedby="paste-hint" onInput={(event) => setTyped(event.currentTarget.value)} />
          <p id="paste-hint" class="small">{numbers ? fill(text.pasteRead, numbers) : text.pasteHint}</p>
        </div>
        <fieldset class="choices">
          <legend>{text.pasteCrs}</legend>
          {SYSTEMS.map((one) => (
            <label key={one} class="choice">
              <input type="radio" name="crs" value={one} checked={crs === one} onChange={() => setCrs(one)} />
              <span>{text.crs[one]}</span>
            </label>
          ))}
        </fieldset>
        {typeof wrong === "string" && <p class="note warn" role="alert">{wrong}</p>}
        {wrong && typeof wrong === "object" && <ProblemNote problem={wrong} />}
        {suggestion && (
          <button type="button" class="button wide" onClick={() => { setTyped(`${suggestion.lon}, ${suggestion.lat}`); setWrong(null); }}>{words.value.useSuggestion}</button>
        )}
        <button type="submit" class="button primary wide" disabled={asking} data-act="paste-show">{text.pasteShow}</button>
      </form>
    </dialog>
  );
}
