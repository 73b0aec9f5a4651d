// Above everything: which city, what time it is there, how live the wall is, who sits before it.
import { useEffect, useState } from "preact/hooks";
import icon from "../map/icon.svg";
import { city, signOut } from "../shared/catalog";
import { FacesMenu } from "../shared/faces";
import { clock, language, named, posted, timeZone, wordFor, words } from "../shared/i18n";
import { Icon } from "../shared/icons";
import { LiveBadge } from "../shared/live_badge";
import { me, signingIn } from "../shared/session";
import { own } from "./words";

function Clock() {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 1_000);
    return () => window.clearInterval(timer);
  }, []);
  const how: Intl.DateTimeFormatOptions = { year: "numeric", month: "long", day: "numeric", weekday: "long", ...(timeZone.value ? { timeZone: timeZone.value } : {}) };
  return (
    <p class="clock"><time dateTime={new Date(now).toISOString()}>{clock(now)}</time>
      <span>{new Intl.DateTimeFormat(language.value, how).format(now)}</span></p>
  );
}

const fullScreen = (): void => void (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()).catch(() => undefined);

export function Head() {
  const text = words.value;
  const who = me.value;
  return (
    <header class="head">
      <div class="brand"><img src={icon} alt="" width="32" height="32" /><h1>{city.value ? named(city.value) : "gisops"}</h1><p>{own.value.title}</p></div>
      <Clock />
      <div class="head-tools">
        {who && <LiveBadge />}
        <FacesMenu />
        <button type="button" class="button quiet" data-act="language" lang={language.value === "en" ? "zh-CN" : "en"} aria-label={text.otherLanguageLabel}
          onClick={() => (language.value = language.value === "en" ? "zh-CN" : "en")}>{language.value === "en" ? "中" : "EN"}</button>
        <button type="button" class="button quiet square" data-act="full-screen" aria-label={own.value.fullScreen} title={own.value.fullScreen} onClick={fullScreen}><Icon name="full" /></button>
        {who ? (
          <button type="button" class="button quiet account" onClick={() => void signOut()} data-act="sign-out" data-signed-in={who.login}>
            <strong>{who.staff ? posted(who.staff) : wordFor(text.roles, who.role)}</strong><span>{text.signOut}</span>
          </button>
        ) : <button type="button" class="button primary" onClick={() => (signingIn.value = true)} data-act="sign-in">{text.signIn}</button>}
      </div>
    </header>
  );
}
