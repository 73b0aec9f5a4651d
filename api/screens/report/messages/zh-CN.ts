export const zhCN = {
  title: "随手报",
};

export type Messages = typeof zhCN;
