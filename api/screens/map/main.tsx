import { effect } from "@preact/signals";
import { render } from "preact";
import "../shared/design.css";
import "./map.css";
import { named, words } from "../shared/i18n";
import { App } from "./app";
import { begin, city } from "./state";

effect(() => {
  document.title = `${city.value ? `${named(city.value)} · ` : ""}${words.value.appTitle}`;
});
const root = document.getElementById("app");
if (root) render(<App />, root);
void begin();
