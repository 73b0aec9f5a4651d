// The page: the map under everything, panels over it. On a wide screen all panels stand; on a phone one at a time.
import { city, unreachable } from "../shared/catalog";
import { FacesMenu } from "../shared/faces";
import { Icon, type IconName } from "../shared/icons";
import { language, named, posted, wordFor, words } from "../shared/i18n";
import { LayerPanel } from "../shared/layer_panel";
import { LiveBadge } from "../shared/live_badge";
import { cases } from "../shared/live_cases";
import { me, signingIn } from "../shared/session";
import { SignInDialog } from "../shared/sign_in";
import { switchTheme, theme } from "../shared/theme";
import { AskCard } from "./answer";
import { LatestCases } from "./latest";
import { MapPane } from "./map_pane";
import { ReportForm } from "./report_form";
import { begin, forgetPlace, leave, type Pane, pane, sent, startOver } from "./state";

function Head() {
  const text = words.value;
  const who = me.value;
  return (
    <header class="head surface">
      <FacesMenu />
      <div class="brand">
        <h1>{city.value ? named(city.value) : "gisops"}</h1>
        <p class="small">{text.appTitle}</p>
      </div>
      <div class="head-tools">
        <button type="button" class="button quiet" lang={language.value === "en" ? "zh-CN" : "en"} aria-label={text.otherLanguageLabel}
          onClick={() => (language.value = language.value === "en" ? "zh-CN" : "en")}>{language.value === "en" ? "中" : "EN"}</button>
        <button type="button" class="button quiet square" aria-label={theme.value === "day" ? text.dark : text.day} title={theme.value === "day" ? text.dark : text.day} onClick={switchTheme}>
          <Icon name={theme.value === "day" ? "moon" : "sun"} /></button>
        {who ? (
          <button type="button" class="button quiet account" onClick={() => void leave()} title={text.signOut} data-signed-in={who.login}>
            <span class="account-text"><strong>{who.staff ? posted(who.staff) : wordFor(text.roles, who.role)}</strong><span class="small">{text.signOut}</span></span>
          </button>
        ) : (
          <button type="button" class="button quiet sign-in" onClick={() => (signingIn.value = true)} data-act="sign-in">{text.signIn}</button>
        )}
      </div>
    </header>
  );
}

interface PanelProps {
  id: Exclude<Pane, "none">;
  title: string;
  aside?: preact.ComponentChildren;
  onClose?: (() => void) | undefined;
  children: preact.ComponentChildren;
}

function Panel({ id, title, aside, onClose, children }: PanelProps) {
  return (
    <section class={`panel surface panel-${id}`} aria-labelledby={`${id}-title`}>
      <header class="panel-head">
        <h2 id={`${id}-title`}>{title}</h2>
        {aside}
        <button type="button" class={onClose ? "button quiet square" : "button quiet square phone-only"} aria-label={words.value.close}
          onClick={onClose ?? (() => (pane.value = "none"))}><Icon name="close" /></button>
      </header>
      <div class="panel-body stack">{children}</div>
    </section>
  );
}

function Tabs() {
  const text = words.value;
  const tabs: [Exclude<Pane, "none">, IconName, string][] = [
    ["ask", "ask", text.askTitle], ["layers", "layers", text.layers], ["report", "flag", text.report], ["cases", "cases", text.latest],
  ];
  return (
    <nav class="tabs surface" aria-label={text.appTitle}>
      {tabs.map(([id, icon, label]) => (
        <button key={id} type="button" class="tab" aria-pressed={pane.value === id} data-tab={id}
          onClick={() => {
            if (id === "report" && sent.value.status === "answered") startOver();
            pane.value = pane.value === id ? "none" : id;
          }}>
          <span class="tab-icon"><Icon name={icon} />{id === "cases" && cases.value.some((one) => one.seen) && <span class="tab-dot" />}</span>{label}
        </button>
      ))}
    </nav>
  );
}

export function App() {
  const text = words.value;
  if (unreachable.value && !city.value) {
    return <main class="failed"><div class="surface stack" role="alert"><p>{text.loadFailed}</p><button type="button" class="button primary" onClick={() => void begin()}>{text.tryAgain}</button></div></main>;
  }
  if (!city.value) return <main class="failed"><p role="status">{text.loading}</p></main>;
  const reporting = pane.value === "report";
  return (
    <div class="screen" data-pane={pane.value}>
      <a class="skip" href="#map" onClick={(event) => {
        event.preventDefault();
        document.querySelector<HTMLElement>("#map canvas")?.focus();
      }}>{text.skipToMap}</a>
      <Head />
      <main class="stage" aria-label={text.appTitle}>
        <MapPane />
      </main>
      <div class="left">
        <Panel id="layers" title={text.layers}><LayerPanel /></Panel>
      </div>
      <div class="right">
        {reporting
          ? <Panel id="report" title={text.reportTitle} onClose={() => { if (sent.value.status === "answered") startOver(); pane.value = "ask"; }}><ReportForm /></Panel>
          : <Panel id="ask" title={text.whoIsResponsible} onClose={pane.value === "ask" ? forgetPlace : undefined}
              aside={<button type="button" class="button quiet wide-only" data-act="report" onClick={() => (pane.value = "report")}><Icon name="flag" />{text.report}</button>}><AskCard /></Panel>}
        <Panel id="cases" title={text.latest} aside={<LiveBadge />}><LatestCases /></Panel>
      </div>
      <Tabs />
      <SignInDialog />
    </div>
  );
}
