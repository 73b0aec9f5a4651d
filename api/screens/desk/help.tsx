// The keys, all of them.
import { useEffect, useRef } from "preact/hooks";
import { wordFor, words } from "../shared/i18n";
import { Icon } from "../shared/icons";
import { KINDS } from "./acts";
import { helping } from "./state";
import { own } from "./words";

export function Help() {
  const text = own.value;
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (helping.value && !dialog.current?.open) dialog.current?.showModal();
    if (!helping.value && dialog.current?.open) dialog.current.close();
  }, [helping.value]);
  const rows: [string[], string][] = [
    [["J", "K", "↓", "↑"], text.keyRows.move], [["⏎"], text.keyRows.open], [["1–9"], text.keyRows.digits], [["Z"], text.keyRows.back],
    [["/"], text.keyRows.search], [["N"], text.keyRows.call], [["I"], text.keyRows.tabs], [["Esc"], text.keyRows.cancel], [["?"], text.keyRows.help],
  ];
  return (
    <dialog ref={dialog} class="dialog surface help" aria-labelledby="help-title" onClose={() => (helping.value = false)}>
      <header class="panel-head"><h2 id="help-title">{text.keyTitle}</h2>
        <button type="button" class="button quiet square" aria-label={words.value.close} onClick={() => (helping.value = false)}><Icon name="close" /></button></header>
      <div class="help-columns">
        <dl>{rows.map(([keys, says]) => <div key={says}><dt>{keys.map((one) => <kbd key={one}>{one}</kbd>)}</dt><dd>{says}</dd></div>)}</dl>
        <dl>{Object.entries(KINDS).filter(([, kind]) => kind?.key).map(([action, kind]) => (
          <div key={action}><dt><kbd>{kind!.key.toUpperCase()}</kbd></dt><dd>{wordFor(text.acts, action)}</dd></div>
        ))}</dl>
      </div>
      <p class="small">{text.keyHint}</p>
    </dialog>
  );
}
