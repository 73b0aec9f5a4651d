import { effect } from "@preact/signals";
import { render } from "preact";
import "../shared/design.css";
import "../shared/parts.css";
import "./report.css";
import { city, readCity } from "../shared/catalog";
import { named } from "../shared/i18n";
import { App } from "./app";
import { readCategories } from "./draft";
import { restorePhotos } from "./photos";
import { pump } from "./sending";
import { own } from "./words";

effect(() => {
  document.title = `${own.value.title}${city.value ? ` · ${named(city.value)}` : ""}`;
});
const root = document.getElementById("app");
if (root) render(<App />, root);
void readCity();
void readCategories();
// What was under way before a reload goes on by itself.
void restorePhotos().then(pump);
