import { effect } from "@preact/signals";
import { render } from "preact";
import "../shared/design.css";
import "../shared/parts.css";
import "./map.css";
import { city } from "../shared/catalog";
import { named, words } from "../shared/i18n";
import { App } from "./app";
import { begin } from "./state";

effect(() => {
  document.title = `${city.value ? `${named(city.value)} · ` : ""}${words.value.appTitle}`;
});
const root = document.getElementById("app");
if (root) render(<App />, root);
void begin();
