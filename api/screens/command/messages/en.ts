import type { Messages } from "./zh-CN";

export const en: Messages = {
  title: "City command screen",
};
