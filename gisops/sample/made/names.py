"""Names for what the drawing makes: streets, parks, compounds, schools. All begin with 样例 / Sample."""

from __future__ import annotations

import numpy as np

# A character, then how it is read.
_FIRST = (
    "海hai 长chang 永yong 安an 和he 平ping 文wen 明ming 福fu 新xin 金jin 玉yu 青qing 白bai 红hong 龙long "
    "凤feng 云yun 春chun 秋qiu 东dong 西xi 南nan 北bei 中zhong 兴xing 建jian 华hua 振zhen 博bo 德de 仁ren 义yi "
    "礼li 智zhi 信xin 景jing 秀xiu 美mei 丽li 江jiang 河he 湖hu 椰ye 榕rong 桂gui 梅mei 竹zhu"
)
_SECOND = (
    "府fu 甸dian 山shan 泉quan 林lin 园yuan 堤di 桥qiao 港gang 湾wan 岛dao 洲zhou 埠bu 塘tang 坡po 岭ling "
    "坊fang 门men 亭ting 台tai 阳yang 光guang 星xing 月yue 庆qing 丰feng 盛sheng 隆long 昌chang 宁ning "
    "康kang 乐le 爱ai 善shan 贤xian 学xue 达da 通tong 源yuan 溪xi"
)


class Names:
    """Hands out every name once. After all pairs are used, numbers tell the later ones apart."""

    def __init__(self, rng: np.random.Generator) -> None:
        pairs = [
            (a[0] + b[0], (a[1:] + b[1:]).capitalize()) for a in _FIRST.split() for b in _SECOND.split() if a[0] != b[0]
        ]
        self._pairs = [pairs[i] for i in rng.permutation(len(pairs))]
        self._rng = rng
        self._next = 0

    def stem(self) -> tuple[str, str]:
        """Two characters and their reading."""
        turn, place = divmod(self._next, len(self._pairs))
        self._next += 1
        zh, en = self._pairs[place]
        return (zh, en) if not turn else (f"{zh}{'新后上下'[(turn - 1) % 4]}", f"{en} {turn + 1}")

    def street(self, road_class: str, old: bool, length_m: float, east_west: bool) -> tuple[str, str]:
        """A street's name; what it ends in goes by how large and how old the street is."""
        zh, en = self.stem()
        if road_class in ("primary", "trunk") and length_m > 2_500:
            ending = ("大道", "Avenue")
        elif road_class in ("primary", "secondary"):
            ending = ("路", "Road")
        elif old:
            ending = ("街", "Street") if length_m > 320 else ("巷", "Lane")
        elif road_class == "tertiary":
            ending = ("路", "Road") if east_west or self._rng.random() < 0.6 else ("街", "Street")
        else:
            ending = ("横路", "Cross Road") if self._rng.random() < 0.12 else ("街", "Street")
            if length_m < 300:
                ending = ("巷", "Lane")
        return f"样例{zh}{ending[0]}", f"Sample {en} {ending[1]}"
