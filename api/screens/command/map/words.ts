import { spoken } from "../../shared/i18n";
import { en } from "./messages/en";
import { zhCN } from "./messages/zh-CN";

export const own = spoken({ "zh-CN": zhCN, en });
