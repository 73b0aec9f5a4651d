"""Names for what the drawing makes: streets, parks, compounds, schools. All begin with 样例 / Sample."""

from __future__ import annotations

import numpy as np

_FIRST = (
    ("海", "hai"), ("长", "chang"), ("永", "yong"), ("安", "an"), ("和", "he"), ("平", "ping"), ("文", "wen"), ("明", "ming"),
    ("福", "fu"), ("新", "xin"), ("金", "jin"), ("玉", "yu"), ("青", "qing"), ("白", "bai"), ("红", "hong"), ("龙", "long"),
    ("凤", "feng"), ("云", "yun"), ("春", "chun"), ("秋", "qiu"), ("东", "dong"), ("西", "xi"), ("南", "nan"), ("北", "bei"),
    ("中", "zhong"), ("兴", "xing"), ("建", "jian"), ("华", "hua"), ("振", "zhen"), ("博", "bo"), ("德", "de"), ("仁", "ren"),
    ("义", "yi"), ("礼", "li"), ("智", "zhi"), ("信", "xin"), ("景", "jing"), ("秀", "xiu"), ("美", "mei"), ("丽", "li"),
    ("江", "jiang"), ("河", "he"), ("湖", "hu"), ("椰", "ye"), ("榕", "rong"), ("桂", "gui"), ("梅", "mei"), ("竹", "zhu"),
)  # fmt: skip
_SECOND = (
    ("府", "fu"), ("甸", "dian"), ("山", "shan"), ("泉", "quan"), ("林", "lin"), ("园", "yuan"), ("堤", "di"), ("桥", "qiao"),
    ("港", "gang"), ("湾", "wan"), ("岛", "dao"), ("洲", "zhou"), ("埠", "bu"), ("塘", "tang"), ("坡", "po"), ("岭", "ling"),
    ("坊", "fang"), ("门", "men"), ("亭", "ting"), ("台", "tai"), ("阳", "yang"), ("光", "guang"), ("星", "xing"), ("月", "yue"),
    ("庆", "qing"), ("丰", "feng"), ("盛", "sheng"), ("隆", "long"), ("昌", "chang"), ("宁", "ning"), ("康", "kang"), ("乐", "le"),
    ("爱", "ai"), ("善", "shan"), ("贤", "xian"), ("学", "xue"), ("达", "da"), ("通", "tong"), ("源", "yuan"), ("溪", "xi"),
)  # fmt: skip


class Names:
    """Hands out every name once. After all pairs are used, numbers tell the later ones apart."""

    def __init__(self, rng: np.random.Generator) -> None:
        pairs = [(a[0] + b[0], (a[1] + b[1]).capitalize()) for a in _FIRST for b in _SECOND if a[0] != b[0]]
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
