import { effect } from "@preact/signals";
import { render } from "preact";
import "../shared/design.css";
import "../shared/parts.css";
import "./desk.css";
import { city } from "../shared/catalog";
import { named } from "../shared/i18n";
import { App } from "./app";
import { begin } from "./state";
import { own } from "./words";

effect(() => {
  document.title = `${own.value.title}${city.value ? ` · ${named(city.value)}` : ""}`;
});
const root = document.getElementById("app");
if (root) render(<App />, root);
void begin();
