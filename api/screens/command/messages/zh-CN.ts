export const zhCN = {
  title: "城市运行指挥屏",
};

export type Messages = typeof zhCN;
