// Day or dark: day until the reader chooses, because a map is read best on a light ground in a lit room.
import { effect, signal } from "@preact/signals";
import { remember, remembered } from "./remember";

export type Theme = "day" | "dark";

const chosen = remembered("theme");
export const theme = signal<Theme>(chosen === "dark" || chosen === "day" ? chosen : "day");

export function switchTheme(): void {
  theme.value = theme.value === "day" ? "dark" : "day";
  remember("theme", theme.value);
}

effect(() => {
  document.documentElement.dataset.theme = theme.value;
});
