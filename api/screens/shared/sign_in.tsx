import { useEffect, useRef, useState } from "preact/hooks";
import { NoAnswer, Refused } from "./api";
import { signIn } from "./catalog";
import { words } from "./i18n";
import { Icon } from "./icons";
import { ProblemNote } from "./problem_note";
import { signingIn } from "./session";
import type { Problem } from "./types";

export function SignInDialog() {
  const text = words.value;
  const dialog = useRef<HTMLDialogElement>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    // The native modal dialog keeps the focus inside and gives it back afterwards.
    if (signingIn.value && !dialog.current?.open) dialog.current?.showModal();
    if (!signingIn.value && dialog.current?.open) dialog.current.close();
  }, [signingIn.value]);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    setProblem(null);
    try {
      await signIn(String(form.get("login")).trim(), String(form.get("password")));
    } catch (error) {
      if (error instanceof Refused) setProblem(error.problem);
      else if (error instanceof NoAnswer) setProblem({ type: "about:blank", status: 0, code: "no_answer", title: text.loadFailed });
      else throw error;
    } finally {
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} class="dialog surface" aria-labelledby="sign-in-title" onClose={() => (signingIn.value = false)}>
      {signingIn.value && (
        <form class="stack" onSubmit={(event) => void submit(event as unknown as SubmitEvent)}>
          <header class="panel-head"><h2 id="sign-in-title">{text.signInTitle}</h2>
            <button type="button" class="button quiet square" aria-label={text.close} onClick={() => (signingIn.value = false)}><Icon name="close" /></button></header>
          <div class="field"><label for="login">{text.login}</label><input id="login" name="login" class="input" autocomplete="username" autocapitalize="off" required autofocus /></div>
          <div class="field"><label for="password">{text.password}</label><input id="password" name="password" type="password" class="input" autocomplete="current-password" required /></div>
          {problem && <ProblemNote problem={problem} />}
          <button type="submit" class="button primary wide" disabled={busy}>{busy ? text.signingIn : text.signIn}</button>
          <p class="small">{text.signInHint}</p>
        </form>
      )}
    </dialog>
  );
}
