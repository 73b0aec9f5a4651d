// The desk: list, case and map in three columns; narrower, the map stands over the case, and on a phone one at a time.
import { useEffect, useRef, useState } from "preact/hooks";
import { city, signOut, unreachable } from "../shared/catalog";
import { FacesMenu } from "../shared/faces";
import { fill, language, named, posted, wordFor, words } from "../shared/i18n";
import { Icon } from "../shared/icons";
import { LiveBadge } from "../shared/live_badge";
import { me, signingIn } from "../shared/session";
import { SignInDialog } from "../shared/sign_in";
import { switchTheme, theme } from "../shared/theme";
import { lastDone } from "./act_state";
import { Approvals } from "./approvals";
import { waiting } from "./approvals_state";
import { CallForm } from "./call_form";
import { CasePane, Lightbox } from "./case_page";
import { close, opened } from "./case_state";
import { DeskMap } from "./desk_map";
import { Help } from "./help";
import { InboxList } from "./inbox";
import { listFailed, listRead, rows, toDo } from "./inbox_state";
import { listenToKeys } from "./keys";
import { begin, calling, GRANTING, goBack, helping, openCase, startCall, switchTab, tab } from "./state";
import { own } from "./words";

function Search() {
  const text = own.value;
  const [typed, setTyped] = useState("");
  const find = (event: Event): void => {
    event.preventDefault();
    const wanted = typed.trim();
    if (!wanted) return;
    // The last digits are enough for one of the list; anything else is asked for by its whole number.
    const listed = rows.value.find((one) => one.case_no.endsWith(wanted));
    setTyped("");
    (document.activeElement as HTMLElement | null)?.blur();
    void openCase(listed?.case_no ?? wanted);
  };
  return (
    <form class="search" role="search" onSubmit={find}>
      <input id="desk-search" class="input" aria-label={text.searchNo} placeholder={text.searchHint} value={typed} autocomplete="off" spellcheck={false}
        onInput={(event) => setTyped(event.currentTarget.value)} />
      <kbd aria-hidden="true">/</kbd>
    </form>
  );
}

function Head() {
  const text = words.value;
  const mine = own.value;
  const who = me.value;
  return (
    <header class="desk-head surface">
      <FacesMenu />
      <h1>{mine.title}<span class="small"> {city.value && named(city.value)}</span></h1>
      {who && <>
        <Search />
        <button type="button" class="button" data-act="call" onClick={startCall}><Icon name="flag" />{mine.newCall}<kbd aria-hidden="true">N</kbd></button>
        <span class="head-live"><LiveBadge /></span>
      </>}
      <div class="head-tools">
        {who && <button type="button" class="button quiet" data-act="help" onClick={() => (helping.value = true)}>{mine.keys}<kbd aria-hidden="true">?</kbd></button>}
        <button type="button" class="button quiet" lang={language.value === "en" ? "zh-CN" : "en"} aria-label={text.otherLanguageLabel} data-act="language"
          onClick={() => (language.value = language.value === "en" ? "zh-CN" : "en")}>{language.value === "en" ? "中" : "EN"}</button>
        <button type="button" class="button quiet square" aria-label={theme.value === "day" ? text.dark : text.day} title={theme.value === "day" ? text.dark : text.day} onClick={switchTheme}>
          <Icon name={theme.value === "day" ? "moon" : "sun"} /></button>
        {who ? (
          <button type="button" class="button quiet account" onClick={() => void signOut()} title={text.signOut} data-signed-in={who.login}>
            <span class="account-text"><strong>{who.staff ? posted(who.staff) : wordFor(text.roles, who.role)}</strong><span class="small">{text.signOut}</span></span></button>
        ) : <button type="button" class="button quiet" onClick={() => (signingIn.value = true)} data-act="sign-in">{text.signIn}</button>}
      </div>
    </header>
  );
}

/** What was done last. It says so and stays out of the way; `z` goes back to it. */
function Done() {
  const text = own.value;
  const done = lastDone.value;
  const spoken = done && (done.verified ? `${text.wentThrough} ` : "") + fill(text.done, { act: wordFor(text.acts, done.action), no: done.case_no.slice(-6) });
  return (
    <div class="done" role="status" data-done={done?.case_no} data-done-act={done?.action}>
      {done && <><Icon name="check" /><span>{spoken} <span class="small">{done.next ? text.doneNext : ""}</span></span>
        {opened.value !== done.case_no && <button type="button" class="link" onClick={goBack}>{text.backTo}<kbd aria-hidden="true">Z</kbd></button>}</>}
    </div>
  );
}

function Desk() {
  const text = own.value;
  useEffect(listenToKeys, []);
  const middle = useRef<HTMLElement>(null);
  useEffect(() => middle.current?.scrollTo(0, 0), [opened.value, calling.value]);
  const grants = GRANTING.has(me.value?.role ?? "");
  const reading = calling.value ? "call" : opened.value ? "case" : "list";
  return (
    <main class="desk" data-reading={reading}>
      <section class="column list surface" aria-label={text.inbox}>
        <div class="tabs" role="tablist">
          <button type="button" role="tab" id="tab-inbox" aria-controls="list-panel" aria-selected={tab.value === "inbox"} onClick={() => switchTab("inbox")}>{text.inbox}<b data-to-do>{toDo.value.n}{toDo.value.more && "+"}</b></button>
          {grants && <button type="button" role="tab" id="tab-approvals" aria-controls="list-panel" aria-selected={tab.value === "approvals"} data-tab="approvals" onClick={() => switchTab("approvals")}>{text.approvals}<b>{waiting.value.length}</b></button>}
        </div>
        <div id="list-panel" role="tabpanel" aria-labelledby={`tab-${tab.value}`} class="list-panel">
          {tab.value === "inbox" ? <InboxList /> : <Approvals />}
        </div>
        <Done />
      </section>
      <section class="column middle surface" ref={middle} aria-label={calling.value ? text.newCall : text.facts} tabIndex={-1}>
        <button type="button" class="button quiet narrow-only" onClick={() => { calling.value = false; close(); }}><span aria-hidden="true">←</span>{text.inbox}</button>
        {calling.value ? <CallForm /> : <CasePane />}
      </section>
      {/* Making a map holds everything else up for as long as the list takes to come. */}
      <section class="column map-column" aria-label={text.map}>{(listRead.value || listFailed.value) && <DeskMap />}</section>
    </main>
  );
}

export function App() {
  const text = words.value;
  if (unreachable.value && !city.value) {
    return <main class="failed"><div class="surface stack" role="alert"><p>{text.loadFailed}</p><button type="button" class="button primary" onClick={() => void begin()}>{text.tryAgain}</button></div></main>;
  }
  if (!city.value) return <main class="failed"><p role="status">{text.loading}</p></main>;
  return (
    <div class="desk-page">
      <Head />
      {me.value ? <Desk /> : (
        <main class="failed"><div class="surface stack"><p>{own.value.needSignIn}</p>
          <button type="button" class="button primary" data-act="sign-in-here" onClick={() => (signingIn.value = true)}>{text.signIn}</button></div></main>
      )}
      <SignInDialog />
      <Lightbox />
      <Help />
    </div>
  );
}
