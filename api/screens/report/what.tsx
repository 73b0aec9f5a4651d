// Step one: what it is. The common kinds as tiles, all others by a search.
import { useState } from "preact/hooks";
import { Icon } from "../shared/icons";
import { named, words } from "../shared/i18n";
import type { Category } from "../shared/types";
import { categories, categoriesFailed, categoryName, change, common, draft, isEmpty, readCategories, startAnew } from "./draft";
import { KindIcon } from "./kind_icon";
import { forgetPhotos } from "./photos";
import { frozen } from "./sending";
import { go } from "./view";
import { own } from "./words";

const MOST_FOUND = 40;

function choose(one: Category): void {
  change({ category: one.code });
  go("where");
}

function Severity({ one }: { one: Category }) {
  const word = words.value.severities[one.severity];
  return word ? <span class={`badge ${one.severity === "danger" ? "bad" : "warn"}`}>{word}</span> : null;
}

function Others() {
  const text = own.value;
  const [typed, setTyped] = useState("");
  const wanted = typed.trim().toLowerCase();
  const found = wanted ? categories.value.filter((one) => [one.name_zh, one.name_en ?? "", one.code].some((name) => name.toLowerCase().includes(wanted))) : [];
  return (
    <section class="stack" aria-labelledby="others-title">
      <h3 id="others-title">{text.otherKinds}</h3>
      <input class="input" type="search" aria-label={text.searchKinds} placeholder={text.searchKinds} value={typed} data-field="kind"
        onInput={(event) => setTyped(event.currentTarget.value)} />
      {wanted && (
        <ul class="kinds surface" aria-label={text.searchKinds}>
          {found.length === 0 && <li class="small kinds-none" role="status">{text.noKinds}</li>}
          {found.slice(0, MOST_FOUND).map((one) => (
            <li key={one.code}><button type="button" class="row-button" data-kind={one.code} onClick={() => choose(one)}><strong>{named(one)}</strong><Severity one={one} /></button></li>
          ))}
        </ul>
      )}
    </section>
  );
}

export function WhatStep() {
  const text = own.value;
  return (
    <section class="page stack" aria-labelledby="what-title">
      <p class="note bad urgent"><Icon name="warn" /><span>{text.urgent}</span></p>
      {!isEmpty.value && !frozen.value && (
        <div class="note draft-note" data-draft>
          <strong>{text.draftTitle}</strong>
          <p class="small">{categoryName.value}{draft.value.text && ` · ${draft.value.text.slice(0, 40)}`}</p>
          <div class="line">
            <button type="button" class="button primary" onClick={() => go(draft.value.place ? "more" : "where")} data-act="go-on">{text.draftGoOn}</button>
            <button type="button" class="button" onClick={() => { startAnew(); forgetPhotos(); }} data-act="drop">{text.draftDrop}</button>
          </div>
        </div>
      )}
      <div>
        <h2 id="what-title">{text.whatTitle}</h2>
        <p class="small">{text.whatHint}</p>
      </div>
      {categoriesFailed.value && (
        <div class="note warn" role="alert"><p>{text.loadFailed}</p><button type="button" class="button" onClick={() => void readCategories()}>{words.value.tryAgain}</button></div>
      )}
      <ul class="tiles">
        {common.value.map((one) => (
          <li key={one.code}>
            <button type="button" class="tile surface" data-kind={one.code} onClick={() => choose(one)}>
              <KindIcon code={one.code} /><span>{named(one)}</span>
            </button>
          </li>
        ))}
      </ul>
      <Others />
      <p class="small">{text.nothingPersonal}</p>
    </section>
  );
}
