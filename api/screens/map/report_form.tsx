// Report a problem: where, what, how exact. One number (client_uid) per report, kept until the server has answered.
import { useState } from "preact/hooks";
import { CategoryBox } from "../shared/category_box";
import { Icon } from "../shared/icons";
import { dayAndTime, metres, named, said, wordFor, words } from "../shared/i18n";
import { ProblemNote } from "../shared/problem_note";
import type { ReportAnswer } from "../shared/types";
import { Explained, WhoGetsIt } from "./answer";
import { showOnMap } from "./map_pane";
import { askAt, asked, categories, category, chooseCategory, draftText, forgetPlace, place, sendReport, sent, startOver } from "./state";

const TEXT_LIMIT = 4_000;

function Receipt({ answer }: { answer: ReportAnswer }) {
  const text = words.value;
  const one = answer.case;
  return (
    <div class="stack" role="status" data-receipt={one.case_no ?? ""}>
      <p class="received"><Icon name="check" />{text.received}</p>
      <dl class="facts">
        {one.case_no && <div class="fact"><dt>{text.caseNo}</dt><dd class="case-no">{one.case_no}</dd></div>}
        <div class="fact"><dt>{text.category}</dt><dd>{named(one.category)} <span class="small">{one.category.code}</span></dd></div>
        <div class="fact"><dt>{text.state}</dt><dd>{wordFor(text.states, one.state)}</dd></div>
        {one.case_no && <div class="fact"><dt>{text.deadline}</dt><dd>{one.deadline ? dayAndTime(one.deadline) : text.noDeadline}</dd></div>}
      </dl>
      <div>
        <h3>{answer.dispatch.mode === "desk" ? text.waitsAtDesk : text.goesTo}</h3>
        <WhoGetsIt dispatch={answer.dispatch} />
      </div>
      {"reasons" in answer.dispatch
        ? <Explained dispatch={answer.dispatch} />
        : answer.joined && <p data-joined={answer.joined.code}>{said(answer.joined)}</p>}
      <div class="actions">
        <button type="button" class="button wide" onClick={startOver}>{text.reportAnother}</button>
        <button type="button" class="button quiet wide" onClick={() => { startOver(); forgetPlace(); }}>{text.close}</button>
      </div>
    </div>
  );
}

export function ReportForm() {
  const text = words.value;
  const now = sent.value;
  const at = place.value;
  const [finding, setFinding] = useState(false);
  const [wrong, setWrong] = useState<string | null>(null);
  const [accuracy, setAccuracy] = useState<string | null>(null);
  if (now.status === "answered") return <Receipt answer={now.answer} />;
  const frozen = now.status === "sending" || now.status === "unknown";

  const findDevice = (): void => {
    if (!window.isSecureContext || !("geolocation" in navigator)) {
      setWrong(text.deviceErrors.insecure ?? null);
      return;
    }
    setFinding(true);
    setWrong(null);
    navigator.geolocation.getCurrentPosition(
      ({ coords, timestamp }) => {
        setFinding(false);
        setAccuracy(null);
        showOnMap(coords.longitude, coords.latitude);
        askAt({
          lon: coords.longitude, lat: coords.latitude, accuracy_m: Math.max(0.1, Math.round(coords.accuracy * 10) / 10), from: "device",
          captured_at: new Date(timestamp).toISOString(),
        });
      },
      (error) => {
        setFinding(false);
        setWrong(text.deviceErrors[String(error.code)] ?? error.message);
      },
      { enableHighAccuracy: true, timeout: 15_000, maximumAge: 5_000 },
    );
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    if (now.status === "editing") {
      if (!at) return setWrong(text.needPosition);
      if (!category.value) return setWrong(text.needCategory);
    }
    setWrong(null);
    void sendReport();
  };
  const changeAccuracy = (typed: string): void => {
    setAccuracy(typed);
    const value = Number(typed);
    const valid = typed.trim() !== "" && Number.isFinite(value) && value >= 0.1 && value <= 100_000;
    setWrong(valid ? null : text.needAccuracy);
    if (valid && at) askAt({ ...at, accuracy_m: value });
  };
  const suggestion = now.status === "editing" ? now.problem?.suggestion : undefined;

  return (
    <form class="stack" onSubmit={submit} noValidate>
      <CategoryBox categories={categories.value} value={category.value} onChoose={chooseCategory} disabled={frozen} />
      <fieldset class="where" disabled={frozen}>
        <legend>{text.reportWhere}</legend>
        {at ? (
          <div class="where-line">
            <span><strong>{at.lon.toFixed(6)}, {at.lat.toFixed(6)}</strong>
              <span class="small"> {text.crsWgs84} · {at.from === "device" ? text.fromDevice : text.pickedOnMap}</span></span>
            <label class="accuracy"><span>{text.accuracyM}</span>
              <input class="input" inputMode="decimal" value={accuracy ?? String(at.accuracy_m)}
                onInput={(event) => changeAccuracy(event.currentTarget.value)} onBlur={() => setAccuracy(null)} /></label>
          </div>
        ) : <p class="small">{text.pickOnMap}</p>}
        <button type="button" class="button wide" onClick={findDevice} disabled={finding}>
          <Icon name="locate" />{finding ? text.findingDevice : text.useDevice}
        </button>
      </fieldset>
      {at && asked.value.status === "answered" && (
        <p class="small preview">{text.responsible}: <strong>{named(asked.value.located.organisation)}</strong></p>
      )}
      {asked.value.status === "refused" && now.status === "editing" && !now.problem && <ProblemNote problem={asked.value.problem} />}
      <div class="field">
        <label for="report-text">{text.text}</label>
        <textarea id="report-text" class="input" rows={3} maxLength={TEXT_LIMIT} placeholder={text.textHint} disabled={frozen}
          value={now.status === "unknown" ? now.body.text ?? "" : draftText.value}
          onInput={(event) => (draftText.value = event.currentTarget.value)} />
      </div>
      {wrong && <p class="note warn" role="alert">{wrong}</p>}
      {now.status === "editing" && now.problem && <ProblemNote problem={now.problem} heading={text.refused} />}
      {suggestion && (
        <button type="button" class="button wide" onClick={() => {
          showOnMap(suggestion.lon, suggestion.lat);
          askAt({ ...suggestion, accuracy_m: at?.accuracy_m ?? 10, from: at?.from ?? "map" });
        }}>{text.useSuggestion}</button>
      )}
      {now.status === "unknown" && (
        <div class="note warn" role="alert" data-unknown><strong>{text.noAnswer}</strong><p>{text.noAnswerHint}</p></div>
      )}
      <div class="actions">
        <button type="submit" class="button primary wide" disabled={now.status === "sending"}>
          <Icon name="flag" />{now.status === "sending" ? text.sending : now.status === "unknown" ? text.sendAgain : text.send}
        </button>
        {now.status === "unknown" && <button type="button" class="button quiet wide" onClick={startOver}>{text.giveUp}</button>}
      </div>
      {at && now.status === "editing" && <p class="small">{text.accuracy} ±{metres(at.accuracy_m)}{at.from === "map" && ` · ${text.accuracyFromMap}`}</p>}
    </form>
  );
}
