export const zhCN = {
  title: "值守席",
};

export type Messages = typeof zhCN;
