export const zhCN = {
  title: "网格员",
};

export type Messages = typeof zhCN;
