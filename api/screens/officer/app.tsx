// The phone's page: who and where on top, one thing at a time in the middle, where to go within reach of the thumb.
import { useState } from "preact/hooks";
import icon from "../map/icon.svg";
import { clock, fill, language, words } from "../shared/i18n";
import { Icon, type IconName } from "../shared/icons";
import { LiveBadge } from "../shared/live_badge";
import { signingIn } from "../shared/session";
import { SignInDialog } from "../shared/sign_in";
import { switchTheme, theme } from "../shared/theme";
import { ActForm } from "./act_form";
import { MapPlace } from "./map_place";
import { Mine } from "./mine";
import { Near } from "./near";
import { Outbox } from "./outbox";
import { here, hereError, standsAt, watching } from "./position";
import { ReportTab } from "./report";
import { flushNow, line, unsent } from "./sender";
import { contact, ended, full, heardAt, started, who, zones } from "./state";
import { TaskPage } from "./task_page";
import { TaskList } from "./tasks";
import { go, type Tab, view } from "./view";
import { far, megabytes, own } from "./words";
import { named } from "../shared/i18n";

function Standing() {
  const text = own.value;
  const at = here.value;
  const stands = standsAt.value;
  if (!at || !stands) {
    const error = hereError.value;
    return <p class="standing none" role="status" data-standing="none"><Icon name="locate" /><span><strong>{error || !watching.value ? text.noPosition : text.locating}</strong>{error && <span class="small">{text.positionErrors[error]}</span>}</span></p>;
  }
  const word = stands.at === "outside" ? fill(text.outside, { m: far(stands.edge_m) }) : text[stands.at];
  const zone = stands.at === "nowhere" ? undefined : zones.value[stands.index];
  const edge = stands.at === "inside" ? fill(text.edgeIn, { m: far(stands.edge_m) })
    : stands.at === "maybe" ? fill(text.edgeNear, { m: far(stands.edge_m), a: far(at.accuracy_m) }) : fill(text.accuracy, { m: far(at.accuracy_m) });
  return (
    <p class={`standing ${stands.at}`} role="status" data-standing={stands.at}>
      <Icon name={stands.at === "inside" ? "check" : stands.at === "nowhere" ? "locate" : "warn"} />
      <span><strong>{word}</strong><span class="small">{edge}{zone && ` · ${named(zone.properties)}`}</span></span>
    </p>
  );
}

/** What is not as it should be, in one line each. */
function Bars() {
  const text = own.value;
  const { mine, others, bytes } = unsent.value;
  const refused = mine.filter((one) => one.problem).length;
  return (
    <div class="bars">
      {contact.value === "offline" && heardAt.value > 0 && <p class="bar warn" role="status" data-bar="offline"><Icon name="warn" />{fill(text.offline, { t: clock(heardAt.value) })}</p>}
      {ended.value && <p class="bar warn" role="alert" data-bar="ended"><span>{text.ended}</span><button type="button" class="button" onClick={() => (signingIn.value = true)} data-act="sign-in">{words.value.signIn}</button></p>}
      {line.value === "other" && !ended.value && <p class="bar bad" role="alert" data-bar="other">{text.otherSignedIn}</p>}
      {full.value && <p class="bar bad" role="alert" data-bar="full">{text.full}</p>}
      {mine.length > 0 && (
        <p class={refused ? "bar bad" : "bar"} role="status" data-bar="unsent" data-unsent={mine.length}>
          <button type="button" class="bar-words" onClick={() => go({ ...view.value, outbox: true })} data-act="outbox">
            <Icon name="up" /><span>{bytes > 0 ? fill(text.unsent, { n: mine.length, size: megabytes(bytes) }) : fill(text.unsentPlain, { n: mine.length })}{refused > 0 && ` · ${fill(text.refusedCount, { n: refused })}`}</span>
          </button>
          {line.value === "sending" ? <span class="small">{text.sending}</span> : <button type="button" class="button" onClick={flushNow} data-act="send-now">{text.sendNow}</button>}
        </p>
      )}
      {others > 0 && <p class="bar" role="status" data-bar="others" data-others={others}>{fill(text.others, { n: others })}</p>}
    </div>
  );
}

const TABS: [Tab, IconName][] = [["tasks", "cases"], ["map", "layers"], ["report", "flag"], ["near", "ask"], ["mine", "person"]];

function Tabs() {
  return (
    <nav class="tabs" aria-label={own.value.title}>
      {TABS.map(([id, glyph]) => (
        <button key={id} type="button" class="tab" aria-current={view.value.tab === id ? "page" : undefined} data-tab={id} onClick={() => go({ tab: id })}>
          <Icon name={glyph} />{own.value.tabs[id]}
        </button>
      ))}
    </nav>
  );
}

function Tools() {
  const text = words.value;
  const dark = theme.value !== "day";
  return (
    <>
      <button type="button" class="button quiet square" lang={language.value === "en" ? "zh-CN" : "en"} aria-label={text.otherLanguageLabel}
        onClick={() => (language.value = language.value === "en" ? "zh-CN" : "en")}>{language.value === "en" ? "中" : "EN"}</button>
      <button type="button" class="button quiet square" aria-label={dark ? text.day : text.dark} onClick={switchTheme}><Icon name={dark ? "sun" : "moon"} /></button>
    </>
  );
}

function Welcome() {
  return (
    <div class="phone welcome">
      <header class="welcome-tools"><Tools /></header>
      <main class="stack">
        <img src={icon} alt="" width="72" height="72" />
        <h1>{own.value.title}</h1>
        <p>{own.value.welcome}</p>
        {contact.value === "offline" && <p class="note warn" role="alert">{words.value.loadFailed}</p>}
        <button type="button" class="button primary wide" onClick={() => (signingIn.value = true)} data-act="sign-in">{words.value.signIn}</button>
      </main>
      <Bars />
      <SignInDialog />
    </div>
  );
}

export function App() {
  const [mapSeen, setMapSeen] = useState(false);
  if (!started.value) return <main class="failed"><p role="status">{words.value.loading}</p></main>;
  const card = who.value;
  if (!card) return contact.value === "asking" ? <main class="failed"><p role="status">{words.value.loading}</p></main> : <Welcome />;
  const { tab, case_no, act, outbox } = view.value;
  const withMap = tab === "map" || (tab === "tasks" && case_no !== undefined && !act) || tab === "report";
  if (withMap && !mapSeen) setMapSeen(true);
  return (
    <div class="phone" data-view={outbox ? "outbox" : act ? "act" : case_no ? "task" : tab} data-signed-in={card.login}>
      <header class="top">
        <Standing />
        <LiveBadge />
        <Tools />
      </header>
      <Bars />
      <main class="body" aria-label={own.value.tabs[tab]}>
        {(withMap || mapSeen) && <MapPlace shown={withMap && !outbox} />}
        {outbox ? <Outbox />
          : tab === "tasks" && case_no && act ? <ActForm case_no={case_no} action={act} />
          : tab === "tasks" && case_no ? <TaskPage case_no={case_no} />
          : tab === "tasks" ? <TaskList />
          : tab === "report" ? <ReportTab />
          : tab === "near" ? <Near />
          : tab === "mine" ? <Mine /> : null}
      </main>
      <Tabs />
      <SignInDialog />
    </div>
  );
}
