import { effect } from "@preact/signals";
import { render } from "preact";
import "../shared/design.css";
import "../shared/parts.css";
import { inspect } from "../shared/inspect";
import "./officer.css";
import { App } from "./app";
import { standing } from "./inside";
import "./following";
import "./seen";
import { begin } from "./state";
import { own } from "./words";

effect(() => {
  document.title = own.value.title;
});
inspect({ standing });
const root = document.getElementById("app");
if (root) render(<App />, root);

// After the list is there: what the worker fetches must not stand in its way.
void begin().finally(() => {
  if ("serviceWorker" in navigator) void navigator.serviceWorker.register("/officer_worker.js", { scope: "/officer" }).catch(() => undefined);
});
