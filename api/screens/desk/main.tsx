import { effect } from "@preact/signals";
import { render } from "preact";
import "../shared/design.css";
import "../shared/parts.css";
import "./desk.css";
import { city } from "../shared/catalog";
import { named } from "../shared/i18n";
import { inspect } from "../shared/inspect";
import { App } from "./app";
import { settled } from "./case_state";
import { begin } from "./state";
import { own } from "./words";

effect(() => {
  document.title = `${own.value.title}${city.value ? ` · ${named(city.value)}` : ""}`;
});
inspect({ settled });
const root = document.getElementById("app");
if (root) render(<App />, root);
void begin();
