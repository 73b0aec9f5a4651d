// Tells the service worker whose map it keeps: what one account saw is nobody else's answer.
import { computed, effect } from "@preact/signals";
import { who } from "./state";

const login = computed(() => who.value?.login ?? null);

if ("serviceWorker" in navigator) {
  const say = (): void => navigator.serviceWorker.controller?.postMessage({ account: login.peek() });
  effect(() => {
    void login.value;
    say();
  });
  navigator.serviceWorker.addEventListener("controllerchange", say);
}
