import icon from "../map/icon.svg";
import { city } from "../shared/catalog";
import { FacesMenu } from "../shared/faces";
import { Icon } from "../shared/icons";
import { language, named, words } from "../shared/i18n";
import { SignInDialog } from "../shared/sign_in";
import { switchTheme, theme } from "../shared/theme";
import { draft } from "./draft";
import { FollowView } from "./follow";
import { mine } from "./mine";
import { MineView } from "./mine_view";
import { MoreStep } from "./more";
import { frozen } from "./sending";
import { go, view, type View } from "./view";
import { WhatStep } from "./what";
import { WhereStep } from "./where";
import { own } from "./words";

const STEPS = ["what", "where", "more"] as const;

function Head({ now }: { now: View }) {
  const text = own.value;
  const step = STEPS.indexOf(now.name as (typeof STEPS)[number]);
  const titles = { what: text.title, where: text.whereTitle, more: text.checkTitle, mine: text.mine, follow: text.followTitle };
  return (
    <header class="report-head surface">
      {now.name === "what"
        ? <img class="brand-mark" src={icon} alt="" width="32" height="32" />
        : <button type="button" class="button quiet square" aria-label={text.back} onClick={() => go(now.name === "more" && !frozen.value ? "where" : "what")} data-act="back"><Icon name="back" /></button>}
      <div class="brand"><h1>{titles[now.name]}</h1>{now.name === "what" && <p class="small">{city.value ? named(city.value) : ""}</p>}</div>
      <div class="head-tools">
        {now.name !== "mine" && (mine.value.length > 0 || frozen.value) && step < 1 && <button type="button" class="button quiet" onClick={() => go("mine")} data-act="mine">{text.mine}</button>}
        <button type="button" class="button quiet" lang={language.value === "en" ? "zh-CN" : "en"} aria-label={words.value.otherLanguageLabel}
          onClick={() => (language.value = language.value === "en" ? "zh-CN" : "en")} data-act="language">{language.value === "en" ? "中" : "EN"}</button>
        {now.name === "what" && (
          <>
            <button type="button" class="button quiet square" aria-label={theme.value === "day" ? words.value.dark : words.value.day} onClick={switchTheme}><Icon name={theme.value === "day" ? "moon" : "sun"} /></button>
            <FacesMenu />
          </>
        )}
      </div>
      {step >= 0 && <div class="report-steps" role="progressbar" aria-valuemin={1} aria-valuemax={3} aria-valuenow={step + 1} aria-label={text.title}>{STEPS.map((name, n) => <span key={name} class={n <= step ? "on" : ""} />)}</div>}
    </header>
  );
}

export function App() {
  const now = view.value;
  // Somebody came by an old address: the first step that is not taken yet.
  const at: View = now.name === "where" && !draft.value.category ? { name: "what" } : now;
  return (
    <div class="report" data-view={at.name}>
      <a class="skip" href="#main" onClick={(event) => {
        event.preventDefault();
        document.getElementById("main")?.focus();
      }}>{own.value.skip}</a>
      <Head now={at} />
      <main id="main" class="report-main" tabIndex={-1}>
        {at.name === "follow" ? <FollowView key={at.uid} uid={at.uid} /> : at.name === "mine" ? <MineView /> : at.name === "where" ? <WhereStep /> : at.name === "more" ? <MoreStep /> : <WhatStep />}
      </main>
      <SignInDialog />
    </div>
  );
}
