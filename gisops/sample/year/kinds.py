"""What a city's year is about: kinds of problem with how often they are met, where, when, and in which weather.

The shares are ours, set so that street order and cleanliness lead, as they do wherever such systems publish figures.
Codes are those of GB/T 30428.2-2013; a city whose scheme lacks one simply has no such cases.
"""

from __future__ import annotations

from typing import NamedTuple

# Where a case lies: on a carriageway or at its kerb, at a part of its own class, at a shop front, at home,
# by the water, in a green area, at a building site, at a spot that floods.
PLACES = ("road", "kerb", "part", "shop", "home", "water", "green", "site", "low")
# When in the day it is met, 24 weights for the local hours.
HOURS: dict[str, tuple[float, ...]] = {
    # patrols and passers-by: from seven to nine in the evening, peaks in the morning and the afternoon
    "day": (1, .6, .4, .3, .4, 1, 4, 14, 26, 30, 27, 20, 13, 14, 22, 27, 26, 22, 16, 12, 9, 6, 3, 2),
    "office": (.2, .1, .1, .1, .1, .3, 1, 5, 22, 30, 27, 16, 5, 8, 24, 28, 24, 12, 3, 1.5, 1, .6, .4, .2),
    "market": (.1, .1, .1, .2, 1, 5, 16, 26, 30, 26, 18, 12, 8, 7, 9, 14, 24, 30, 26, 14, 6, 2, .6, .2),
    "commute": (.2, .1, .1, .1, .3, 2, 9, 28, 30, 14, 8, 8, 9, 8, 8, 10, 16, 28, 30, 16, 8, 4, 2, .6),
    "school": (0, 0, 0, 0, 0, .2, 4, 30, 14, 1, .6, 12, 9, 5, 2, 3, 26, 28, 7, 1, .4, .1, 0, 0),
    "night": (14, 8, 3, 1, .4, .2, .2, .4, .6, .8, 1, 1.5, 2, 1.5, 1.5, 2, 2.5, 4, 8, 18, 27, 30, 28, 22),
    "dark": (3, 1.5, .8, .6, .8, 1.5, 1.5, .8, .4, .3, .3, .3, .3, .3, .3, .4, .8, 3, 12, 28, 30, 20, 10, 5),
    "always": (6, 5, 4, 4, 5, 8, 11, 14, 15, 15, 14, 13, 12, 12, 13, 14, 15, 16, 16, 14, 12, 10, 8, 7),
}  # fmt: skip
# Which days: any; with rain (and only then: "burst"); dry and dusty; in the leafy and in the hot months; working days.
DAYS = ("any", "wet", "burst", "dry", "hot", "autumn", "work", "weekend")


class Kind(NamedTuple):
    """A kind of problem: its share, where and when it is met, hours to handle it (mostly less), and what may be
    written of it (nothing: made from its name).
    """

    code: str
    weight: float
    place: str
    when: str = "day"
    days: str = "any"
    hours: float = 3.0
    zh: tuple[str, ...] = ()


EVENTS = (
    Kind(
        "E01-10",
        70,
        "kerb",
        "day",
        "any",
        2.2,
        ("有一堆暴露垃圾，无人清理", "垃圾袋散落一地，有异味", "路边堆放生活垃圾"),
    ),
    Kind("E01-12", 62, "road", "day", "any", 1.8, ("路面不洁，有大片污渍", "落叶和纸屑较多，需清扫", "人行道积尘")),
    Kind("E04-09", 58, "kerb", "day", "work", 2.0, ("机动车停在人行道上", "多辆机动车乱停，影响通行", "车辆占用盲道")),
    Kind(
        "E04-10",
        55,
        "kerb",
        "commute",
        "any",
        2.2,
        ("共享单车成堆乱停", "非机动车占用人行道", "电动车乱停放，堵住路口"),
    ),
    Kind("E04-05", 48, "shop", "market", "any", 2.6, ("店铺将货物摆到门外", "店外经营，占用人行道", "商家在门前摆桌")),
    Kind("E04-06", 36, "kerb", "market", "any", 2.8, ("占道摆摊", "有人占道经营水果", "占道经营早餐")),
    Kind("E04-01", 34, "kerb", "market", "any", 2.4, ("流动商贩聚集", "三轮车游商叫卖", "无照游商占道")),
    Kind("E02-01", 34, "kerb", "day", "any", 3.2, ("墙面张贴小广告", "电杆上有小广告", "地面喷涂非法广告")),
    Kind("E01-36", 30, "home", "day", "any", 3.6, ("楼道口堆放杂物", "乱堆物料", "空地上堆放建材")),
    Kind("E01-11", 22, "kerb", "day", "any", 4.0, ("积存渣土", "装修垃圾未清运", "墙角积存渣土")),
    Kind("E01-07", 16, "kerb", "day", "dry", 2.6, ("沿街晾挂衣物", "护栏上晾晒被子")),
    Kind("E01-17", 17, "green", "day", "any", 3.0, ("绿地内有垃圾", "绿化带被踩踏，脏乱")),
    Kind("E01-14", 12, "road", "day", "work", 2.0, ("渣土遗撒", "路面有砂石遗撒")),
    Kind("E01-13", 15, "road", "day", "wet", 22.0, ("路面破损有坑洞", "路面龟裂", "人行道砖松动破损")),
    Kind("E01-35", 12, "home", "day", "any", 5.0, ("丢弃旧沙发", "路边有废弃家具")),
    Kind("E01-18", 9, "green", "office", "autumn", 5.0, ("修剪后的枝叶未清运",)),
    Kind("E01-25", 10, "water", "day", "any", 4.5, ("水面有漂浮垃圾", "河边水面不洁")),
    Kind("E01-26", 4, "water", "always", "wet", 9.0, ("河水发黑有异味", "排口有污水流出")),
    Kind("E01-28", 13, "shop", "night", "any", 3.0, ("音响声音大，影响休息", "夜间音乐扰民")),
    Kind("E01-29", 11, "kerb", "night", "hot", 2.4, ("露天烧烤，油烟大", "路边烧烤摊")),
    Kind("E01-30", 6, "shop", "day", "any", 5.0, ("餐馆向雨水口排污水",)),
    Kind("E01-31", 6, "shop", "night", "any", 3.0, ("餐厨垃圾遗撒路面",)),
    Kind("E01-20", 6, "green", "day", "dry", 1.6, ("有人焚烧树叶", "焚烧垃圾，烟雾大")),
    Kind("E01-01", 9, "home", "office", "work", 40.0, ("楼顶加盖", "私自搭建铁皮棚")),
    Kind("E01-02", 3, "shop", "office", "work", 20.0, ("店面装修未见许可",)),
    Kind("E01-03", 3, "shop", "office", "any", 14.0, ("店门口私接坡道",)),
    Kind("E01-04", 5, "shop", "office", "any", 8.0, ("临街外立面不洁",)),
    Kind("E01-05", 3, "home", "office", "any", 6.0, ("临街阳台堆物脏乱",)),
    Kind("E01-06", 3, "shop", "day", "any", 3.0, ("擅自悬挂彩旗",)),
    Kind("E01-08", 3, "kerb", "office", "any", 12.0, ("私拉线缆，低垂杂乱",)),
    Kind("E01-09", 3, "shop", "day", "hot", 9.0, ("空调外机低挂，热风吹人",)),
    Kind("E01-19", 3, "kerb", "day", "any", 3.0, ("树上有吊挂物",)),
    Kind("E01-21", 4, "green", "office", "hot", 20.0, ("行道树有虫害",)),
    Kind("E01-22", 1.2, "green", "office", "any", 10.0, ("有人擅自砍伐树木",)),
    Kind("E01-32", 1.2, "green", "office", "any", 26.0, ("空地被用来填埋垃圾",)),
    Kind("E01-33", 0.4, "kerb", "day", "any", 1.2, ("发现丢弃的医疗废物",)),
    Kind("E01-34", 5, "home", "office", "any", 40.0, ("废弃车辆长期停放",)),
    Kind("E01-37", 5, "road", "day", "any", 1.4, ("路面有动物尸体",)),
    Kind("E01-38", 5, "home", "day", "any", 16.0, ("小区内饲养家禽", "养鸡扰民")),
    Kind("E02-02", 6, "shop", "day", "weekend", 1.8, ("有人散发小广告",)),
    Kind("E02-03", 8, "shop", "office", "work", 12.0, ("违规设置灯箱广告", "门前摆放广告牌")),
    Kind("E02-04", 1.5, "shop", "office", "any", 12.0, ("广告文字不规范",)),
    Kind("E02-05", 2, "shop", "office", "any", 14.0, ("户外广告遮挡路牌",)),
    Kind("E02-06", 4, "shop", "office", "any", 14.0, ("牌匾超出门面", "牌匾破损")),
    Kind("E02-07", 4, "kerb", "day", "any", 3.0, ("横幅过期未拆", "擅自悬挂横幅")),
    Kind("E03-01", 9, "site", "night", "any", 2.6, ("夜间施工噪声大", "工地深夜打桩")),
    Kind("E03-02", 8, "site", "day", "work", 6.0, ("施工占用人行道", "施工占道无警示")),
    Kind("E03-03", 2.5, "road", "day", "work", 8.0, ("未见许可挖掘道路",)),
    Kind("E03-04", 9, "site", "day", "dry", 3.4, ("工地扬尘大，未洒水", "裸土未覆盖")),
    Kind("E03-05", 4, "site", "day", "any", 6.0, ("施工废料未清理",)),
    Kind("E03-06", 5, "site", "day", "any", 4.0, ("工地外乱堆物料",)),
    Kind("E03-07", 4, "site", "day", "wet", 7.0, ("工地围挡破损", "围挡倾斜")),
    Kind("E03-08", 2, "site", "office", "any", 20.0, ("工地道路未硬化",)),
    Kind("E03-09", 2, "site", "day", "wet", 14.0, ("工地出入口路面破损",)),
    Kind("E03-10", 1.5, "site", "office", "any", 12.0, ("完工后场地未清",)),
    Kind("E03-11", 6, "site", "always", "dry", 1.8, ("渣土车未密闭",)),
    Kind("E03-12", 3, "site", "day", "wet", 2.0, ("车轮带泥上路",)),
    Kind("E04-02", 4, "kerb", "night", "any", 3.0, ("夜市超出划定范围",)),
    Kind("E04-03", 4, "kerb", "day", "any", 1.6, ("有流浪乞讨人员需帮助",)),
    Kind("E04-04", 4, "kerb", "day", "any", 2.6, ("占道收购废品",)),
    Kind("E05-01", 2.2, "road", "always", "any", 2.0, ("水管破裂，路面冒水", "自来水外溢")),
    Kind("E05-02", 0.3, "road", "always", "any", 1.0, ("闻到燃气味，疑似泄漏",)),
    Kind("E05-03", 9, "low", "day", "wet", 4.0, ("下水道堵塞，污水外溢", "排水管道堵塞")),
    Kind("E05-05", 0.9, "road", "always", "burst", 14.0, ("路面塌陷，已有空洞",)),
    Kind("E05-06", 26, "low", "always", "burst", 2.2, ("道路积水，车辆难以通行", "积水约二十厘米", "雨后积水未退")),
    Kind("E05-08", 4, "kerb", "always", "burst", 1.8, ("架空线缆脱落", "线缆垂到路面")),
    Kind("E06-02", 0.8, "shop", "market", "any", 3.0, ("临街屠宰活禽",)),
    Kind("E06-04", 12, "shop", "market", "any", 2.4, ("门前三包未落实", "门前卫生脏乱")),
    Kind("E06-06", 9, "kerb", "day", "any", 9.0, ("公共设施被损坏", "座椅被撞坏")),
)

PARTS = (
    Kind("P01-04", 26, "part", "day", "wet", 7.0, ("雨水箅子堵塞", "雨水箅子破损", "雨水口有杂物")),
    Kind("P01-37", 30, "part", "dark", "any", 16.0, ("路灯不亮", "路灯闪烁", "路灯杆倾斜")),
    Kind("P04-02", 20, "part", "day", "wet", 15.0, ("行道树倾斜", "树枝折断", "行道树缺株")),
    Kind("P03-05", 18, "part", "day", "any", 4.0, ("垃圾箱满溢", "果皮箱破损", "垃圾桶倾倒")),
    Kind("P01-02", 12, "part", "day", "wet", 2.0, ("污水井盖缺失", "井盖破损", "井盖松动异响")),
    Kind("P01-03", 10, "part", "day", "wet", 2.0, ("雨水井盖松动", "雨水井盖移位")),
    Kind("P01-07", 8, "part", "day", "any", 5.0, ("通信井盖破损", "通信井盖下沉")),
    Kind("P01-01", 6, "part", "day", "any", 2.5, ("上水井盖破损", "水表井盖缺失")),
    Kind("P01-05", 5, "part", "day", "any", 3.0, ("电力井盖松动",)),
    Kind("P01-06", 2, "part", "day", "any", 4.0),
    Kind("P01-08", 1.5, "part", "day", "any", 6.0),
    Kind("P01-09", 1.5, "part", "day", "any", 6.0),
    Kind("P01-11", 2, "part", "day", "any", 2.0),
    Kind("P01-12", 1, "part", "day", "any", 5.0),
    Kind("P01-13", 1.5, "part", "day", "any", 5.0),
    Kind("P01-14", 1.5, "part", "day", "any", 6.0),
    Kind("P01-18", 2, "part", "day", "any", 4.0, ("化粪池井盖破损，有异味",)),
    Kind("P01-23", 4, "kerb", "day", "any", 6.0, ("不明井盖破损", "不知何单位的井盖松动")),
    Kind("P01-24", 3, "part", "day", "any", 6.0, ("消火栓漏水", "消火栓被遮挡")),
    Kind("P01-26", 3, "part", "day", "wet", 5.0),
    Kind("P01-27", 3, "part", "office", "any", 12.0, ("交接箱门未关",)),
    Kind("P01-28", 3, "part", "day", "any", 6.0),
    Kind("P01-30", 3, "part", "day", "burst", 6.0, ("电力立杆倾斜",)),
    Kind("P01-31", 3, "part", "day", "burst", 8.0, ("通信立杆倾斜",)),
    Kind("P01-38", 1, "part", "dark"),
    Kind("P01-39", 2, "part", "dark", "any", 20.0),
    Kind("P01-40", 0.6, "part", "office"),
    Kind("P01-41", 0.6, "part", "office"),
    Kind("P01-45", 0.6, "part", "day"),
    Kind("P01-46", 4, "part", "day", "any", 26.0, ("健身器材损坏", "健身设施松动")),
    Kind("P01-48", 2, "part", "day", "any", 3.0),
    Kind("P01-49", 0.6, "part", "day", "any", 1.4),
    Kind("P01-50", 2, "part", "office", "burst", 14.0),
    Kind("P01-54", 3, "part", "day", "any", 14.0, ("充电桩故障", "充电桩被燃油车占用")),
    Kind("P02-01", 2, "part", "day", "any", 8.0),
    Kind("P02-04", 7, "part", "commute", "any", 10.0, ("公交站牌破损", "公交站亭玻璃破碎")),
    Kind("P02-06", 1.5, "part", "day", "wet", 20.0),
    Kind("P02-07", 1.5, "low", "day", "burst", 3.0, ("地下通道积水",)),
    Kind("P02-09", 1, "water", "office", "any", 26.0),
    Kind("P02-11", 1, "part", "day", "any", 8.0),
    Kind("P02-12", 4, "part", "office", "burst", 16.0, ("路名牌倾斜", "路名牌被遮挡")),
    Kind("P02-17", 13, "part", "commute", "any", 9.0, ("交通护栏被撞变形", "护栏倒伏", "护栏缺失")),
    Kind("P02-20", 3, "part", "day", "any", 12.0),
    Kind("P02-21", 4, "part", "day", "any", 12.0),
    Kind("P02-25", 2, "part", "commute"),
    Kind("P02-30", 0.6, "water", "office"),
    Kind("P03-01", 4, "part", "day", "any", 4.0, ("公厕不洁", "公厕设施损坏")),
    Kind("P03-03", 1.5, "part", "day", "any", 6.0),
    Kind("P03-04", 2, "part", "day", "hot", 5.0, ("中转站异味大",)),
    Kind("P03-06", 5, "shop", "office", "burst", 10.0, ("户外广告破损，有坠落危险",)),
    Kind("P03-07", 4, "shop", "office", "burst", 10.0, ("牌匾松动",)),
    Kind("P03-08", 2, "part", "office", "any", 12.0),
    Kind("P04-01", 0.5, "part", "office", "any", 40.0),
    Kind("P04-04", 3, "part", "day", "any", 12.0),
    Kind("P04-05", 2, "part", "day"),
    Kind("P04-07", 3, "part", "day", "any", 16.0),
    Kind("P04-08", 3, "part", "day", "any", 14.0),
    Kind("P04-09", 2, "green", "day", "any", 14.0),
    Kind("P05-06", 1, "water", "office", "any", 20.0),
    Kind("P05-07", 2, "water", "day", "any", 12.0, ("河边护栏损坏",)),
    Kind("P05-08", 0.8, "water", "office", "burst", 20.0),
)

KINDS = (*EVENTS, *PARTS)
FAULTS_ZH = ("损坏", "缺失", "倾斜", "松动", "被撞")
FAULTS_OF_EVENTS_ZH = ("请尽快处理", "多日无人处理", "影响通行")


class Hotspot(NamedTuple):
    """A place where problems keep coming back. ``share`` of all cases goes to its kind, in the shares of ``codes``."""

    name: str
    share: float
    place: str
    spread_m: float
    when: str
    days: str
    codes: tuple[tuple[str, float], ...]


HOTSPOTS = (
    Hotspot(
        "market",
        0.085,
        "shop",
        70,
        "market",
        "any",
        (("E04-05", 30), ("E04-06", 22), ("E04-01", 20), ("E01-10", 14), ("E01-31", 4), ("E06-04", 8), ("E04-10", 8)),
    ),
    Hotspot(
        "bars",
        0.045,
        "shop",
        55,
        "night",
        "weekend",
        (("E01-28", 30), ("E01-29", 22), ("E04-09", 16), ("E01-31", 8), ("E04-02", 12), ("E01-10", 8)),
    ),
    Hotspot(
        "bus_hub",
        0.05,
        "kerb",
        60,
        "commute",
        "any",
        (("E04-10", 40), ("E04-01", 14), ("E02-01", 14), ("E04-03", 5), ("P02-04", 6), ("E01-12", 12), ("P03-05", 6)),
    ),
    Hotspot(
        "low_road", 0.03, "low", 25, "always", "burst", (("E05-06", 60), ("P01-04", 18), ("E05-03", 12), ("E01-13", 8))
    ),
    Hotspot(
        "building_site",
        0.05,
        "site",
        60,
        "day",
        "work",
        (("E03-04", 24), ("E03-02", 18), ("E03-11", 14), ("E01-14", 16), ("E03-12", 8), ("E03-06", 8), ("E03-07", 6)),
    ),
    Hotspot("night_site", 0.012, "site", 60, "night", "any", (("E03-01", 1),)),
    Hotspot(
        "school_gate",
        0.03,
        "kerb",
        45,
        "school",
        "work",
        (("E04-09", 50), ("E04-10", 18), ("E04-01", 14), ("E02-02", 6), ("P02-17", 6)),
    ),
    Hotspot(
        "old_houses",
        0.03,
        "home",
        60,
        "day",
        "any",
        (("E01-36", 30), ("E01-10", 20), ("E01-01", 8), ("E01-34", 6), ("E01-35", 10), ("E02-01", 16), ("E01-38", 4)),
    ),
    Hotspot("dark_street", 0.012, "part", 120, "dark", "any", (("P01-37", 1),)),
    Hotspot("outfall", 0.012, "water", 40, "always", "wet", (("E01-25", 40), ("E01-26", 30), ("E01-30", 12))),
)
