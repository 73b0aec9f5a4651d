// Day or dark: day until the reader chooses, because a map is read best on a light ground in a lit room.
import { effect, signal } from "@preact/signals";
import { remember, remembered } from "./remember";

// A wall is told by its address (/screen, or ?theme=screen): nobody stands in front of it to choose.
export type Theme = "day" | "dark" | "screen";

const chosen = location.pathname === "/screen" ? "screen" : new URLSearchParams(location.search).get("theme") ?? remembered("theme");
export const theme = signal<Theme>(chosen === "dark" || chosen === "day" || chosen === "screen" ? chosen : "day");

export function switchTheme(): void {
  theme.value = theme.value === "day" ? "dark" : "day";
  remember("theme", theme.value);
}

effect(() => {
  document.documentElement.dataset.theme = theme.value === "day" ? "day" : "dark";
});
