import type { Messages } from "./zh-CN";

export const en: Messages = {
  title: "Report a problem",
};
