// Who works with this phone, his zones, what is kept here, and the way out.
import { useRef } from "preact/hooks";
import { FacesMenu } from "../shared/faces";
import { fill, named, posted, words } from "../shared/i18n";
import { signingIn } from "../shared/session";
import { switchWatching, watching } from "./position";
import { unsent } from "./sender";
import { ended, leave, who, zones } from "./state";
import { own } from "./words";

/** More than so many stand in the way of what is below them. */
const FEW = 5;

export function Mine() {
  const text = own.value;
  const sure = useRef<HTMLDialogElement>(null);
  const card = who.value!;
  const waits = unsent.value.mine.length;
  return (
    <section class="page" aria-labelledby="mine-title">
      <div class="page-line"><h1 id="mine-title" class="page-title">{text.tabs.mine}</h1><FacesMenu /></div>
      <section class="card"><dl class="facts">
        <div class="fact"><dt>{text.account}</dt><dd>{card.login}</dd></div>
        {card.staff && <div class="fact"><dt>{text.post}</dt><dd>{posted(card.staff)} · {card.staff.code}</dd></div>}
        {card.organisation && <div class="fact"><dt>{text.organisation}</dt><dd>{named(card.organisation)}</dd></div>}
      </dl></section>
      <section class="card">
        {zones.value.length === 0 ? <><h2>{text.zones}</h2><p class="small">{text.zonesNone}</p></>
          : <details open={zones.value.length <= FEW}><summary>{text.zones} ({zones.value.length})</summary><ul class="zone-list">{zones.value.map(({ properties }) => <li key={properties.code + properties.assignment} data-zone={properties.code}><strong>{named(properties)}</strong><span class="small">{properties.code} · {text.assignments[properties.assignment]}</span></li>)}</ul></details>}
      </section>
      <section class="card">
        <label class="switch-line"><span>{text.positionSwitch}</span><input type="checkbox" role="switch" checked={watching.value} onChange={(event) => switchWatching(event.currentTarget.checked)} /></label>
        <p class="small">{text.positionHint}</p>
        <p class="small">{text.keptHint}</p>
      </section>
      {ended.value && <button type="button" class="button primary wide tall" onClick={() => (signingIn.value = true)}>{words.value.signIn}</button>}
      <button type="button" class="button wide tall" data-act="sign-out" onClick={() => sure.current?.showModal()}>{words.value.signOut}</button>
      <dialog ref={sure} class="dialog surface" aria-label={words.value.signOut}>
        <div class="stack"><p>{text.leaveSure}</p>{waits > 0 && <p data-leave-unsent={waits}>{fill(text.leaveUnsent, { n: waits })}</p>}
          <button type="button" class="button primary wide" onClick={() => { sure.current?.close(); void leave(); }} data-act="sign-out-sure">{words.value.signOut}</button>
          <button type="button" class="button wide" onClick={() => sure.current?.close()}>{words.value.cancel}</button></div>
      </dialog>
    </section>
  );
}
